"""The hunt: the switchboard's shell, with a clock of our own and no Asterisk."""

import asyncio

import pytest

from decroche.agi.hunt import MISSED_REST, Hunt
from decroche.agi.switchboard import Caller
from decroche.hotline import Queue
from decroche.records.events import MICRO


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


def make(clock: Clock, names: str = "ab", **values: object) -> Hunt:
    """A hunt with one queue "q" whose members are all available."""
    hunt = Hunt({"q": Queue(label="q", wrap_up=10, **values)}, clock)  # type: ignore[arg-type]
    hunt.staff({name: {"q": at} for at, name in enumerate(names)})
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
    hunt.staff({"a": {"q": 0}})
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
    hunt.rested = lambda agent, until: rests.append(agent)
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
    hunt.rested = lambda agent, until: rests.append(agent)
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
    hunt.staff({"a": {"other": 0}})
    hunt.device("a", "NOT_INUSE")
    assert turn.offer.result().queue == "other"


async def test_it_believes_asterisk_after_a_restart(clock: Clock) -> None:
    hunt = make(clock, "a")
    hunt.device("a", "INUSE")
    turn = hunt.join("1", "q", 0)
    hunt.phones({"b": "NOT_INUSE"})
    assert turn.offer.done()
