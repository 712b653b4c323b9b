"""Generated worlds for the switchboard's properties: callers, agents and queues of all kinds,
and the rules in other words.
"""

from hypothesis import strategies as st

from decroche.agi.switchboard import Agent, Caller, Limits, queues_of
from decroche.hotline import Queue
from decroche.records.events import MICRO

NAMES = ("demarches", "visio", "accueil")
NOW = 1_000 * MICRO

Waiting = list[Caller]
People = list[Agent]
Lines = dict[str, Queue]

skills = st.frozensets(st.sampled_from(("en", "impots")))
queues = st.fixed_dictionaries(
    {
        name: st.builds(
            Queue,
            label=st.just(name),
            strategy=st.sampled_from(
                ["longest-idle", "round-robin", "fewest-calls", "random", "in-order", "ring-few"]
            ),
            ring_few=st.integers(1, 5),
            priority=st.integers(0, 2),
            overflow=st.sampled_from([None, *[other for other in NAMES if other != name]]),
            overflow_after=st.integers(1, 900),
            skills=skills.map(sorted),
            widen_after=st.integers(1, 400),
            repeat_first=st.just(300),
        )
        for name in NAMES
    }
)
instants = st.integers(0, 1_100).map(lambda second: second * MICRO)
mostly = st.sampled_from([True, True, True, False])
agents = st.lists(
    st.builds(
        Agent,
        name=st.sampled_from("abcdefghijklmno"),
        positions=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9), max_size=3),
        available=mostly,
        reachable=mostly,
        device_busy=mostly.map(lambda often: not often),
        offer=st.sampled_from(["", "", "", "other-call"]),
        rest_until=instants,
        idle_since=instants,
        offered=instants,
        calls=st.integers(0, 9),
        was_back=st.booleans(),
        skills=skills,
        tiers=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), max_size=3),
        limits=st.builds(Limits, calls=st.sampled_from([0, 0, 5]), talk=st.just(0)),
    ),
    max_size=12,
    unique_by=lambda agent: agent.name,
)
callers = st.lists(
    st.builds(
        Caller,
        call=st.integers(0, 99).map(str),
        queue=st.sampled_from(NAMES),
        since=st.integers(0, 1_000).map(lambda second: NOW - second * MICRO),
        back=st.booleans(),
        agent=st.sampled_from(["", "", "", "a", "b", "c"]),
        anyone_at=st.sampled_from([0, 900, 1_050]).map(lambda second: second * MICRO),
        skills=skills,
        credit=st.sampled_from([0, 0, 300]).map(lambda second: second * MICRO),
    ),
    max_size=20,
    unique_by=lambda caller: caller.call,
)


def level(agent: Agent, caller: Caller, name: str, lines: Lines) -> tuple[int, int]:
    asked = caller.skills | set(lines[caller.queue].skills)
    return len(asked - agent.skills), agent.tiers.get(name, 0)


def may_serve(agent: Agent, caller: Caller, people: People, lines: Lines, now: int = NOW) -> bool:
    """Whether this agent, if free, may be rung for this caller: the rules in other words."""
    helper = caller.agent == agent.name and (caller.back or caller.queue in agent.positions)
    if helper:
        return True
    there = [other for other in people if other.there]
    if caller.agent and caller.anyone_at > now:
        members = {other.name for other in there if caller.queue in other.positions}
        if caller.back or caller.agent in members:
            return False
    for name in queues_of(caller, lines, now):
        if name not in agent.positions:
            continue
        own = level(agent, caller, name, lines)
        levels = {level(o, caller, name, lines) for o in there if name in o.positions}
        begun = caller.since
        if name != caller.queue:
            begun += lines[caller.queue].overflow_after * MICRO
        below = sum(other < own for other in levels)
        if now >= begun + below * lines[name].widen_after * MICRO:
            return True
    return False


def free_agent(name: str, **values: object) -> Agent:
    """Somebody who is free, in the queue "q"."""
    return Agent(name, {"q": 0}, available=True, **values)  # type: ignore[arg-type]
