"""Keeping promises, with a real journal and hunt; the phones are played by the test."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decroche.agi import dialler as room
from decroche.agi.channel import HungUp
from decroche.agi.dialler import Dialler, over
from decroche.agi.hunt import Hunt
from decroche.agi.line import Line
from decroche.hotline import Hotline, parse
from decroche.records import callbacks, kinds, ledger, numbers
from decroche.records.abilities import Ability, Place
from decroche.records.events import MICRO, Event, now, steady
from decroche.records.journal import Journal
from decroche.records.promised import of_attempt
from decroche.records.rings import Ring
from decroche.records.schema import prepare, reader

from .spy import Spy

TEXT = """
[line]
name = "Essai"
[menu]
default = "visio"
[queues.visio]
label = "Visio"
wrap_up = 0
[trunks.t]
host = "127.0.0.1"
dids = ["100", "101"]
[hours]
monday = ["09:00-18:00"]
[callbacks]
per_agent = {per_agent}
"""
ANA, BEN = "aa" * 16, "bb" * 16
OPEN, CLOSED = datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 23, 20, tzinfo=UTC)


class Cast:
    """A dialler that runs, its journal, and the agents "ana" and "ben", who are free."""

    def __init__(self, path: Path, journal: Journal, hotline: Hotline) -> None:
        self.path, self.journal, self.hotline = path, journal, hotline
        self.instant, self.midnight = OPEN, 0
        self.hunt = Hunt(hotline.queues)
        places = {name: {"visio": Place(at)} for at, name in enumerate(("ana", "ben"))}
        self.hunt.staff({name: Ability(places=place) for name, place in places.items()})
        self.hunt.declare("ana", True, 0)
        self.hunt.declare("ben", True, 1)
        made = (hotline, Path("/nowhere"), "00", lambda name: True, journal.append)
        line = Line(*made, lambda: self.instant)
        self.dialler = Dialler(self.hunt, line, journal, path, lambda: (), lambda: self.midnight)

    async def promise(self, caller: str, since: int = 1, due: int = 0) -> None:
        assert self.hotline.callbacks
        where = (f"c-{caller}", "visio", "t", "100")
        await self.journal.append(
            callbacks.promise(self.hotline.callbacks, caller, *where, since, due)
        )
        self.dialler.news.set()

    async def ring(self) -> Ring:
        async with asyncio.timeout(5):
            return await self.dialler.rings.get()

    async def nobody_rings(self) -> None:
        self.dialler.news.set()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await self.dialler.rings.get()

    def row(self, caller: str) -> dict[str, object]:
        with closing(reader(self.path)) as connection:
            sql = "SELECT * FROM callbacks WHERE caller = ?"
            return dict(connection.execute(sql, (caller,)).fetchone())

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(path: Path, per_agent: int = 60) -> AsyncIterator[Cast]:
    prepare(path)
    async with Journal(path) as journal:
        cast = Cast(path, journal, parse(TEXT.format(per_agent=per_agent)))
        task = asyncio.create_task(cast.dialler.run())
        try:
            yield cast
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_phone_that_is_not_picked_up_lets_another_one_ring(tmp_path: Path) -> None:
    async with running(tmp_path / "line.db") as cast:
        await cast.promise(ANA)
        first = await cast.ring()
        assert cast.row(ANA)["stage"] == "ringing"  # written before any phone rings
        first.status.set_result("NOANSWER")
        second = await cast.ring()
        assert (first.agent, second.agent) == ("ana", "ben")
        assert cast.row(ANA)["tries"] == 0


async def test_there_are_never_more_out_than_idle_agents(tmp_path: Path) -> None:
    async with running(tmp_path / "line.db") as cast:
        cast.instant = CLOSED
        callers = [f"{number:032x}" for number in range(20)]
        for number in sorted(range(20), key=lambda n: n * 7 % 20):
            await cast.promise(callers[number], since=number)
        cast.instant = OPEN  # all of them come due at once
        cast.dialler.news.set()
        rung = {(await cast.ring()).channel.split("-")[1] for _ in range(2)}
        assert rung == set(callers[:2])  # the oldest two
        await cast.nobody_rings()


@pytest.mark.parametrize("step", [-3600, 3600, 7 * 86_400])
async def test_a_clock_that_was_set_costs_nobody_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The record goes by the machine's clock, those who wait by one that is never set."""
    true = time.time_ns
    async with running(tmp_path / "line.db") as cast:
        cast.hunt.declare("ana", False, 0)
        cast.hunt.declare("ben", False, 0)
        monkeypatch.setattr(time, "time_ns", lambda: true() + step * 10**9)
        cast.hunt.join("before", "visio", steady() - 10 * MICRO)
        await cast.promise(ANA, since=now() - 5 * MICRO, due=now())
        await cast.until(lambda: cast.hunt.waiting == 2)
        after = cast.hunt.join("after", "visio", steady())
        cast.hunt.declare("ana", True, 0)
        assert cast.hunt.join("before", "visio", 0).offer.done()
        cast.hunt.declare("ben", True, 0)
        assert (await cast.ring()).agent == "ben"
        assert not after.offer.done()


