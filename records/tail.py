"""The journal for a person at a terminal."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from . import views
from .events import MICRO, Event, instant
from .schema import reader
from .store import last_seq, read, read_call


class LineError(Exception):
    """What was asked for is not there; the text says what to do."""


def lines(path: Path, count: int, follow: bool, as_json: bool) -> Iterator[str]:
    """The newest ``count`` events, then new ones as they come if ``follow``."""
    connection = _open(path)
    try:
        after = max(0, last_seq(connection) - count)
        while True:
            for event in read(connection, after):
                after = event.seq
                yield _json(event) if as_json else text(event)
            if not follow:
                return
            time.sleep(0.2)
    except KeyboardInterrupt:
        return
    finally:
        connection.close()


def story(path: Path, call: str, as_json: bool) -> Iterator[str]:
    """All events of one call, with the time since its arrival, then the row they add up to.

    :raises LineError: no such call.
    """
    connection = _open(path)
    try:
        row = views.call(connection, call)
        if row is None:
            raise LineError(f"there is no call {call!r}; 'decroche journal tail' shows the newest")
        for event in read_call(connection, row["call"]):
            since = (event.at - row["arrived"]) / MICRO
            yield _json(event) if as_json else f"{since:9.3f} s  {text(event, False)}"
        if as_json:
            yield msgspec.json.encode(dict(row)).decode()
        else:
            yield f"outcome: {row['outcome'] or 'under way, ' + row['stage']}"
    finally:
        connection.close()


def text(event: Event, with_time: bool = True) -> str:
    """One event on one line; the time is the machine's local time."""
    at = instant(event.at).astimezone().strftime("%F %T.%f")[:-3] + "  " if with_time else ""
    details = " ".join(f"{name}={value}" for name, value in event.body.items())
    return f"{at}{event.kind:<18} {event.actor:<12} {details}  {event.call}".rstrip()


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise LineError(f"there is no line in {path.parent}; 'decroche init' makes one")
    return reader(path)


def _json(event: Event) -> str:
    return msgspec.json.encode(event).decode()
