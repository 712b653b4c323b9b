"""Keeps the board's state equal to the journal: after an event only what it touched is read.

One per process. Reading holds the event loop for well under a millisecond per event, and
PAUSE in stream.py bounds how often. Instants are microseconds UTC.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from time import monotonic_ns

from ..hotline import Hotline
from ..records import callbacks, kinds, ledger, shifts, switch, views
from ..records.events import MICRO, Event, instant, now
from ..records.opening import Opening
from ..records.rota import DAY, Rota
from ..records.store import last_seq, read
from . import queries
from .clock import midnight
from .settings import DAY_COSTS, SLOT_MINUTES
from .state import Agent, Day, State, agent_of, call_of, slot_of

RUNG = {kinds.RANG, kinds.ANSWERED, kinds.OFFER_ENDED}  # these change what an agent does
OWING = {kinds.ENDED, kinds.ANSWERED, kinds.KNOWN} | kinds.LEDGER_KINDS | kinds.BACK_KINDS
COUNTED = {kinds.ARRIVED, kinds.ANSWERED, kinds.ENDED}  # these change the day's figures


class Board:
    """``note`` events as they come; ``refresh`` reads what they touched."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        hotline: Callable[[], Hotline],
        trouble: Callable[[], str],
    ) -> None:
        self._connection = connection
        self.hotline = hotline
        self._trouble = trouble
        self._calls: set[str] = set()
        self._people = False
        self._owed = True  # who is to be called back may have changed
        self._day = False
        self._day_after = 0  # instant before which the day is not counted again
        self._all = True  # nothing has been read yet
        self._rota: tuple[date, Rota, dict[str, str]] | None = None  # of a local date
        self._turned = True  # a switch may have been thrown
        self._opening = Opening(hotline())
        self.seq = last_seq(connection)
        self.lost = queries.lost_since(connection)
        at = now()
        self.state = State(hotline(), at, self._read_day(at), self.opening())

    def note(self, events: Sequence[Event]) -> None:
        """Remember what these events touched; what was noted before is passed over."""
        for event in events:
            if event.seq <= self.seq:
                continue
            self.seq = event.seq
            self._owed |= event.kind in OWING
            if event.kind in kinds.CALL_KINDS:
                self._calls.add(event.call)
                self._people |= event.kind in RUNG
                self._day |= event.kind in COUNTED
            elif event.kind == kinds.PBX_LOST:
                self.lost = self.lost or event.at
            elif event.kind == kinds.PBX_CONNECTED:
                self.lost = None
            elif event.kind in kinds.PEOPLE_KINDS | kinds.SHIFT_KINDS:
                self._all, self._rota = True, None
            elif event.kind in kinds.SWITCH:
                self._turned = True
            else:
                self._people = True

    def catch_up(self) -> None:
        """Note what is committed already, without waiting for the journal to tell."""
        while events := list(read(self._connection, self.seq)):
            self.note(events)

    def forget(self) -> None:
        """Read everything again at the next refresh."""
        self._all = True

    def refresh(self, at: int) -> None:
        """Bring ``state`` up to the events noted so far.

        :raises sqlite3.Error: the database cannot be read; what was noted is kept.
        """
        if self._all or at - self.state.day.began >= 86400 * MICRO:
            self._read_all(at)
        else:
            self._read_touched(at)
        if self._owed:
            self.state.owed = ledger.count(self._connection)
            self.state.promised = callbacks.count(self._connection)
            self._owed = False
        self.state.now = at
        self.state.lost = self.lost
        self.state.trouble = self._trouble()

    def opening(self) -> Opening:
        """The hours and the switches in force; as they were, if the database cannot be read."""
        hotline, switches = self.hotline(), self._opening.switches
        if self._turned:
            with suppress(sqlite3.Error):
                switches = switch.read(self._connection)
                self._turned = False
        if hotline is not self._opening.hotline or switches != self._opening.switches:
            self._opening = Opening(hotline, switches)
        return self._opening

    def due(self, at: int) -> bool:
        """Whether time alone has changed something: a rest or a day has ended, an hour struck."""
        agents = self.state.agents.values()
        ends = [a.rest_until for a in agents if a.group == "resting"]
        ends += [a.until for a in agents if a.until is not None and a.group != "away"]
        opening, before = self.state.opening, self.state.now
        return (
            any(self.state.now < until <= at for until in ends)
            or self._trouble() != self.state.trouble
            or self.day_is_due(at)
            or opening.state(before) != opening.state(at)
            or opening.in_force(before) != opening.in_force(at)
        )

    def day_is_due(self, at: int) -> bool:
        return self._day and at >= self._day_after

    def _read_all(self, at: int) -> None:
        connection = self._connection
        calls = [(row["call"], call_of(row)) for row in views.open_calls(connection)]
        people = [agent_of(row, at) for row in views.there(connection)]
        members = queries.members(connection)
        self.state = State(self.hotline(), at, self._read_day(at), self.opening())
        self._owed = True
        self.state.calls = {key: call for key, call in calls if call}
        self.state.agents = {agent.name: agent for agent in people}
        self.state.members, self.state.expected = members, self._expected(at)
        self.state.staff = views.staff(connection)
        self._calls.clear()
        self._all = self._people = False

    def _expected(self, at: int) -> dict[str, tuple[str, int]]:
        """Who has a shift now: alias, and since when. The rota is read once a day, and when it
        or somebody changes.
        """
        zone = self.hotline().zone
        today = instant(at).astimezone(zone).date()
        if self._rota is None or self._rota[0] != today:
            rota = shifts.read(self._connection, today - DAY)
            self._rota = (today, rota, views.working(self._connection))
        _, rota, labels = self._rota
        expected = rota.expected(at, zone).items()
        return {name: (labels[name], since) for name, since in expected if name in labels}

    def _read_touched(self, at: int) -> None:
        state = self.state
        state.hotline, state.opening = self.hotline(), self.opening()
        for key in sorted(self._calls):
            row = views.call(self._connection, key)
            call = call_of(row) if row else None
            if call:
                state.calls[key] = call
            else:
                state.calls.pop(key, None)
        self._calls.clear()
        if self._people or any(_changes(a, at) for a in state.agents.values()):
            people = [agent_of(row, at) for row in views.there(self._connection)]
            state.agents = {agent.name: agent for agent in people}
            self._people = False
        if self.day_is_due(at):
            state.day = self._read_day(at)

    def _read_day(self, at: int) -> Day:
        """Count the day: a fraction of a millisecond in the morning, some in the evening."""
        counting, line = monotonic_ns(), self.hotline()
        zone = line.zone
        began, width = midnight(at, zone), SLOT_MINUTES * 60 * MICRO
        rows = views.slots(self._connection, began, width)
        day = Day(
            began=began,
            figures=views.figures(self._connection, began),
            median=queries.median_talk(self._connection, began),
            shares=queries.in_time(self._connection, began, line.line.service_level),
            slots=tuple(slot_of(row, began, width, zone) for row in rows),
        )
        self._day = False
        self._day_after = at + DAY_COSTS * (monotonic_ns() - counting) // 1000
        return day


def _changes(agent: Agent, at: int) -> bool:
    """Whether time alone may have changed what an agent is."""
    ended = agent.until is not None and agent.until <= at and agent.group == "free"
    return agent.group == "resting" or ended
