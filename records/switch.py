"""The switch: somebody closes the line by hand, says that it is short of staff, or opens it.

It holds for the line or for one queue, until an instant at which it ends by itself. What it means
beside the hours: records/opening.py.
"""

import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path

from ..hotline import Hotline
from . import kinds
from .events import MICRO, Event, instant, now
from .opening import AUTO, Switch, as_instant
from .schema import reader
from .store import Store
from .switched import of_row

LONGEST = 400  # characters of what is said
FURTHEST = 62  # days ahead that a switch may last
KINDS = {state: kind for kind, state in kinds.SWITCH.items()}


class SwitchError(Exception):
    """The switch cannot be thrown so; the text says why and what to write.

    :param about: what is wrong: queue, text, until.
    """

    def __init__(self, text: str, about: str) -> None:
        super().__init__(text)
        self.about = about


def throw(
    path: Path,
    hotline: Hotline,
    state: str,
    actor: str,
    *,
    queue: str = "",
    until: int = 0,
    text: str = "",
    sound: str = "",
    clears: bool = False,
) -> Event:
    """Write the switch down; durable when this returns.

    :param state: open, short, closed, or AUTO: as the hours say again.
    :param sound: the name of the sentence that ``text`` was made into, if it was.
    :raises SwitchError: an unknown queue, a text that is too long, an end that has passed.
    """
    check(hotline, state, queue, until, text)
    body: dict[str, object] = {"queue": queue} if queue else {}
    if state != AUTO:
        body |= {"until": until}
    body |= {"text": text} if text else {}
    body |= {"sound": sound} if sound else {}
    body |= {"clears": True} if clears else {}
    store = Store(path)
    try:
        with store.transaction():
            # What was said last counts, even if the clock was set back meanwhile.
            newest = store.connection.execute("SELECT max(since) FROM switches").fetchone()[0]
            at = max(now(), (newest or 0) + 1)
            event = Event(
                id=f"{queue or 'line'}:{KINDS[state]}:{at}",
                at=at,
                kind=KINDS[state],
                actor=actor,
                body=body,
            )
            store.add(event)
        return event
    finally:
        store.close()


def check(hotline: Hotline, state: str, queue: str, until: int, text: str) -> None:
    """:raises SwitchError: see :func:`throw`."""
    if queue and queue not in hotline.queues:
        known = ", ".join(sorted(hotline.queues))
        raise SwitchError(f"no queue {queue!r} in force; there are: {known}", "queue")
    if len(text) > LONGEST or not text.isprintable():
        raise SwitchError(f"what is said must be at most {LONGEST} printable characters", "text")
    if state != AUTO and until <= now():
        raise SwitchError("that moment has passed; write a later one, or its date, too", "until")
    if until > now() + FURTHEST * 86_400 * MICRO:
        told = f"at most {FURTHEST} days ahead; write a longer closure into [hours]"
        raise SwitchError(told, "until")


def read(connection: sqlite3.Connection) -> dict[str, Switch]:
    """Every switch as it was thrown last."""
    return {row["place"]: of_row(row) for row in connection.execute("SELECT * FROM switches")}


def read_from(path: Path) -> dict[str, Switch]:
    with closing(reader(path)) as connection:
        return read(connection)


def moment(text: str, hotline: Hotline, at: int) -> int:
    """An end as people write it: ``14:00``, ``2026-12-24``, ``2026-12-24 14:00``; empty: the end
    of the day. A date alone is meant to its end.

    :param at: the present. :raises SwitchError: it is none of these.
    """
    local = instant(at).astimezone(hotline.zone)
    day, _, clock = text.strip().rpartition(" ") if ":" in text else (text.strip(), "", "")
    try:
        when = date.fromisoformat(day) if day else local.date()
        if clock and clock != "24:00":
            hour = time.fromisoformat(clock.zfill(5))
            return as_instant(datetime.combine(when, hour, hotline.zone))
        return as_instant(datetime.combine(when + timedelta(days=1), time(), hotline.zone))
    except ValueError:
        told = f'{text!r}: write "14:00", "2026-12-24" or "2026-12-24 14:00"'
        raise SwitchError(told, "until") from None
