"""What happened, as Asterisk itself wrote it down: the channel event log of a benchmark.

Times are Asterisk's, when each thing happened, however late the record was written.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Story:
    """One call. Times are seconds since 1970, 0 for what did not happen."""

    arrived: float = 0
    answered: float = 0  # an agent entered the bridge
    ended: float = 0  # the caller's channel is gone
    fell_back: bool = False


@dataclass
class Phone:
    """What one agent's phone did: (time, "rang" or "free"), in order."""

    events: list[tuple[float, str]] = field(default_factory=list)


class Cel:
    """The records of one line, from ``mark()`` on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._after = 0

    def mark(self) -> None:
        """Forget what is there so far."""
        self._after = self._number("SELECT coalesce(max(rowid), 0) FROM cel")

    def count(self, event: str, channel: str, extra: str = "*") -> int:
        """How many records; ``channel`` and ``extra`` (Asterisk's JSON) as SQL's GLOB."""
        sql = """SELECT count(*) FROM cel
            WHERE rowid > ? AND eventtype = ? AND channel GLOB ? AND extra GLOB ?"""
        return self._number(sql, self._after, event, channel, extra)

    def wait_for(self, calls: int, seconds: float) -> None:
        """Until the ends of so many calls are written down, or nothing comes any more."""
        end, before = time.monotonic() + seconds, -1
        while time.monotonic() < end:
            ended = self.count("HANGUP", "PJSIP/trunk-*")
            if ended >= calls and ended == before:
                return
            before = ended
            time.sleep(0.2)

    def stories(self) -> list[Story]:
        """The calls, in order of arrival."""
        calls: dict[str, Story] = {}
        for event, at, channel, linked in self._rows():
            story = calls.setdefault(linked, Story())
            theirs = channel.startswith("PJSIP/trunk-")
            if event == "CHAN_START" and theirs:
                story.arrived = at
            elif event == "BRIDGE_ENTER" and not theirs:
                story.answered = story.answered or at
            elif event == "HANGUP" and theirs:
                story.ended = at
            elif event == "call.fellback":
                story.fell_back = True
        return sorted((s for s in calls.values() if s.arrived), key=lambda s: s.arrived)

    def phones(self) -> dict[str, Phone]:
        """The agents' phones by name."""
        found: dict[str, Phone] = {}
        for event, at, channel, _ in self._rows():
            if channel.startswith("PJSIP/trunk-") or event not in ("CHAN_START", "HANGUP"):
                continue
            name = channel.removeprefix("PJSIP/").rpartition("-")[0]
            what = "rang" if event == "CHAN_START" else "free"
            found.setdefault(name, Phone()).events.append((at, what))
        return found

    def _rows(self) -> Sequence[tuple[str, float, str, str]]:
        sql = """SELECT eventtype, CAST(eventtime AS REAL), channel, linkedid FROM cel
            WHERE rowid > ? ORDER BY CAST(eventtime AS REAL), rowid"""
        return self._ask(sql, self._after)

    def _number(self, sql: str, *values: object) -> int:
        found = self._ask(sql, *values)
        return int(found[0][0]) if found else 0

    def _ask(self, sql: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as db:
            try:
                return db.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # Asterisk makes it at its first call
                    return []
                raise


def steady_rate(ends: Sequence[float]) -> float:
    """Calls per second between the first and the last fifth of all ends (seconds)."""
    ordered = sorted(ends)
    middle = ordered[len(ordered) // 5 : len(ordered) - len(ordered) // 5]
    return (len(middle) - 1) / (middle[-1] - middle[0]) if len(middle) > 1 else 0.0
