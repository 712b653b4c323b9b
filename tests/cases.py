"""The table of cases: who may ring. Each line of cases.txt and cases_hours.txt is one case.

when
    A local moment in Paris: a day of the week of 23 November 2026, or a date from October 2026 on.
queue, asks, waited
    The caller's queue, the skills that their choice asks for (``=name``: who helped them last
    time), and for how many seconds they have waited.
agents
    ``name+skill@queue:tier words``: in the caller's queue unless it says which, in the first tier
    unless it says which. Words: free, talks, rings, rests, paused, away, gone (the phone cannot be
    reached); ``19/20``: calls taken today of the limit, ``179/180min``: minutes of talking.
may ring
    Who is rung at this moment by a queue that rings up to five phones at once; ``-``: nobody;
    ``closed``: callers are not taken. A ``*``: the case was also a real call.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from decroche import hotline
from decroche.agi.switchboard import Agent, Caller, Limits, offers
from decroche.records.events import MICRO

HERE = Path(__file__).parent
PARIS = ZoneInfo("Europe/Paris")
HOURS = """
[hours]
monday = ["09:00-12:30", "14:00-18:00"]
tuesday = ["09:00-18:00"]
wednesday = ["09:00-18:00"]
thursday = ["09:00-12:30", "14:00-18:00"]
friday = ["09:00-18:00", "22:00-24:00"]
saturday = ["00:00-06:00"]
sunday = ["01:00-04:00"]
closed = [2026-12-25, 2027-01-01]
"""
QUEUES = """
[menu]
default = "accueil"
[queues.accueil]
label = "Accueil"
strategy = "ring-few"
ring_few = 5
widen_after = 30
[queues.impots]
label = "Impôts"
strategy = "ring-few"
ring_few = 5
skills = ["impots"]
widen_after = 30
[queues.visio]
label = "Visio"
strategy = "ring-few"
ring_few = 5
widen_after = 20
overflow = "accueil"
overflow_after = 120
"""
LINE = hotline.parse('[line]\nname = "Essai"\n' + HOURS + QUEUES)
WEEK = {name: day for day, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), 23)}
MONTHS = {"Oct": (2026, 10), "Nov": (2026, 11), "Dec": (2026, 12)}
MONTHS |= {"Jan": (2027, 1), "Mar": (2027, 3), "Jul": (2027, 7)}
AGENT = re.compile(r"([a-z]+)((?:\+[a-z]+)*)(?:@([a-z]+))?(?::(\d))? (.+)")
LIMIT = re.compile(r"(\d+)/(\d+)(min)?")
NOW = 10_000 * MICRO
MINUTE = 60 * MICRO


@dataclass(frozen=True)
class Person:
    """One agent of a case. ``words``: what they do."""

    name: str
    skills: frozenset[str]
    queue: str
    tier: int
    words: tuple[str, ...]

    def limits(self) -> tuple[Limits, int, int]:
        """Their limits, and what they have taken of them."""
        found = {False: (0, 0), True: (0, 0)}
        for word in self.words:
            if limit := LIMIT.fullmatch(word):
                found[bool(limit[3])] = int(limit[1]), int(limit[2])
        (calls, most), (minutes, longest) = found[False], found[True]
        return Limits(calls=most, talk=longest * MINUTE), calls, minutes * MINUTE

    def as_agent(self) -> Agent:
        limits, calls, talk = self.limits()
        return Agent(
            name=self.name,
            positions={self.queue: 0},
            tiers={self.queue: self.tier},
            skills=self.skills,
            available=not {"paused", "away"} & set(self.words),
            reachable="gone" not in self.words,
            device_busy="talks" in self.words,
            offer="another" if "rings" in self.words else "",
            rest_until=NOW + MICRO if "rests" in self.words else 0,
            limits=limits,
            calls=calls,
            talk=talk,
        )


@dataclass(frozen=True)
class Case:
    """One line of a table; ``line`` is its number there."""

    line: int
    when: datetime
    switch: str
    queue: str
    asks: tuple[str, ...]
    waited: int
    people: tuple[Person, ...]
    rings: str
    live: bool

    @property
    def caller(self) -> Caller:
        helper = next((word[1:] for word in self.asks if word.startswith("=")), "")
        since = NOW - self.waited * MICRO
        return Caller(
            call="1",
            queue=self.queue,
            since=since,
            agent=helper,
            anyone_at=since + 20 * MICRO if helper else 0,
            skills=frozenset(word for word in self.asks if not word.startswith("=")),
        )

    def rung(self) -> str:
        """What the switchboard says, in the words of the table."""
        agents = [person.as_agent() for person in self.people]
        found = offers([self.caller], agents, LINE.queues, NOW)
        return " ".join(sorted(name for offer in found for name in offer.agents)) or "-"


def read(file: str) -> Iterator[Case]:
    """The cases of one table."""
    for number, text in enumerate((HERE / file).read_text("utf-8").splitlines(), 1):
        if text.strip() and not text.startswith("#"):
            yield _case(number, [cell.strip() for cell in text.split("|")])


def _case(number: int, cells: list[str]) -> Case:
    when, *between, queue, asks, waited, agents, rings = cells
    assert len(between) in (0, 2), f"line {number}: {len(cells)} columns"
    people = tuple(_person(text.strip(), queue, number) for text in agents.split(","))
    assert queue in LINE.queues and rings, f"line {number}"
    return Case(
        line=number,
        when=_moment(when),
        switch=between[1] if between else "-",
        queue=queue,
        asks=tuple(asks.replace("-", "").split()),
        waited=int(waited),
        people=people,
        rings=rings.removesuffix("*").strip(),
        live=rings.endswith("*"),
    )


def _person(text: str, queue: str, number: int) -> Person:
    found = AGENT.fullmatch(text)
    assert found, f"line {number}: {text!r}"
    name, skills, other, tier, words = found.groups()
    known = {"free", "talks", "rings", "rests", "paused", "away", "gone"}
    assert all(word in known or LIMIT.fullmatch(word) for word in words.split()), text
    has = frozenset(filter(None, skills.split("+")))
    return Person(name, has, other or queue, int(tier or 0), tuple(words.split()))


def _moment(text: str) -> datetime:
    *day, clock = text.split()
    hour, minute = map(int, clock.split(":"))
    year, month = MONTHS[day[1]] if len(day) > 1 else (2026, 11)
    number = int(day[0]) if len(day) > 1 else WEEK[day[0]]
    return datetime(year, month, number, hour, minute, tzinfo=PARIS)
