"""The switchboard's rules, as properties of the pure core."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from decroche.agi.switchboard import (
    Agent,
    Caller,
    Limits,
    may_be_spared,
    next_change,
    offers,
    queues_of,
    somebody_there,
)
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
        if caller.back or caller.agent in {other.name for other in there}:
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


@given(callers, agents, queues)
def test_it_rings_only_who_is_free(waiting: Waiting, people: People, lines: Lines) -> None:
    by_name = {agent.name: agent for agent in people}
    for offer in offers(waiting, people, lines, NOW):
        for name in offer.agents:
            agent = by_name[name]
            assert agent.available and agent.reachable and not agent.device_busy
            assert not agent.offer and agent.rest_until <= NOW
            assert not agent.limits.calls or agent.calls < agent.limits.calls


@given(callers, agents, queues)
def test_it_rings_nobody_twice_at_once(waiting: Waiting, people: People, lines: Lines) -> None:
    found = offers(waiting, people, lines, NOW)
    rung = [name for offer in found for name in offer.agents]
    assert len(rung) == len(set(rung))
    assert len({offer.call for offer in found}) == len(found)


@given(callers, agents, queues)
def test_it_rings_members_only(waiting: Waiting, people: People, lines: Lines) -> None:
    by_name = {agent.name: agent for agent in people}
    by_call = {caller.call: caller for caller in waiting}
    for offer in offers(waiting, people, lines, NOW):
        caller = by_call[offer.call]
        reach = set(queues_of(caller, lines, NOW))
        for agent in (by_name[name] for name in offer.agents):
            assert reach & agent.positions.keys() or (caller.back and caller.agent == agent.name)
            assert may_serve(agent, caller, people, lines)


@given(callers, agents, queues)
def test_it_keeps_the_order_of_arrival(waiting: Waiting, people: People, lines: Lines) -> None:
    """Whoever is rung, no caller ahead of them could have been served by that agent instead.

    But for one: an agent whose last call was a call-back owes the next one to the line.
    """
    found = offers(waiting, people, lines, NOW)
    served = {offer.call: offer for offer in found}
    by_name = {agent.name: agent for agent in people}

    def place(caller: Caller) -> tuple[int, int, str]:
        return -lines[caller.queue].priority, caller.since - caller.credit, caller.call

    for caller in waiting:
        if caller.call in served:
            continue
        for other in waiting:
            if other.call in served and place(other) > place(caller):
                rung = [by_name[name] for name in served[other.call].agents]
                if caller.back and not other.back:
                    rung = [agent for agent in rung if not agent.was_back]
                assert not any(may_serve(agent, caller, people, lines) for agent in rung)


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
def test_it_leaves_nobody_waiting_beside_a_free_agent(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    found = offers(waiting, people, lines, NOW)
    rung = {name for offer in found for name in offer.agents}
    served = {offer.call for offer in found}
    for caller in waiting:
        if caller.call not in served:
            idle = [a for a in people if a.free(NOW) and a.name not in rung]
            assert not any(may_serve(agent, caller, people, lines) for agent in idle)


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
    by_name, by_call = {a.name: a for a in people}, {c.call: c for c in waiting}
    found = offers(waiting, people, lines, NOW)
    rung = {name for offer in found for name in offer.agents}
    for offer in found:
        caller = by_call[offer.call]
        if caller.agent in offer.agents or queues_of(caller, lines, NOW) != (caller.queue,):
            continue
        idle = [a for a in people if a.free(NOW) and a.name not in rung]
        left = [level(a, caller, caller.queue, lines) for a in idle if caller.queue in a.positions]
        for agent in (by_name[name] for name in offer.agents):
            own = level(agent, caller, caller.queue, lines)
            if not (caller.back and agent.was_back):
                assert all(own <= other for other in left)


@given(callers, agents, queues)
def test_a_helper_who_is_not_there_delays_nothing(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    there = {agent.name for agent in people if agent.there}
    plain = [
        caller if caller.back or caller.agent in there else replace(caller, agent="")
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


@given(callers, agents, queues)
def test_it_decides_the_same_again(waiting: Waiting, people: People, lines: Lines) -> None:
    assert offers(waiting, people, lines, NOW) == offers(
        reversed(waiting), reversed(people), lines, NOW
    )


@given(callers, agents, queues)
def test_it_knows_when_time_alone_changes_something(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    """Between now and the next change nothing becomes possible by itself."""
    if offers(waiting, people, lines, NOW):
        return
    change = next_change(waiting, people, lines, NOW)
    last = 3_000 * MICRO if change is None else change - 1
    assert not offers(waiting, people, lines, last)


@given(callers, agents, queues)
def test_it_says_when_nobody_could_ever_answer(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    for caller in (replace(one, agent="") for one in waiting):
        if not somebody_there(caller, people, lines, NOW):
            for later in (NOW, NOW + 10_000 * MICRO):
                assert not offers([caller], people, lines, later)


@given(callers, agents, queues)
def test_an_agent_makes_no_second_call_back_while_somebody_on_the_line_could_have_them(
    waiting: Waiting, people: People, lines: Lines
) -> None:
    found = offers(waiting, people, lines, NOW)
    by_name, by_call = {a.name: a for a in people}, {c.call: c for c in waiting}
    served = {offer.call for offer in found}
    left = [c for c in waiting if not c.back and c.call not in served]
    for offer in found:
        for agent in (by_name[name] for name in offer.agents):
            if by_call[offer.call].back and agent.was_back:
                assert not any(may_serve(agent, caller, people, lines) for caller in left)


@given(st.integers(1, 6), st.lists(st.integers(0, 40), min_size=1, max_size=15))
def test_nobody_on_the_line_is_starved_by_promises(count: int, arrivals: list[int]) -> None:
    """However many promises there are, older than anybody on the line: with n callers ahead and
    a agents, whose calls all last a moment, a caller is rung after 2 * (n / a + 1) moments.
    """
    lines = {"q": Queue(label="q")}
    people = [_agent(f"a{number}") for number in range(count)]
    promises = [Caller(f"back-{number}", "q", number, back=True) for number in range(300)]
    waiting: dict[str, tuple[Caller, int]] = {}
    for moment in range(120):
        for number, at in enumerate(arrivals):
            if at == moment:
                caller = Caller(f"live-{number:02}", "q", 1_000 + moment)
                waiting[caller.call] = caller, moment + 2 * (len(waiting) // count + 1)
        callers = [*promises, *(caller for caller, _ in waiting.values())]
        for offer in offers(callers, people, lines, NOW):
            (name,) = offer.agents
            people[int(name[1:])].was_back = offer.call.startswith("back")
            waiting.pop(offer.call, None)
            promises = [promise for promise in promises if promise.call != offer.call]
        assert all(due > moment for _, due in waiting.values())
    assert not waiting


def test_a_call_back_waits_a_while_for_the_agent_who_was_asked_for() -> None:
    lines, people = {"q": Queue(label="q")}, [_agent("a"), _agent("b", idle_since=5)]
    wish = Caller("1", "q", 0, back=True, agent="b", anyone_at=NOW + MICRO)
    assert [offer.agents for offer in offers([wish], people, lines, NOW)] == [("b",)]
    people[1].available = False
    assert offers([wish], people, lines, NOW) == []
    assert next_change([wish], people, lines, NOW) == NOW + MICRO
    assert [offer.agents for offer in offers([wish], people, lines, NOW + MICRO)] == [("a",)]


def test_who_asks_for_a_call_themselves_need_not_be_available() -> None:
    lines, people = {"q": Queue(label="q")}, [_agent("a"), _agent("b", rest_until=2 * NOW)]
    people[1].available = False
    wish = Caller("1", "q", 0, back=True, agent="b", only=True)
    assert [offer.agents for offer in offers([wish], people, lines, NOW)] == [("b",)]
    people[1].device_busy = True
    assert offers([wish], people, lines, NOW) == []


def test_who_has_made_their_calls_of_the_day_is_not_rung_for_one() -> None:
    lines, people = {"q": Queue(label="q")}, [_agent("a")]
    wish = Caller("1", "q", 0, back=True, never=frozenset({"a"}))
    assert offers([wish], people, lines, NOW) == []


def _agent(name: str, **values: object) -> Agent:
    return Agent(name, {"q": 0}, available=True, **values)  # type: ignore[arg-type]


def _chosen(strategy: str, people: list[Agent], **values: object) -> tuple[str, ...]:
    lines = {"q": Queue(label="q", strategy=strategy, **values)}  # type: ignore[arg-type]
    (offer,) = offers([Caller("1", "q", 0)], people, lines, NOW)
    return offer.agents


def test_it_prefers_the_longest_idle() -> None:
    assert _chosen("longest-idle", [_agent("a", idle_since=9), _agent("b", idle_since=5)]) == ("b",)


def test_it_goes_round() -> None:
    people = [_agent("a", offered=9, idle_since=1), _agent("b", offered=5, idle_since=7)]
    assert _chosen("round-robin", people) == ("b",)


def test_it_prefers_who_had_fewest_calls() -> None:
    assert _chosen("fewest-calls", [_agent("a", calls=2), _agent("b", calls=1)]) == ("b",)


def test_it_goes_in_order() -> None:
    first, second = _agent("z"), _agent("a")
    first.positions, second.positions = {"q": 1}, {"q": 2}
    assert _chosen("in-order", [second, first]) == ("z",)


def test_it_rings_a_few() -> None:
    people = [_agent(name, idle_since=at) for at, name in enumerate("abcde")]
    assert _chosen("ring-few", people, ring_few=3) == ("a", "b", "c")


def test_it_draws_fairly() -> None:
    """Over many calls, everybody's turn comes about equally often."""
    lines = {"q": Queue(label="q", strategy="random")}
    people = [_agent(name) for name in "abcd"]
    counts = dict.fromkeys("abcd", 0)
    for number in range(2_000):
        (offer,) = offers([Caller(f"call-{number}", "q", 0)], people, lines, NOW)
        counts[offer.agents[0]] += 1
    assert min(counts.values()) > 350


