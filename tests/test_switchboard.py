"""The switchboard's rules, as properties of the pure core."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from decroche.agi.switchboard import Agent, Caller, next_change, offers, queues_of, somebody_there
from decroche.hotline import Queue
from decroche.records.events import MICRO

from .worlds import NOW, Lines, People, Waiting, agents, callers, free_agent, may_serve, queues


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


def test_call_backs_keep_their_order_when_who_is_on_the_line_has_been_served() -> None:
    """Two agents owe the line their next call, and there is one caller: the other one is free for
    the promise that is the oldest, not for the one that comes after that caller.
    """
    lines = {"q": Queue(label="q")}
    people = [free_agent(name, was_back=True) for name in "ab"]
    old, late = Caller("old", "q", 1, back=True), Caller("late", "q", 3, back=True)
    found = offers([old, Caller("live", "q", 2), late], people, lines, NOW)
    assert [offer.call for offer in found] == ["live", "old"]


@given(callers, agents, queues)
def test_it_leaves_nobody_waiting_beside_a_freeagent(
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
    people = [free_agent(f"a{number}") for number in range(count)]
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
    lines, people = {"q": Queue(label="q")}, [free_agent("a"), free_agent("b", idle_since=5)]
    wish = Caller("1", "q", 0, back=True, agent="b", anyone_at=NOW + MICRO)
    assert [offer.agents for offer in offers([wish], people, lines, NOW)] == [("b",)]
    people[1].available = False
    assert offers([wish], people, lines, NOW) == []
    assert next_change([wish], people, lines, NOW) == NOW + MICRO
    assert [offer.agents for offer in offers([wish], people, lines, NOW + MICRO)] == [("a",)]


def test_who_asks_for_a_call_themselves_need_not_be_available() -> None:
    lines, people = {"q": Queue(label="q")}, [free_agent("a"), free_agent("b", rest_until=2 * NOW)]
    people[1].available = False
    wish = Caller("1", "q", 0, back=True, agent="b", only=True)
    assert [offer.agents for offer in offers([wish], people, lines, NOW)] == [("b",)]
    people[1].device_busy = True
    assert offers([wish], people, lines, NOW) == []


def test_who_has_made_their_calls_of_the_day_is_not_rung_for_one() -> None:
    lines, people = {"q": Queue(label="q")}, [free_agent("a")]
    wish = Caller("1", "q", 0, back=True, never=frozenset({"a"}))
    assert offers([wish], people, lines, NOW) == []


def _chosen(strategy: str, people: list[Agent], **values: object) -> tuple[str, ...]:
    lines = {"q": Queue(label="q", strategy=strategy, **values)}  # type: ignore[arg-type]
    (offer,) = offers([Caller("1", "q", 0)], people, lines, NOW)
    return offer.agents


def test_it_prefers_the_longest_idle() -> None:
    assert _chosen(
        "longest-idle", [free_agent("a", idle_since=9), free_agent("b", idle_since=5)]
    ) == ("b",)


def test_it_goes_round() -> None:
    people = [free_agent("a", offered=9, idle_since=1), free_agent("b", offered=5, idle_since=7)]
    assert _chosen("round-robin", people) == ("b",)


def test_it_prefers_who_had_fewest_calls() -> None:
    assert _chosen("fewest-calls", [free_agent("a", calls=2), free_agent("b", calls=1)]) == ("b",)


def test_it_goes_in_order() -> None:
    first, second = free_agent("z"), free_agent("a")
    first.positions, second.positions = {"q": 1}, {"q": 2}
    assert _chosen("in-order", [second, first]) == ("z",)


def test_it_rings_a_few() -> None:
    people = [free_agent(name, idle_since=at) for at, name in enumerate("abcde")]
    assert _chosen("ring-few", people, ring_few=3) == ("a", "b", "c")


def test_it_draws_fairly() -> None:
    """Over many calls, everybody's turn comes about equally often."""
    lines = {"q": Queue(label="q", strategy="random")}
    people = [free_agent(name) for name in "abcd"]
    counts = dict.fromkeys("abcd", 0)
    for number in range(2_000):
        (offer,) = offers([Caller(f"call-{number}", "q", 0)], people, lines, NOW)
        counts[offer.agents[0]] += 1
    assert min(counts.values()) > 350
