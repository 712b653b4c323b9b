"""From the state to pieces of HTML by element id, in one language.

Durations stay empty in the pieces (clock.py fills them), so that two paintings of the same
facts are the same text, and only what changed is sent. A piece whose facts are those of last
time is not even painted again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from ..records.events import instant
from ..records.opening import Opening
from . import chart, clock
from .settings import CALLS_SHOWN
from .state import PAUSED, Agent, Call, Queue, State
from .words import Words

Pieces = dict[str, str]
Piece = tuple[str, object, Callable[[], object]]  # id, facts, how it is painted


@dataclass(frozen=True)
class Thrown:
    """A switch as people read it. ``place``: the queue's label, empty for the line."""

    place: str
    state: str
    when: str
    actor: str
    text: str
    spoken: bool
    clears: bool


class Painter:
    """Paints the pieces of one language. Templates: templates/pieces.html."""

    def __init__(self, environment: Environment, words: Words) -> None:
        self.words = words
        self._template: Any = environment.get_template("pieces.html").make_module(
            {"t": words, "shown": CALLS_SHOWN}
        )
        self._painted: dict[str, tuple[object, str]] = {}

    def pieces(self, state: State) -> Pieces:
        """Everything that may change, in the order of the page."""
        painted = {}
        for id, facts, paint in self._plan(state):
            known = self._painted.get(id)
            if known is None or known[0] != facts:
                known = (facts, str(paint()))
            painted[id] = known
        self._painted = painted
        return {id: html for id, (_, html) in painted.items()}

    def opening(self, opening: Opening, at: int) -> str:
        """The pill that says whether the line is open, and until when."""
        return str(self._template.opening(*self._open_until(opening, at)))

    def _plan(self, state: State) -> Iterator[Piece]:
        paint, day, online = self._template, state.day, state.online
        until = self._open_until(state.opening, state.now)
        yield "opening", until, lambda: paint.opening(*until)
        thrown = self._thrown(state)
        yield "switch", (until, thrown), lambda: paint.switch(until[0], until[1], thrown)
        yield "trouble", (state.lost, state.trouble), lambda: paint.trouble(state)
        figures = {
            "fig-waiting": (len(state.waiting), state.oldest, state.promised),
            "fig-talking": (state.talking, day.median),
            "fig-free": (state.count("free"), online, state.count(*PAUSED)),
            "fig-today": day.figures,
            "fig-unanswered": (day.figures, state.owed),
        }
        for id, facts in figures.items():
            yield id, facts, lambda id=id: paint.figure(id, state)  # type: ignore[misc]
        free = (state.number, state.count("free"))
        yield "calls-empty", free, lambda: paint.nobody_calls(state)
        yield "calls-more", len(state.calls), lambda: paint.more(len(state.calls))
        for call in sorted(state.calls.values(), key=lambda call: call.order):
            yield self._call(call, state)
        for queue in state.queues():
            yield self._queue(queue, state)
        yield "chart", (day.slots, day.began, state.hotline), lambda: self._chart(state)
        yield "agents-online", online, lambda: paint.online(state)
        yield "agents-empty", (state.staff, online), lambda: paint.nobody_online(state)
        late = [(label, self._hour(at, state)) for label, at in state.late]
        yield "agents-expected", late, lambda: paint.expected(late)
        for agent in sorted(state.agents.values(), key=lambda agent: agent.order):
            if agent.group != "away":
                yield self._agent(agent, state)

    def _call(self, call: Call, state: State) -> Piece:
        queue, agent = state.queue_label(call.queue), state.agent_label(call.agent)
        zone = state.hotline.line.timezone

        def paint() -> object:
            return self._template.call(call, queue, agent, self._since(call.since, state))

        return call.id, (call, queue, agent, zone), paint

    def _queue(self, queue: Queue, state: State) -> Piece:
        def paint() -> object:
            oldest = self._since(queue.oldest, state) if queue.oldest else ""
            return self._template.queue(queue, oldest)

        return f"queue-{queue.name}", queue, paint

    def _agent(self, agent: Agent, state: State) -> Piece:
        until = self._hour(agent.until, state) if agent.until is not None else ""
        facts, since = (agent, until), agent.since // 1000
        return agent.id, facts, lambda: self._template.agent(agent, since, until)

    def _hour(self, at: int, state: State) -> str:
        return clock.hour(instant(at).astimezone(state.hotline.zone), self.words.language)

    def _chart(self, state: State) -> object:
        local = instant(state.now).astimezone(state.hotline.zone)
        drawn = chart.chart(state.day.slots, state.hotline, local)
        return self._template.chart(drawn, chart.WIDTH, chart.HEIGHT)

    def _since(self, at: int, state: State) -> Markup:
        """A time element that the page counts; its exact local time shows on hover."""
        return Markup('<time datetime="{}" data-since="{}" title="{}"></time>').format(
            clock.iso(at),
            at // 1000,
            self.words("since", at=clock.exact(at, state.hotline.zone)),
        )

    def _open_until(self, opening: Opening, at: int) -> tuple[str, str]:
        """The state of the line, and until when."""
        change = opening.next_change(at)
        when = self._when_of(change, at, opening.hotline.zone) if change else ""
        return opening.state(at), when

    def _thrown(self, state: State) -> list[Thrown]:
        """The switches that decide now, the line's first."""
        found, zone = state.opening.in_force(state.now), state.hotline.zone
        return [
            Thrown(
                place=state.queue_label(queue) if queue else "",
                state=one.state,
                when=self._when_of(one.until, state.now, zone),
                actor=one.actor,
                text=one.text,
                spoken=bool(one.sound),
                clears=one.clears,
            )
            for queue, one in sorted(found.items())
        ]

    def _when_of(self, instant_: int, at: int, zone: ZoneInfo) -> str:
        return self._when(instant(instant_).astimezone(zone), instant(at))

    def _when(self, at: datetime, now: datetime) -> str:
        """ "18 h" today, "demain 9 h", "lundi 9 h"; ``at`` is local."""
        hour = clock.hour(at, self.words.language)
        days = (at.date() - now.astimezone(at.tzinfo).date()).days
        if days == 0:
            return hour
        if days >= 7:
            return f"{at:%d/%m} {hour}"
        name = clock.day_name(at.date(), self.words.language)
        return f"{self.words('tomorrow') if days == 1 else name} {hour}"