# Tiers, skills, the helper of last time.


def _rung(people: list[Agent], caller: Caller, now: int = NOW, **values: object) -> tuple[str, ...]:
    lines = {"q": Queue(label="q", **values)}  # type: ignore[arg-type]
    return next((offer.agents for offer in offers([caller], people, lines, now)), ())


def test_the_second_tier_rings_after_a_while_when_the_first_is_busy() -> None:
    people = [_agent("a", device_busy=True), _agent("b", tiers={"q": 1})]
    caller = Caller("1", "q", NOW)
    assert _rung(people, caller) == ()
    assert next_change([caller], people, {"q": Queue(label="q")}, NOW) == NOW + 30 * MICRO
    assert _rung(people, caller, NOW + 30 * MICRO) == ("b",)


def test_a_tier_without_anybody_there_costs_no_wait() -> None:
    people = [_agent("a", reachable=False), _agent("b", tiers={"q": 3})]
    assert _rung(people, Caller("1", "q", NOW)) == ("b",)


def test_who_has_the_skills_rings_first() -> None:
    english = frozenset({"en"})
    people = [_agent("a", skills=english, idle_since=9), _agent("b")]
    assert _rung(people, Caller("1", "q", NOW), skills=["en"]) == ("a",)
    assert _rung(people, Caller("1", "q", NOW, skills=english)) == ("a",)
    people[0].device_busy = True
    assert _rung(people, Caller("1", "q", NOW, skills=english)) == ()
    assert _rung(people, Caller("1", "q", NOW - 30 * MICRO, skills=english)) == ("b",)


