"""What the board shows, as values: made of rows, with nothing of HTML and no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from ..hotline import Hotline
from ..records.changes import Row
from ..records.events import instant
from ..records.opening import Opening
from ..records.presence import is_over
from ..records.views import Figures
from .queries import Share

STEPS = ("greeting", "menu", "waiting", "ringing", "talking")
RANK = {"waiting": 1, "ringing": 2, "talking": 3, "menu": 4, "greeting": 5}
GROUPS = ("free", "ringing", "talking", "resting", "paused", "capped", "unreachable", "away")
PAUSED = ("resting", "paused", "capped")  # there, and not to be rung now
LISTS = {  # where a group stands on the page; who is away is only counted
    "free": "agents-free",
    "ringing": "agents-free",
    "talking": "agents-talking",
    "resting": "agents-pause",
    "paused": "agents-pause",
    "capped": "agents-pause",
    "unreachable": "agents-unreachable",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has not ended; ``since`` is the beginning of its stage, microseconds UTC.

    Somebody whose call rings at an agent's phone still waits: ``queued`` is when that began.
    """

    number: int
    queue: str
    stage: str
    since: int
    queued: int
    agent: str
    fellback: bool

    @property
    def id(self) -> str:
        return f"call-{self.number}"

    @property
    def order(self) -> str:
        """Who waits stands first, the longest on top; then who rings, who talks, the menu."""
        return f"{RANK[self.stage]}-{self.since:017}-{self.number:09}"

    @property
    def step(self) -> int:
        return STEPS.index(self.stage)

    @property
    def waits(self) -> bool:
        return self.stage in ("waiting", "ringing")


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent in exactly one of GROUPS, since an instant (microseconds UTC)."""

    name: str
    label: str
    group: str
    since: int
    rest_until: int
    until: int | None = None  # when the availability ends by itself
    missed: bool = False  # paused because the phone rang in vain

    @property
    def id(self) -> str:
        return f"agent-{self.name}"

    @property
    def list(self) -> str:
        return LISTS[self.group]

    @property
    def order(self) -> str:
        return f"{GROUPS.index(self.group)}-{self.label.casefold()}-{self.name}"


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: who waits, since when the longest, and its agents by group."""

    name: str
    label: str
    waiting: int
    oldest: int | None
    talking: int
    ringing: int
    free: int
    paused: int
    share: Share | None

    @property
    def online(self) -> int:
        return self.talking + self.ringing + self.free + self.paused


@dataclass(frozen=True, slots=True)
class Slot:
    """A bar of the chart: hours of the local day, and its calls."""

    hour: float
    answered: int
    unanswered: int


@dataclass(frozen=True)
class Day:
    """What is counted over the whole local day, which began at ``began``."""

    began: int
    figures: Figures
    median: int | None  # seconds
    shares: Mapping[str, Share]
    slots: tuple[Slot, ...]


@dataclass
class State:
    """All that the board knows; ``seq`` is the last journal event in it."""

    hotline: Hotline
    now: int
    day: Day
    opening: Opening
    calls: dict[str, Call] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    staff: int = 0  # agents of the line, whether they are there or not
    lost: int | None = None  # since when there is no connection to the PBX
    trouble: str = ""  # what the database says
    owed: int = 0  # callers in the ledger
    promised: int = 0  # call-backs that are promised
    expected: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # by shifts: alias, since

    def queue_label(self, name: str | None) -> str:
        queue = self.hotline.queues.get(name or "")
        return queue.label if queue else name or ""

    def agent_label(self, name: str | None) -> str:
        agent = self.agents.get(name or "")
        return agent.label if agent else name or ""

    @property
    def waiting(self) -> list[Call]:
        return [call for call in self.calls.values() if call.waits]

    @property
    def talking(self) -> int:
        return sum(call.stage == "talking" for call in self.calls.values())

    def count(self, *groups: str) -> int:
        return sum(agent.group in groups for agent in self.agents.values())

    @property
    def late(self) -> list[tuple[str, int]]:
        """Who is expected now and away: alias, and since when."""
        found = [one for name, one in self.expected.items() if self._is_away(name)]
        return sorted(found, key=lambda one: (one[1], one[0].casefold()))

    def _is_away(self, name: str) -> bool:
        return name not in self.agents or self.agents[name].group == "away"

    @property
    def online(self) -> int:
        return len(self.agents) - self.count("away")

    @property
    def oldest(self) -> int | None:
        return oldest(self.waiting)

    @property
    def number(self) -> str:
        """The number to dial, grouped as people write it; empty without a trunk."""
        dids = [did for trunk in self.hotline.trunks.values() for did in trunk.dids]
        return grouped(dids[0]) if dids else ""

    def queues(self) -> list[Queue]:
        return [self.queue(name) for name in self.hotline.queues]

    def queue(self, name: str) -> Queue:
        # An overflowing call stays in its queue until somebody answers.
        waiting = [c for c in self.calls.values() if c.waits and c.queue == name]
        members = self.members.get(name, frozenset())
        groups = [agent.group for agent in self.agents.values() if agent.name in members]
        return Queue(
            name=name,
            label=self.queue_label(name),
            waiting=len(waiting),
            oldest=oldest(waiting),
            talking=groups.count("talking"),
            ringing=groups.count("ringing"),
            free=groups.count("free"),
            paused=sum(group in PAUSED for group in groups),
            share=self.day.shares.get(name),
        )


def oldest(calls: Iterable[Call]) -> int | None:
    return min((call.queued for call in calls), default=None)


def call_of(row: Row) -> Call | None:
    """A row of ``calls``; None when the call has ended."""
    if row["ended"] is not None or row["stage"] not in RANK:
        return None
    return Call(
        number=row["number"],
        queue=row["queue"] or "",
        stage=row["stage"],
        since=row["since"],
        queued=row["queued"] or row["since"],
        agent=row["agent"] or "",
        fellback=bool(row["fellback"]),
    )


def agent_of(row: Row, now: int) -> Agent:
    """A row of views.presence at an instant: a talk counts for more than a declaration."""
    group, since = _group(row, now)
    missed = group == "paused" and row["by"] == "missed"
    until, rest = row["until"], row["rest_until"]
    return Agent(row["name"], row["label"], group, since, rest, until=until, missed=missed)


def _group(row: Row, now: int) -> tuple[str, int]:
    if row["stage"] in ("talking", "ringing"):
        return row["stage"], row["stage_since"]
    if row["state"] != "available":
        return row["state"], row["since"]
    if is_over(row, now):  # and not written down yet
        return "away", row["until"]
    if not row["reachable"]:
        return "unreachable", row["since"]
    if row["capped_until"] > now:
        return "capped", row["stage_since"]
    if row["rest_until"] > now:
        return "resting", row["stage_since"]
    return "free", max(row["since"], row["stage_since"], row["rest_until"])


def slot_of(row: Mapping[str, Any], began: int, width: int, zone: ZoneInfo) -> Slot:
    """A row of views.slots, by the wall clock: a night of 23 or 25 hours shifts nothing."""
    local = instant(began + row["slot"] * width).astimezone(zone)
    return Slot(local.hour + local.minute / 60, row["answered"], row["unanswered"])


def grouped(number: str) -> str:
    """A French national number in pairs; any other as it is."""
    if len(number) == 10 and number.startswith("0"):
        return "\u00a0".join(number[at : at + 2] for at in range(0, 10, 2))
    return number
