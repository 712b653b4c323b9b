"""Tiers, skills, the helper of last time, repeat callers: who is rung first, and the bounds."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from decroche.agi.switchboard import Agent, Caller, may_be_spared, next_change, offers, queues_of
from decroche.hotline import Queue
from decroche.records.events import MICRO

from .worlds import (
    NOW,
    Lines,
    People,
    Waiting,
    agents,
    callers,
    free_agent,
    level,
    may_serve,
    queues,
)


@given(callers, agents, queues)
def test_nobody_is_overtaken_by_who_came_long_after(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    """Within a priority, and for the same agent: by at most repeat_first seconds."""
    by_name = {agent.name: agent for agent in people}
    found = offers(waiting, people, lines, NOW)
    served = {offer.call: [by_name[name] for name in offer.agents] for offer in found}
    waits = [c for c in waiting if not c.back]
    for caller, other in ((c, o) for c in waits for o in waits):
        if caller.call in served or other.call not in served:
            continue
        if lines[caller.queue].priority < lines[other.queue].priority:
            continue
        if any(may_serve(agent, caller, people, lines) for agent in served[other.call]):
            assert other.since <= caller.since + lines[other.queue].repeat_first * MICRO


@given(callers, agents, queues)
def test_tiers_and_skills_delay_a_call_by_no_more_than_their_bound(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    """From then on everybody of the queue may serve, whatever their skills and their tier."""
    found = offers(waiting, people, lines, NOW)
    rung = {name for offer in found for name in offer.agents}
    served = {offer.call for offer in found}
    for caller in waiting:
        name = caller.queue
        levels = {level(a, caller, name, lines) for a in people if name in a.positions}
        bound = max(0, len(levels) - 1) * lines[name].widen_after * MICRO
        held = caller.agent and caller.anyone_at > NOW
        if caller.call not in served and not held and NOW - caller.since >= bound:
            idle = [a for a in people if a.free(NOW) and a.name not in rung]
            assert not any(name in agent.positions for agent in idle)


@given(callers, agents, queues)
def test_a_higher_level_rings_only_when_no_lower_one_is_free(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    """For a call-back: none who is not kept for the line."""
    by_name, by_call = {a.name: a for a in people}, {c.call: c for c in waiting}
    found = offers(waiting, people, lines, NOW)
    rung = {name for offer in found for name in offer.agents}
    for offer in found:
        caller = by_call[offer.call]
        if caller.agent in offer.agents or queues_of(caller, lines, NOW) != (caller.queue,):
            continue
        idle = [a for a in people if a.free(NOW) and a.name not in rung]
        idle = [a for a in idle if not (caller.back and a.was_back)]
        left = [level(a, caller, caller.queue, lines) for a in idle if caller.queue in a.positions]
        for agent in (by_name[name] for name in offer.agents):
            own = level(agent, caller, caller.queue, lines)
            if not (caller.back and agent.was_back):
                assert all(own <= other for other in left)


@given(callers, agents, queues)
def test_a_helper_who_is_not_there_delays_nothing(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    there = {(agent.name, name) for agent in people if agent.there for name in agent.positions}
    plain = [
        caller
        if caller.back or (caller.agent, caller.queue) in there
        else replace(caller, agent="")
        for caller in waiting
    ]
    assert offers(waiting, people, lines, NOW) == offers(plain, people, lines, NOW)


@given(agents, queues, st.integers(0, 11))
def test_a_phone_that_nobody_picks_up_never_pauses_the_last_agent_of_a_queue(
    people: People, lines: Lines, at: int
) -> None:
    """However many are paused so, every queue that had somebody there keeps one."""
    before = {name for a in people if a.there for name in a.positions}
    for agent in people[at:] + people[:at]:
        if agent.there and may_be_spared(agent, people, lines):
            agent.available = False
    assert {name for a in people if a.there for name in a.positions} == before


def _rung(people: list[Agent], caller: Caller, now: int = NOW, **values: object) -> tuple[str, ...]:
    lines = {"q": Queue(label="q", **values)}  # type: ignore[arg-type]
    return next((offer.agents for offer in offers([caller], people, lines, now)), ())


def test_the_second_tier_rings_after_a_while_when_the_first_is_busy() -> None:
    people = [free_agent("a", device_busy=True), free_agent("b", tiers={"q": 1})]
    caller = Caller("1", "q", NOW)
    assert _rung(people, caller) == ()
    assert next_change([caller], people, {"q": Queue(label="q")}, NOW) == NOW + 30 * MICRO
    assert _rung(people, caller, NOW + 30 * MICRO) == ("b",)


def test_a_tier_without_anybody_there_costs_no_wait() -> None:
    people = [free_agent("a", reachable=False), free_agent("b", tiers={"q": 3})]
    assert _rung(people, Caller("1", "q", NOW)) == ("b",)


def test_who_has_the_skills_rings_first() -> None:
    english = frozenset({"en"})
    people = [free_agent("a", skills=english, idle_since=9), free_agent("b")]
    assert _rung(people, Caller("1", "q", NOW), skills=["en"]) == ("a",)
    assert _rung(people, Caller("1", "q", NOW, skills=english)) == ("a",)
    people[0].device_busy = True
    assert _rung(people, Caller("1", "q", NOW, skills=english)) == ()
    assert _rung(people, Caller("1", "q", NOW - 30 * MICRO, skills=english)) == ("b",)


def test_an_agent_with_a_rare_skill_is_kept_for_who_asks_for_it() -> None:
    english = frozenset({"en"})
    people = [free_agent("a", skills=english), free_agent("b", idle_since=9)]
    lines = {"q": Queue(label="q")}
    plain, asking = Caller("1", "q", 0), Caller("2", "q", NOW, skills=english)
    assert offers([plain], people, lines, NOW)[0].agents == ("a",)
    found = offers([plain, asking], people, lines, NOW)
    assert [(offer.call, offer.agents) for offer in found] == [("1", ("b",)), ("2", ("a",))]


def test_the_helper_of_last_time_is_waited_for_a_while() -> None:
    people = [free_agent("a"), free_agent("b", tiers={"q": 1}, device_busy=True)]
    caller = Caller("1", "q", NOW, agent="b", anyone_at=NOW + 20 * MICRO)
    assert _rung(people, caller) == ()
    assert _rung(people, caller, NOW + 20 * MICRO) == ("a",)
    people[1].device_busy = False
    assert _rung(people, caller) == ("b",)
    people[1].available = False
    assert _rung(people, caller) == ("a",)


def test_who_never_reached_anybody_goes_first_within_a_bound() -> None:
    people, lines = [free_agent("a")], {"q": Queue(label="q")}
    again = Caller("2", "q", 100 * MICRO, credit=60 * MICRO)
    for since, first in ((39, "1"), (41, "2")):
        found = offers([Caller("1", "q", since * MICRO), again], people, lines, NOW)
        assert [offer.call for offer in found] == [first]


def test_the_last_one_who_speaks_a_language_is_not_spared() -> None:
    english = frozenset({"en"})
    people = [free_agent("a", skills=english), free_agent("b")]
    assert may_be_spared(people[0], people, {"q": Queue(label="q")})
    assert not may_be_spared(people[0], people, {"q": Queue(label="q", skills=["en"])})
    assert may_be_spared(people[1], people, {"q": Queue(label="q", skills=["en"])})