async def test_who_is_claimed_or_withdrawn_meanwhile_is_not_called(tmp_path: Path) -> None:
    async with running(tmp_path / "line.db") as cast:
        cast.hunt.declare("ana", False, 0)
        cast.hunt.declare("ben", False, 0)
        await owe(cast, ANA)
        await cast.promise(ANA)
        await cast.promise(BEN)
        await cast.until(lambda: cast.hunt.waiting == 2)
        ledger.claim(cast.path, ANA, "Zoé")
        callbacks.withdraw(cast.path, BEN, "Zoé")
        cast.dialler.news.set()
        await cast.until(lambda: cast.hunt.waiting == 0)
        cast.hunt.declare("ana", True, 0)
        await cast.nobody_rings()


async def owe(cast: Cast, caller: str) -> None:
    at, call = now(), f"m-{caller[:2]}"
    steps: tuple[tuple[str, dict[str, str]], ...] = (
        (kinds.ARRIVED, {"trunk": "t", "did": "100"}),
        (kinds.KNOWN, {"caller": caller}),
        (kinds.ENDED, {}),
    )
    await cast.journal.append(
        *(Event(id=f"{call}:{kind}", at=at, kind=kind, call=call, body=b) for kind, b in steps)
    )


async def test_nobody_is_called_when_the_line_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path / "line.db") as cast:
        cast.instant = CLOSED
        await cast.promise(ANA)
        await cast.nobody_rings()
        cast.instant = OPEN
        cast.dialler.news.set()
        assert (await cast.ring()).agent == "ana"


async def test_what_is_not_due_yet_waits(tmp_path: Path) -> None:
    async with running(tmp_path / "line.db") as cast:
        await cast.promise(ANA, due=now() + MICRO // 2)
        assert cast.dialler.rings.empty()
        await cast.ring()
        assert now() >= int(str(cast.row(ANA)["due"]))


async def test_an_agent_makes_so_many_calls_a_day_and_no_more(tmp_path: Path) -> None:
    async with running(tmp_path / "line.db", per_agent=1) as cast:
        for number in range(2):
            channel = f"callback-{'dd' * 16}-{number}"
            made = of_attempt(channel, kinds.BACK_DIALLED, now(), agent="ana")
            await cast.journal.append(made)
        cast.midnight = 1  # another day has begun: who has called is counted anew
        for caller in (ANA, BEN):
            await cast.promise(caller)
        assert (await cast.ring()).agent == "ben"
        await cast.nobody_rings()


async def test_who_asked_for_it_and_is_not_there_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ONLY", 0)
    async with running(tmp_path / "line.db") as cast:
        cast.hunt.device("ana", "UNAVAILABLE")
        assert cast.hotline.callbacks
        where = ("visio", "t", "100")
        rules = cast.hotline.callbacks
        callbacks.schedule(cast.path, rules, ANA, "Zoé", where, now(), "ana", only=True)
        cast.dialler.news.set()
        await cast.until(lambda: cast.row(ANA)["stage"] == "cancelled")
        assert cast.row(ANA)["reason"] == "not-at-hand"


class Answered(Spy):
    """The caller of a call-back picks up, or does not."""

    def __init__(self, talk: bool) -> None:
        super().__init__()
        self.talk = talk

    async def dial(self, endpoint: str, number: str, shown: str, seconds: int) -> str:
        if self.talk:
            raise HungUp
        return "NOANSWER"


@pytest.mark.parametrize("talk", [True, False])
async def test_a_call_back_that_the_caller_does_not_answer_counts_for_no_limit_of_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talk: bool
) -> None:
    """As in the record; nor has the agent helped anybody."""
    monkeypatch.setattr(numbers, "find", lambda *_: "+33612345678")
    helped: list[tuple[str, str]] = []
    async with running(tmp_path / "line.db") as cast:
        cast.hunt.people.told.talked = lambda caller, agent: helped.append((caller, agent))
        await cast.promise(ANA)
        ring = await cast.ring()
        channel = Answered(talk)
        channel.call = ring.channel
        ring.status.set_result("ANSWER")
        cast.hunt.device("ana", "INUSE")
        with suppress(HungUp):
            await cast.dialler.take(channel)
        cast.hunt.device("ana", "NOT_INUSE")
        agent = cast.hunt.people.agents["ana"]
        await cast.until(lambda: not agent.offer)
        assert agent.was_back
        assert (agent.calls, bool(agent.talk)) == (talk, talk)
        assert helped == [(ANA, "ana")] * talk


async def test_a_phone_that_comes_too_late_is_told_so(tmp_path: Path) -> None:
    """Asked for by a service that is gone: the promise is kept by another attempt."""
    async with running(tmp_path / "line.db") as cast:
        channel = Spy()
        channel.call = f"callback-{ANA}-1"
        await cast.dialler.take(channel)
        assert channel.done[-1] == ("settle",)


def test_it_calls_over_a_trunk_that_is_there() -> None:
    hotline = parse(TEXT.format(per_agent=1))
    assert over(hotline, "t", "101") == ("t", "101")
    assert over(hotline, "gone", "999") == ("t", "100")
