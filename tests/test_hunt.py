"""The hunt: the switchboard's shell, with a clock of our own and no Asterisk."""

import asyncio

import pytest

from decroche.agi.hunt import Hunt
from decroche.agi.staff import MISSED_REST
from decroche.agi.switchboard import Caller
from decroche.hotline import Agents, Queue
from decroche.records.abilities import Ability, Place
from decroche.records.events import MICRO
from decroche.records.views import Taken


class Clock:
    def __init__(self) -> None:
        self.at = 1_000 * MICRO

    def __call__(self) -> int:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += int(seconds * MICRO)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def able(names: str, queue: str = "q", **values: object) -> dict[str, Ability]:
    """Members of one queue, all alike."""
    return {
        name: Ability(places={queue: Place(at)}, **values)  # type: ignore[arg-type]
        for at, name in enumerate(names)
    }


def make(clock: Clock, names: str = "ab", rules: Agents | None = None, **values: object) -> Hunt:
    """A hunt with one queue "q" whose members are all available."""
    queue = Queue(label="q", **{"wrap_up": 10, **values})  # type: ignore[arg-type]
    hunt = Hunt({"q": queue}, clock, rules)
    hunt.staff(able(names))
    for at, name in enumerate(names):
        hunt.declare(name, True, at)
    return hunt


async def test_it_offers_at_once(clock: Clock) -> None:
    hunt = make(clock)
    assert hunt.join("1", "q", 0).offer.result().agents == ("a",)
    assert hunt.join("2", "q", 0).offer.result().agents == ("b",)
    assert not hunt.join("3", "q", 0).offer.done()


async def test_it_keeps_an_offer_that_is_not_taken_up_yet(clock: Clock) -> None:
    hunt = make(clock)
    first = hunt.join("1", "q", 0)
    assert hunt.join("1", "q", 0).offer is first.offer


