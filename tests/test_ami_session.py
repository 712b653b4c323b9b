"""One AMI connection against a small imitation of Asterisk's end of the wire."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from decroche.asterisk import session as room
from decroche.asterisk.link import stay_connected
from decroche.asterisk.roster import steps
from decroche.asterisk.session import AmiError, Session

Answer = Callable[[dict[str, str]], list[str]]


def silence(action: dict[str, str]) -> list[str]:
    return []


class Ami:
    """Speaks AMI. ``answers`` gives the packets for an action; none of them: silence."""

    def __init__(self) -> None:
        self.actions: list[dict[str, str]] = []
        self.answers: dict[str, Answer] = {"Login": lambda action: ["Response: Success"]}
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def __aenter__(self) -> "Ami":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.lose()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while packet := await reader.readuntil(b"\r\n\r\n"):
                action = dict(re.findall(r"^(\w+): ?(.*?)\r$", packet.decode(), re.MULTILINE))
                self.actions.append(action)
                answer = self.answers.get(action["Action"], silence)
                for text in answer(action):
                    lines = [*text.split("\n"), f"ActionID: {action['ActionID']}"]
                    writer.write("\r\n".join([*lines, "", ""]).encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def say(self, text: str) -> None:
        for writer in self.writers:
            writer.write("\r\n".join([*text.split("\n"), "", ""]).encode())

    def lose(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


@pytest.fixture
async def ami() -> AsyncIterator[Ami]:
    async with Ami() as server:
        yield server


async def within(waiting: Awaitable[object], seconds: float = 2) -> object:
    async with asyncio.timeout(seconds):
        return await waiting


async def test_it_logs_in(ami: Ami) -> None:
    async with await Session.open(ami.port, "flows", "word"):
        login = ami.actions[0]
        assert (login["Action"], login["Username"], login["Secret"]) == ("Login", "flows", "word")


async def test_a_wrong_password_is_told(ami: Ami) -> None:
    ami.answers["Login"] = lambda action: ["Response: Error\nMessage: Authentication failed"]
    with pytest.raises(AmiError, match="refused Login: Authentication failed"):
        await within(Session.open(ami.port, "flows", "wrong"))


async def test_nobody_there_is_told() -> None:
    async with Ami() as ami:
        port = ami.port
    with pytest.raises(AmiError, match=f"port {port}"):
        await within(Session.open(port, "flows", "word"))


async def test_a_login_without_answer_is_given_up(ami: Ami) -> None:
    ami.answers.clear()
    with pytest.raises(AmiError):
        await within(Session.open(ami.port, "flows", "word", timeout=0.1))


async def test_an_action_has_its_own_answer(ami: Ami) -> None:
    ami.answers["Ping"] = lambda action: ["Response: Success\nPing: Pong"]
    ami.answers["Getvar"] = lambda a: [f"Response: Success\nValue: {a['Variable']}"]
    async with await Session.open(ami.port, "flows", "word") as session:
        found = await asyncio.gather(
            *(session.send("Getvar", Variable=str(number)) for number in range(20))
        )
        assert [answer["Value"] for answer in found] == [str(number) for number in range(20)]


async def test_a_list_is_collected(ami: Ami) -> None:
    ami.answers["QueueStatus"] = lambda action: [
        "Response: Success\nEventList: start",
        "Event: QueueMember\nQueue: q\nLocation: PJSIP/ana\nPaused: 0",
        "Event: QueueMember\nQueue: q\nLocation: PJSIP/bob\nPaused: 1",
        "Event: QueueStatusComplete\nEventList: Complete",
    ]
    async with await Session.open(ami.port, "flows", "word") as session:
        found = await session.collect("QueueStatus")
    members = [answer["Location"] for answer in found if answer.get("Event") == "QueueMember"]
    assert members == ["PJSIP/ana", "PJSIP/bob"]


async def test_a_refused_action_is_told_also_where_a_list_was_asked(ami: Ami) -> None:
    ami.answers["QueueAdd"] = lambda action: ["Response: Error\nMessage: No such queue"]
    ami.answers["QueueStatus"] = ami.answers["QueueAdd"]
    async with await Session.open(ami.port, "flows", "word") as session:
        with pytest.raises(AmiError, match="QueueAdd: No such queue"):
            await within(session.send("QueueAdd", Queue="q"))
        with pytest.raises(AmiError, match="QueueStatus: No such queue"):
            await within(session.collect("QueueStatus"))


@pytest.mark.parametrize("code", [*range(0x20), 0x7F])
async def test_a_control_character_is_never_sent(ami: Ami, code: int) -> None:
    async with await Session.open(ami.port, "flows", "word") as session:
        before = len(ami.actions)
        with pytest.raises(ValueError, match="control character"):
            await session.send("QueueAdd", Queue=f"q{chr(code)}Action: Forged")
        with pytest.raises(ValueError, match="control character"):
            await session.send("QueueAdd", **{f"Queue{chr(code)}": "q"})
        assert len(ami.actions) == before


async def test_an_action_without_answer_is_given_up(
    ami: Ami, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Session.open(ami.port, "flows", "word") as session:
        monkeypatch.setattr(room, "ACTION", 0.1)
        with pytest.raises(AmiError, match="did not answer CoreStatus within 0.1 s"):
            await within(session.send("CoreStatus"))


async def test_a_lost_connection_fails_what_waits(ami: Ami) -> None:
    async with await Session.open(ami.port, "flows", "word") as session:
        waiting = asyncio.create_task(session.send("CoreStatus"))
        while len(ami.actions) < 2:
            await asyncio.sleep(0.001)
        ami.lose()
        with pytest.raises(AmiError, match="lost"):
            await within(waiting)
        assert await within(session.next_event()) is None
        with pytest.raises(AmiError, match="lost"):
            await within(session.send("Ping"))


async def test_a_half_open_connection_is_noticed(ami: Ami, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is refused, nothing comes: a ping that is not answered ends the session."""
    assert room.PING + room.ACTION <= 10
    monkeypatch.setattr(room, "PING", 0.05)
    async with await Session.open(ami.port, "flows", "word") as session:
        monkeypatch.setattr(room, "ACTION", 0.1)
        assert await within(session.next_event()) is None
        assert session.lost.is_set()
    assert ami.actions[-1]["Action"] == "Ping"


