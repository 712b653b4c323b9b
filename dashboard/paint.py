"""From the state to pieces of HTML by element id, in one language.

Durations stay empty in the pieces (clock.py fills them), so that two paintings of the same
facts are the same text, and only what changed is sent.
"""

from datetime import datetime
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ..hotline import Hotline
from ..records.events import instant
from . import chart, clock
from .settings import CALLS_SHOWN
from .state import Agent, Call, State
from .words import Words

Pieces = dict[str, str]

FIGURES = ("fig-waiting", "fig-talking", "fig-free", "fig-today", "fig-unanswered")


class Painter:
    """Paints the pieces of one language. Templates: templates/pieces.html."""

    def __init__(self, environment: Environment, words: Words) -> None:
        self.words = words
        self._paint: Any = environment.get_template("pieces.html").make_module(
            {"t": words, "shown": CALLS_SHOWN}
        )
        self._rows: dict[str, tuple[tuple[Call, str, str], str]] = {}
        self._pills: dict[str, tuple[Agent, str]] = {}

    def pieces(self, state: State) -> Pieces:
        """Everything that may change, in the order of the page."""
        painted = {
            "opening": self.opening(state.hotline, state.now),
            "trouble": str(self._paint.trouble(state)),
        }
        painted |= {name: str(self._paint.figure(name, state)) for name in FIGURES}
        painted["calls-empty"] = str(self._paint.nobody_calls(state))
        painted["calls-more"] = str(self._paint.more(len(state.calls)))
        painted |= self.calls(state)
        painted |= self.queues(state)
        painted |= {"chart": self.chart(state)}
        painted |= {
            "agents-online": str(self._paint.online(state)),
            "agents-empty": str(self._paint.nobody_online(state)),
        }
        return painted | self.agents(state)

    def calls(self, state: State) -> Pieces:
        """A row per call; one whose facts are those of last time is not painted again."""
        painted = {}
        for call in sorted(state.calls.values(), key=lambda call: call.order):
            queue, agent = state.queue_label(call.queue), state.agent_label(call.agent)
            known = self._rows.get(call.id)
            if known is None or known[0] != (call, queue, agent):
                row = str(self._paint.call(call, queue, agent, self._since(call.since, state)))
                known = ((call, queue, agent), row)
            painted[call.id] = known
        self._rows = painted
        return {id: row for id, (_, row) in painted.items()}

    def agents(self, state: State) -> Pieces:
        painted = {}
        for agent in sorted(state.agents.values(), key=lambda agent: agent.order):
            if agent.group != "away":
                known = self._pills.get(agent.id)
                if known is None or known[0] != agent:
                    known = (agent, str(self._paint.agent(agent, agent.since // 1000)))
                painted[agent.id] = known
        self._pills = painted
        return {id: pill for id, (_, pill) in painted.items()}

    def queues(self, state: State) -> Pieces:
        painted = {}
        for queue in state.queues():
            oldest = self._since(queue.oldest, state) if queue.oldest else ""
            painted[f"queue-{queue.name}"] = str(self._paint.queue(queue, oldest))
        return painted

    def chart(self, state: State) -> str:
        local = instant(state.now).astimezone(state.hotline.zone)
        drawn = chart.chart(state.day.slots, state.hotline, local)
        return str(self._paint.chart(drawn, chart.WIDTH, chart.HEIGHT))

    def opening(self, hotline: Hotline, at: int) -> str:
        now = instant(at)
        change = hotline.next_change(now)
        when = self._when(change.astimezone(hotline.zone), now) if change else ""
        return str(self._paint.opening(hotline.is_open(now), when))

    def _since(self, at: int, state: State) -> Markup:
        """A time element that the page counts; its exact local time shows on hover."""
        return Markup('<time datetime="{}" data-since="{}" title="{}"></time>').format(
            clock.iso(at),
            at // 1000,
            self.words("since", at=clock.exact(at, state.hotline.zone)),
        )

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