async def test_it_offers_the_moment_an_agent_is_free(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.join("1", "q", 0)
    second = hunt.join("2", "q", 1)
    hunt.device("a", "INUSE")
    hunt.device("a", "NOT_INUSE")
    hunt.ended("1", "ANSWER")
    hunt.leave("1")
    assert not second.offer.done()  # a rests
    clock.pass_by(10)
    hunt.join("3", "q", 2)
    assert second.offer.result().agents == ("a",)


async def test_it_waits_for_the_phone_to_be_free(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.device("a", "INUSE")
    turn = hunt.join("1", "q", 0)
    assert not turn.offer.done()
    hunt.device("a", "NOT_INUSE")
    assert turn.offer.result().agents == ("a",)


async def test_it_leaves_a_phone_alone_after_a_missed_ring(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.join("1", "q", 0)
    hunt.ended("1", "NOANSWER")
    turn = hunt.join("1", "q", 0)
    assert not turn.offer.done()
    clock.pass_by(MISSED_REST["NOANSWER"])
    hunt.device("a", "NOT_INUSE")
    assert turn.offer.done()


async def test_it_looks_again_by_itself_when_a_rest_ends() -> None:
    hunt = Hunt({"q": Queue(label="q")})
    hunt.staff(able("a"))
    hunt.declare("a", True, 0)
    agent = hunt.agent("a")
    assert agent is not None
    from decroche.records.events import now

    agent.rest_until = now() + MICRO // 10
    turn = hunt.join("1", "q", now())
    assert not turn.offer.done()
    assert (await asyncio.wait_for(turn.offer, 5)).agents == ("a",)


async def test_it_releases_the_phones_that_were_slower(clock: Clock) -> None:
    hunt = make(clock, "abc", strategy="ring-few", ring_few=2)
    turn = hunt.join("1", "q", 0)
    assert turn.offer.result().agents == ("a", "b")
    for name in "ab":
        hunt.device(name, "RINGING")
    hunt.device("b", "INUSE")
    hunt.device("a", "NOT_INUSE")
    assert hunt.join("2", "q", 1).offer.result().agents == ("a", "c")


async def test_it_rests_only_who_talked(clock: Clock) -> None:
    hunt = make(clock, "ab", strategy="ring-few", ring_few=2)
    rests: list[str] = []
    hunt.people.told.rested = lambda agent, until: rests.append(agent)
    hunt.join("1", "q", 0)
    for name in "ab":
        hunt.device(name, "RINGING")
    hunt.device("b", "INUSE")
    hunt.device("a", "NOT_INUSE")
    hunt.ended("1", "ANSWER")
    assert rests == ["b"]


async def test_it_rests_who_talked_when_the_caller_hangs_up(clock: Clock) -> None:
    hunt = make(clock, "a")
    rests: list[str] = []
    hunt.people.told.rested = lambda agent, until: rests.append(agent)
    hunt.join("1", "q", 0)
    hunt.device("a", "INUSE")
    hunt.leave("1")
    assert rests == ["a"]


async def test_it_counts_who_waits_in_a_queue_on_the_line(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.join("rings", "q", 0)
    for call in ("2", "3"):
        hunt.join(call, "q", 1)
    hunt.wait_for(Caller("promised", "q", 0, back=True))
    assert (hunt.waiting_for("q"), hunt.waiting_for("other")) == (2, 0)
    hunt.leave("2")
    assert hunt.waiting_for("q") == 1


async def test_it_keeps_the_place_of_who_waits_already(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.device("a", "INUSE")
    first, second = hunt.join("1", "q", 0), hunt.join("2", "q", 1)
    assert hunt.join("1", "q", 0) is first
    hunt.device("a", "NOT_INUSE")
    assert first.offer.done() and not second.offer.done()


async def test_it_forgets_who_is_no_longer_on_the_line(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.staff({})
    turn = hunt.join("1", "q", 0)
    assert not turn.offer.done() and not hunt.somebody_there("1")


async def test_it_moves_callers_of_a_queue_that_is_gone(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.device("a", "INUSE")
    turn = hunt.join("1", "q", 0)
    hunt.configure({"other": Queue(label="other")})
    hunt.staff(able("a", "other"))
    hunt.device("a", "NOT_INUSE")
    assert turn.offer.result().queue == "other"


async def test_it_believes_asterisk_after_a_restart(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.device("a", "INUSE")
    turn = hunt.join("1", "q", 0)
    hunt.phones({"b": "NOT_INUSE"})
    assert turn.offer.done()


async def ring(hunt: Hunt, clock: Clock, call: str, status: str, talk: float = 0) -> list[str]:
    """Somebody calls, a phone rings, and it ends so; returns who rang."""
    turn = hunt.join(call, "q", clock.at)
    rung = list(turn.offer.result().agents) if turn.offer.done() else []
    if status == "ANSWER":
        hunt.device(rung[0], "INUSE")
        clock.pass_by(talk)
        hunt.device(rung[0], "NOT_INUSE")
    hunt.ended(call, status)
    hunt.leave(call)
    clock.pass_by(60)
    return rung


# Rings that nobody answers.


async def test_it_pauses_who_does_not_answer_twice_in_a_row(clock: Clock) -> None:
    hunt = make(clock, "ab", strategy="in-order")
    paused: list[str] = []
    hunt.people.told.paused = paused.append
    assert await ring(hunt, clock, "1", "NOANSWER") == ["a"] and not paused
    assert await ring(hunt, clock, "2", "NOANSWER") == ["a"]
    assert paused == ["a"]
    assert await ring(hunt, clock, "3", "NOANSWER") == ["b"]
    assert hunt.people.notices("a") == ["missed-pause"]
    hunt.declare("a", True, clock.at)
    assert hunt.people.notices("a") == []
    assert await ring(hunt, clock, "4", "NOANSWER") == ["a"] and paused == ["a"]


async def test_it_never_pauses_the_last_agent_who_is_there(clock: Clock) -> None:
    hunt = make(clock, "ab", strategy="in-order")
    paused: list[str] = []
    hunt.people.told.paused = paused.append
    for at in range(9):
        await ring(hunt, clock, str(at), "NOANSWER")
    assert paused == ["a"]
    assert await ring(hunt, clock, "last", "NOANSWER") == ["b"]


@pytest.mark.parametrize("status", ["BUSY", "CHANUNAVAIL", "CANCEL", "CONGESTION"])
async def test_a_ring_that_its_owner_could_not_answer_does_not_count(
    clock: Clock, status: str
) -> None:
    hunt = make(clock, "ab", strategy="in-order")
    paused: list[str] = []
    hunt.people.told.paused = paused.append
    for at in range(6):
        await ring(hunt, clock, str(at), status)
    assert not paused


async def test_an_answer_in_between_begins_the_count_anew(clock: Clock) -> None:
    hunt = make(clock, "ab", strategy="in-order")
    paused: list[str] = []
    hunt.people.told.paused = paused.append
    for at, status in enumerate(["NOANSWER", "ANSWER", "NOANSWER", "ANSWER"]):
        assert await ring(hunt, clock, str(at), status) == ["a"]
    assert not paused


async def test_the_line_may_leave_everybody_available(clock: Clock) -> None:
    hunt = make(clock, "ab", Agents(pause_after_missed=0), strategy="in-order")
    for at in range(6):
        assert await ring(hunt, clock, str(at), "NOANSWER") == ["a"]


async def test_all_phones_that_rang_at_once_have_missed_it(clock: Clock) -> None:
    """Asterisk may tell that they are quiet again before it tells that the ring is over."""
    hunt = make(clock, "abc", strategy="ring-few", ring_few=2, ring_time=20)
    paused: list[str] = []
    hunt.people.told.paused = paused.append
    for at in range(2):
        hunt.join(str(at), "q", clock.at)
        for name in "ab":
            hunt.device(name, "RINGING")
        clock.pass_by(20)
        for name in "ab":
            hunt.device(name, "NOT_INUSE")
        hunt.ended(str(at), "NOANSWER")
        hunt.leave(str(at))
        hunt.people.agents["c"].idle_since = clock.at  # so that a and b are first again
        clock.pass_by(60)
    assert paused == ["a", "b"]


async def test_a_phone_that_refuses_while_another_rings_has_missed_nothing(clock: Clock) -> None:
    hunt = make(clock, "abc", strategy="ring-few", ring_few=2, ring_time=20)
    hunt.join("1", "q", clock.at)
    for name in "ab":
        hunt.device(name, "RINGING")
    clock.pass_by(3)
    hunt.device("a", "NOT_INUSE")
    clock.pass_by(17)
    hunt.ended("1", "NOANSWER")
    assert [hunt.people.agents[name].missed for name in "ab"] == [0, 1]


async def test_a_phone_that_its_owner_used_while_it_rang_has_not_answered(clock: Clock) -> None:
    """Somebody dials *12 while the phone rings: it is in use when the ring ends."""
    hunt = make(clock, "ab", strategy="in-order")
    helped: list[str] = []
    hunt.people.told.talked = lambda caller, agent: helped.append(agent)
    hunt.join("1", "q", clock.at)
    for state in ("RINGING", "RINGINUSE", "INUSE"):
        clock.pass_by(5)
        hunt.device("a", state)
    hunt.ended("1", "NOANSWER")
    agent = hunt.people.agents["a"]
    assert (agent.calls, agent.missed, helped) == (0, 1, [])


# Limits of the day.


async def test_it_spares_who_has_taken_their_calls_of_the_day(clock: Clock) -> None:
    hunt = make(clock, "ab", Agents(calls_a_day=2), strategy="in-order")
    told: list[tuple[str, str]] = []
    hunt.people.told.capped = lambda agent, why: told.append((agent, why))
    for at in range(2):
        assert await ring(hunt, clock, str(at), "ANSWER") == ["a"]
    assert told == [("a", "calls")] and hunt.people.notices("a") == ["quota"]
    assert await ring(hunt, clock, "3", "ANSWER") == ["b"]
    hunt.configure({"q": Queue(label="q")}, Agents(calls_a_day=3))
    assert told[1:] == [("a", "")]


async def test_it_spares_who_has_talked_enough_today(clock: Clock) -> None:
    hunt = make(clock, "ab", Agents(minutes_a_day=10), strategy="in-order")
    assert await ring(hunt, clock, "1", "ANSWER", 599) == ["a"]
    assert await ring(hunt, clock, "2", "ANSWER", 1) == ["a"]
    assert await ring(hunt, clock, "3", "ANSWER", 1) == ["b"]


async def test_a_limit_of_ones_own_wins(clock: Clock) -> None:
    hunt = make(clock, "ab", Agents(calls_a_day=1), strategy="in-order")
    hunt.staff(able("ab", calls_a_day=0))
    for at in range(3):
        assert await ring(hunt, clock, str(at), "ANSWER") == ["a"]


async def test_nobody_waits_for_agents_who_have_all_done_enough(clock: Clock) -> None:
    hunt = make(clock, "a", Agents(calls_a_day=1))
    await ring(hunt, clock, "1", "ANSWER")
    turn = hunt.join("2", "q", clock.at)
    assert not turn.offer.done() and not hunt.somebody_there("2")


async def test_a_restart_forgets_no_call_and_midnight_all_of_them(clock: Clock) -> None:
    hunt = make(clock, "ab", Agents(calls_a_day=2), strategy="in-order")
    hunt.recount({"a": Taken(calls=2)}, 1, clock.at)
    turn = hunt.join("1", "q", clock.at)
    assert turn.offer.result().agents == ("b",)
    hunt.ended("1", "CANCEL")
    hunt.leave("1")
    clock.pass_by(86_400)
    hunt.recount({}, 2, clock.at)
    assert await ring(hunt, clock, "2", "ANSWER") == ["a"]


async def test_a_talk_over_midnight_counts_for_the_day_before(clock: Clock) -> None:
    hunt = make(clock, "a", Agents(calls_a_day=1))
    hunt.recount({}, 1, clock.at)
    hunt.join("1", "q", clock.at)
    hunt.device("a", "INUSE")
    clock.pass_by(600)
    hunt.recount({}, 2, clock.at)
    clock.pass_by(600)
    hunt.device("a", "NOT_INUSE")
    hunt.ended("1", "ANSWER")
    assert hunt.people.agents["a"].calls == 0


async def test_the_record_counts_a_call_once_more_than_seen_never_twice(clock: Clock) -> None:
    """It may know of a call that is just ending before we do."""
    hunt = make(clock, "a", Agents(calls_a_day=2))
    hunt.recount({}, 1, 1)
    hunt.join("1", "q", clock.at)
    hunt.device("a", "INUSE")
    hunt.recount({"a": Taken(calls=1)}, 1, 1)
    hunt.ended("1", "ANSWER")
    hunt.recount({"a": Taken(calls=1)}, 1, 1)
    assert hunt.people.agents["a"].calls == 1


async def test_a_long_call_is_followed_by_a_long_rest(clock: Clock) -> None:
    hunt = make(clock, "a", Agents(long_call=30, rest_after_long=5))
    rests: list[int] = []
    hunt.people.told.rested = lambda agent, until: rests.append((until - clock.at) // MICRO)
    await ring(hunt, clock, "1", "ANSWER", 1799)
    await ring(hunt, clock, "2", "ANSWER", 1800)
    assert rests == [10, 300]


async def test_it_tells_a_limit_once_and_when_it_holds_no_more(clock: Clock) -> None:
    hunt = make(clock, "a", Agents(calls_a_day=1))
    told: list[str] = []
    hunt.people.told.capped = lambda agent, why: told.append(why)
    for began in (5, 6):  # our clock and the line's differ by a little each time
        hunt.recount({"a": Taken(calls=1)}, 1, began)
    assert told == ["calls"]
    hunt.staff(able("a", calls_a_day=2))
    hunt.recount({"a": Taken(calls=1)}, 1, 7)
    assert told == ["calls", ""]