async def test_answered_pings_keep_a_session(ami: Ami, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PING", 0.01)
    ami.answers["Ping"] = lambda action: ["Response: Success\nPing: Pong"]
    async with await Session.open(ami.port, "flows", "word") as session:
        while sum(action["Action"] == "Ping" for action in ami.actions) < 5:
            await asyncio.sleep(0.001)
        assert not session.lost.is_set()


async def test_events_come_in_order_and_none_is_an_answer(ami: Ami) -> None:
    async with await Session.open(ami.port, "flows", "word") as session:
        for number in range(50):
            ami.say(f"Event: CEL\nNumber: {number}\nActionID: 1")
        ami.say("Response: Success\nActionID: nobody")
        ami.say("Event: Last")
        found = [await within(session.next_event()) for _ in range(51)]
    numbers = [packet.get("Number", "end") for packet in found if isinstance(packet, dict)]
    assert numbers == [*map(str, range(50)), "end"]


async def test_a_consumer_that_is_too_far_behind_starts_over(
    ami: Ami, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "EVENTS", 10)
    async with await Session.open(ami.port, "flows", "word") as session:
        for number in range(20):
            ami.say(f"Event: CEL\nNumber: {number}")
        await within(session.lost.wait())
        assert session.events.qsize() <= 12


async def test_a_lost_connection_is_made_again(ami: Ami, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decroche.asterisk.link.PAUSE", (0.01, 0.02))
    used: list[Session] = []
    lost: list[str] = []

    async def use(session: Session) -> None:
        used.append(session)
        if len(used) < 3:
            ami.lose()
        while await session.next_event() is not None:
            pass

    async def tell(reason: str) -> None:
        lost.append(reason)

    task = asyncio.create_task(stay_connected(ami.port, "flows", "word", use, tell))
    async with asyncio.timeout(3):
        while len(used) < 3:
            await asyncio.sleep(0.005)
    assert len(lost) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_roster_is_made_equal_in_few_steps() -> None:
    no, yes = (False, 0), (True, 0)
    present = {("q", "ana"): no, ("q", "bob"): yes, ("q", "old"): no, ("r", "ana"): no}
    target = {("q", "ana"): yes, ("q", "bob"): yes, ("q", "new"): no, ("r", "ana"): (False, 2)}
    found = [(name, headers["Interface"]) for name, headers in steps(present, target)]
    assert found == [
        ("QueueRemove", "PJSIP/old"),
        ("QueuePause", "PJSIP/ana"),
        ("QueueAdd", "PJSIP/new"),
        ("QueuePenalty", "PJSIP/ana"),
    ]
    assert steps(target, target) == []
