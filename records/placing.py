"""Where new tables and keys stand in hotline.toml, as somebody who edits it would put them.

tomlkit takes a comment above a table's header for the end of the table before it: the comment
would go with that table, and a new table or key would come between a comment and its header.
Only "\n" ends a line here: a text may hold other characters that str.splitlines() takes for ends.
"""

import re
import tomllib

KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")


def in_place(old: str, new: str) -> str:
    """``new`` with its comments where they stood in ``old``, and its new keys where one looks."""
    before, lines = old.split("\n"), new.split("\n")
    for header in _headers(lines):
        comment = _above(before, header)
        if _above(lines, header) == comment and header in before:
            continue
        lines = _without(lines, comment)
        at = lines.index(header)
        head = lines[:at]
        while head and not head[-1].strip():
            head.pop()
        lines = [*head, *([""] if head else []), *comment, *lines[at:]]
    for header in _headers(lines):
        if header in before:
            lines = _keys_placed(before, lines, header)
    placed = "\n".join(lines).rstrip("\n") + "\n"
    return placed if _means(placed, new) else new


def _means(text: str, other: str) -> bool:
    """Whether two texts say the same: lines within a text of several lines may look like tables."""
    try:
        return tomllib.loads(text) == tomllib.loads(other)
    except tomllib.TOMLDecodeError:
        return False


def _headers(lines: list[str]) -> list[str]:
    """The headers of tables; not of those that have several ([[...]])."""
    found = (line for line in lines if line.lstrip().startswith("["))
    return [line for line in found if not line.lstrip().startswith("[[")]


def _above(lines: list[str], header: str) -> list[str]:
    """The comment that stands right above a header, after a blank line or at the top."""
    at = begin = lines.index(header) if header in lines else 0
    while begin and lines[begin - 1].lstrip().startswith("#"):
        begin -= 1
    alone = not begin or not lines[begin - 1].strip()
    return lines[begin:at] if alone else []


def _without(lines: list[str], block: list[str]) -> list[str]:
    """The lines without a block and the blank lines before it."""
    for at in range(len(lines) if block else 0):
        if lines[at : at + len(block)] == block:
            begin = at
            while begin and not lines[begin - 1].strip():
                begin -= 1
            return lines[:begin] + lines[at + len(block) :]
    return lines


def _keys_placed(old: list[str], new: list[str], header: str) -> list[str]:
    """Each key that is new in a table below its commented default, else below the last key."""
    there = {found[1] for line in _block(old, header) if (found := KEY.match(line))}
    for line in _block(new, header):
        found = KEY.match(line)
        if found and found[1] not in there and not line.rstrip().endswith("["):
            rest = list(new)
            del rest[new.index(line, new.index(header))]
            at = rest.index(header) + 1 + _place(_block(rest, header), found[1])
            new = [*rest[:at], line, *rest[at:]]
    return new


def _block(lines: list[str], header: str) -> list[str]:
    """The lines of a table, without its header."""
    begin = lines.index(header) + 1
    end = begin
    while end < len(lines) and not lines[end].lstrip().startswith("["):
        end += 1
    return lines[begin:end]


def _place(block: list[str], key: str) -> int:
    """Where in its table a key is looked for: among the lines before the first blank one."""
    first = next((at for at, line in enumerate(block) if not line.strip()), len(block))
    last = 0
    for at, line in enumerate(block[:first], 1):
        if re.match(rf"\s*#\s*{re.escape(key)}\s*=", line):
            return at
        if not line.lstrip().startswith("#"):
            last = at
    return last
