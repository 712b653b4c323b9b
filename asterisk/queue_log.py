"""Asterisk's queue_log: what its own Queue() did, read on from a place.

It says little that the channel event log does not say, but it is a second hand: a
file of lines, written when the other is locked or broken. The facts have the same ids,
so that whichever comes first counts.

A line is ``TIME|CALL|QUEUE|MEMBER|EVENT|PARAMETERS...``, TIME in whole seconds. A place is
the file's number (inode) and how many bytes of it were read: a file that is another one,
or shorter, has been rotated and is read from its beginning.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from ..records import kinds
from ..records.events import MICRO, Event, of_call

BYTES = 1 << 20  # of one portion
UNIQUE = re.compile(r"(?:\d{14}-)?\d{9,11}\.\d{1,9}")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
DISMISSED = {"EXITWITHTIMEOUT": "overflow", "EXITEMPTY": "refused-empty"}


def read(path: Path, place: str, until: int) -> tuple[Sequence[str], str]:
    """The whole lines behind a place, at most BYTES of them, and the place behind those.

    :param until: lines from this instant on (microseconds UTC) are left for later.
    :raises OSError: the file cannot be read.
    """
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        return (), place
    with file:
        status = path.stat()
        number, _, offset = place.partition(" ")
        begin = int(offset) if number == str(status.st_ino) and offset.isdigit() else 0
        file.seek(begin if begin <= status.st_size else 0)
        begin = file.tell()
        data = file.read(BYTES)
    lines, length = [], 0
    for line in data.splitlines(keepends=True):
        time = line.split(b"|", 1)[0]
        whole = line.endswith(b"\n") or len(line) == BYTES  # no line of Asterisk's is that long
        if not whole or (time.isdigit() and int(time) * MICRO >= until):
            break
        lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        length += len(line)
    return lines, f"{status.st_ino} {begin + length}"


def translate(line: str, agents: frozenset[str]) -> Event | None:
    """The journal event that a line means, or None.

    :param agents: the names that we know; a line about anybody else says nothing.
    """
    parts = line.split("|")
    if len(parts) < 5 or not parts[0].isdigit() or not UNIQUE.fullmatch(parts[1]):
        return None
    at, call, queue, member, event = int(parts[0]) * MICRO, *parts[1:5]
    if event == "ENTERQUEUE" and NAME.fullmatch(queue):
        return of_call(call, call, kinds.FELL_BACK, at, {"queue": queue}, queue)
    if event in DISMISSED:
        outcome = DISMISSED[event]
        return of_call(call, call, kinds.DISMISSED, at, {"outcome": outcome}, outcome)
    if event == "CONNECT" and member in agents and len(parts) > 6 and UNIQUE.fullmatch(parts[6]):
        body = {"agent": member, "offer": parts[6]}
        return of_call(call, parts[6], kinds.ANSWERED, at, body)
    return None
