"""Generated calls and an independent model of their figures, for the tests of figures."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from decroche import hotline
from decroche.records import kinds, tokens
from decroche.records.events import MICRO, Event
from decroche.records.store import Store

PARIS = ZoneInfo("Europe/Paris")
LINE = hotline.parse("""[line]
name = "Entraide"
service_level = 30
[menu]
default = "visio"
choices = [
    { key = "1", queue = "demarches", label = "Vos démarches" },
    { key = "2", queue = "visio", label = "La visio" },
]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio, famille"
""")
WAYS: tuple[str, ...] = ("talk", "talk", "talk", *kinds.GAVE_UP, *kinds.DISMISSALS)
WAYS += ("interrupted", "open")


@dataclass(frozen=True)
class Call:
    """What happened, as its generator knows it. Instants in microseconds UTC."""

    number: int
    arrived: int
    caller: str | None
    key: str
    queue: str
    way: str  # how it ended; "open": it goes on
    waits: int  # microseconds
    talks: int

    @property
    def has_queue(self) -> bool:
        return self.way not in ("greeting", "menu", "closed", "limited")

    @property
    def waited(self) -> int | None:
        """Seconds, rounded up, of those who met an open line and are done with waiting."""
        if self.way in ("closed", "limited", "open"):
            return None
        return -(-(self.waits if self.has_queue else 6 * MICRO) // MICRO)

    def local(self, zone: ZoneInfo = PARIS) -> datetime:
        return datetime.fromtimestamp(self.arrived / MICRO, zone)

    def events(self) -> list[Event]:
        """Its facts: greeting, menu at 1 s, queue at 4 s, else an end at 6 s."""
        steps: list[tuple[str, int, dict[str, str]]] = []
        steps.append((kinds.ARRIVED, 0, {"trunk": "t", "did": "1"}))
        steps.append((kinds.KNOWN, 0, {"caller": self.caller} if self.caller else {}))
        if self.way not in ("greeting", "closed", "limited"):
            steps.append((kinds.ASKED, MICRO, {}))
        if self.key and self.has_queue:
            steps.append((kinds.CHOSE, 4 * MICRO, {"key": self.key, "queue": self.queue}))
        if self.has_queue:
            steps.append((kinds.QUEUED, 4 * MICRO, {"queue": self.queue}))
        steps += self._last_steps()
        key = f"b-{self.number}"
        return [
            Event(id=f"{key}:{kind}", at=self.arrived + at, kind=kind, call=key, body=dict(body))
            for kind, at, body in steps
        ]

    def _last_steps(self) -> Iterable[tuple[str, int, dict[str, str]]]:
        rung = {"agent": "ana", "offer": f"o-{self.number}"}
        over = 4 * MICRO + self.waits if self.has_queue else 6 * MICRO
        if self.way in ("talk", "ringing"):
            yield kinds.RANG, 4 * MICRO, rung
        if self.way == "talk":
            yield kinds.ANSWERED, over, rung
            over += self.talks
            yield kinds.OFFER_ENDED, over, rung | {"cause": "16"}
        if self.way in kinds.DISMISSALS:
            yield kinds.DISMISSED, over, {"outcome": self.way}
        if self.way == "interrupted":
            yield kinds.ENDED, over, {"outcome": "interrupted"}
        elif self.way != "open":
            yield kinds.ENDED, over, {"cause": "16"}


def generate(seed: int, count: int, since: int, until: int) -> list[Call]:
    """Calls at random moments of an interval, in order of arrival."""
    chance = random.Random(seed)
    people = [tokens.token(f"+336{number:08}", "11" * 32) for number in range(count // 3)]
    moments = sorted(chance.randrange(since, until) for _ in range(count))
    calls = []
    for number, arrived in enumerate(moments, 1):
        key = chance.choice(["1", "2", "9", ""])
        calls.append(
            Call(
                number=number,
                arrived=arrived,
                caller=None if chance.random() < 0.1 else chance.choice(people),
                key=key,
                queue="demarches" if key == "1" else "visio",
                way=chance.choice(WAYS),
                waits=int(chance.expovariate(1 / 60) * MICRO) + 1,
                talks=int(chance.expovariate(1 / 400) * MICRO) + 1,
            )
        )
    return calls


def append(path: Path, calls: Iterable[Call]) -> None:
    store = Store(path)
    for call in calls:
        store.append(call.events())
    store.close()


def seconds(micros: int) -> int:
    return -(-micros // MICRO)


def quantile(values: Sequence[int], share: float) -> int | None:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else None


def model(calls: Sequence[Call], level: int = 30) -> dict[str, object]:
    """The figures of some calls, counted in the simplest way."""
    waits = [call.waited for call in calls if call.waited is not None]
    talks = [seconds(call.talks) for call in calls if call.way == "talk"]
    ways = Counter(call.way for call in calls)
    in_time = sum(c.way == "talk" and c.waits <= level * MICRO for c in calls)
    others = ("refused-empty", "overflow", "full", "callback-promised", "interrupted")
    return {
        "arrived": len(calls),
        "closed": ways["closed"],
        "limited": ways["limited"],
        "answered": ways["talk"],
        "abandoned": sum(ways[way] for way in kinds.GAVE_UP),
        "abandoned_in": {way: ways[way] for way in kinds.GAVE_UP},
        "unanswered": {way: ways[way] for way in others if ways[way]},
        "under_way": ways["open"],
        "wait_median": quantile(waits, 0.5),
        "wait_p90": quantile(waits, 0.9),
        "wait_mean": round(sum(waits) / len(waits)) if waits else None,
        "decided": len(waits),
        "in_time": in_time,
        "service_level": in_time / len(waits) if waits else None,
        "talk_total": sum(talks),
        "talk_median": quantile(talks, 0.5),
        "talk_mean": round(sum(talks) / len(talks)) if talks else None,
    }


def unreached(calls: Sequence[Call], every: Sequence[Call]) -> tuple[int, int]:
    """Callers of ``calls`` whom nobody of ``every`` has talked to, and withheld calls."""
    missed = [c for c in calls if c.way not in ("talk", "closed", "limited", "open")]
    talked = {c.caller for c in every if c.way == "talk"}
    return len({c.caller for c in missed if c.caller} - talked), sum(not c.caller for c in missed)
