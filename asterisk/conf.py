"""Asterisk's configuration syntax, as far as we write it: for parsing files back.

Sections ``[name]``, ``[name](template,...)`` and ``[name](!,...)``, lines
``key = value`` and ``key => value``, comments after ``;``. ``#tryinclude`` is passed over.
"""

import re
from dataclasses import dataclass, field

SECTION = re.compile(r"\[([^\]]+)\](?:\(([^)]*)\))?")
UNSAFE = re.compile(r"[\x00-\x1f\x7f;\\\"\[\]${}<>|]")


@dataclass
class Section:
    """One section as written. ``template`` sections are only inherited from."""

    name: str
    template: bool = False
    parents: tuple[str, ...] = ()
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def get(self, key: str) -> str:
        """The last value of a key, empty when there is none."""
        return next((value for name, value in reversed(self.pairs) if name == key), "")

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.pairs if name == key]


def parse(text: str) -> list[Section]:
    """The sections of a file in order, with inherited pairs first.

    :raises ValueError: a line that is none of the above, an unknown template.
    """
    sections: list[Section] = []
    templates: dict[str, Section] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split(";", 1)[0].strip()
        if not line or line.startswith("#tryinclude "):
            continue
        if found := SECTION.fullmatch(line):
            sections.append(_section(found, templates, number))
            if sections[-1].template:
                templates[sections[-1].name] = sections[-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not sections:
            raise ValueError(f"line {number} is neither a section nor a setting: {line!r}")
        sections[-1].pairs.append((key.strip(), value.removeprefix(">").strip()))
    return sections


def _section(found: re.Match[str], templates: dict[str, Section], number: int) -> Section:
    marks = [mark.strip() for mark in (found[2] or "").split(",") if mark.strip()]
    section = Section(found[1], "!" in marks, tuple(mark for mark in marks if mark != "!"))
    for parent in section.parents:
        if parent not in templates:
            raise ValueError(f"line {number}: no template {parent!r}")
        section.pairs += templates[parent].pairs
    return section


def safe(value: object) -> str:
    """A value that may stand in an Asterisk file: Jinja's ``finalize``.

    :raises ValueError: a character that ends a line, a comment, or begins an expression.
    """
    text = str(value)
    if UNSAFE.search(text):
        raise ValueError(f"{text!r} has a character that Asterisk's files cannot hold")
    return text