def test_an_agent_with_a_rare_skill_is_kept_for_who_asks_for_it() -> None:
    english = frozenset({"en"})
    people = [_agent("a", skills=english), _agent("b", idle_since=9)]
    lines = {"q": Queue(label="q")}
    plain, asking = Caller("1", "q", 0), Caller("2", "q", NOW, skills=english)
    assert offers([plain], people, lines, NOW)[0].agents == ("a",)
    found = offers([plain, asking], people, lines, NOW)
    assert [(offer.call, offer.agents) for offer in found] == [("1", ("b",)), ("2", ("a",))]


def test_the_helper_of_last_time_is_waited_for_a_while() -> None:
    people = [_agent("a"), _agent("b", tiers={"q": 1}, device_busy=True)]
    caller = Caller("1", "q", NOW, agent="b", anyone_at=NOW + 20 * MICRO)
    assert _rung(people, caller) == ()
    assert _rung(people, caller, NOW + 20 * MICRO) == ("a",)
    people[1].device_busy = False
    assert _rung(people, caller) == ("b",)
    people[1].available = False
    assert _rung(people, caller) == ("a",)


def test_who_never_reached_anybody_goes_first_within_a_bound() -> None:
    people, lines = [_agent("a")], {"q": Queue(label="q")}
    again = Caller("2", "q", 100 * MICRO, credit=60 * MICRO)
    for since, first in ((39, "1"), (41, "2")):
        found = offers([Caller("1", "q", since * MICRO), again], people, lines, NOW)
        assert [offer.call for offer in found] == [first]


def test_the_last_one_who_speaks_a_language_is_not_spared() -> None:
    english = frozenset({"en"})
    people = [_agent("a", skills=english), _agent("b")]
    assert may_be_spared(people[0], people, {"q": Queue(label="q")})
    assert not may_be_spared(people[0], people, {"q": Queue(label="q", skills=["en"])})
    assert may_be_spared(people[1], people, {"q": Queue(label="q", skills=["en"])})
