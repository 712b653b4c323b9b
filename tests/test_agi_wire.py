"""FastAGI on the wire: lines cut anywhere, a hang-up at any time, bounds on everything."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.agi import fastagi
from decroche.agi.call import AgiChannel, endpoint_of
from decroche.agi.channel import ChannelError, HungUp
from decroche.agi.fastagi import FastAgi, Flow
from decroche.agi.wire import ENVIRONMENT_LINES, REPLY_BYTES, Reply, Wire, parse, quote

ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: call\nagi_request: agi://127.0.0.1/call\n"
    b"agi_channel: PJSIP/trunk-street-0000002a\nagi_uniqueid: 1795402635.3\n"
    b"agi_callerid: decroche\nagi_arg_1: available\n\n"
)


@dataclass
class Asterisk:
    """The other end: what Asterisk reads and writes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    wire: Wire

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> bytes:
        async with asyncio.timeout(2):
            return await self.reader.readline()


@pytest.fixture
async def asterisk() -> AsyncIterator[Asterisk]:
    wires: list[Wire] = []

    def accept() -> Wire:
        wires.append(Wire())
        return wires[-1]

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(ENVIRONMENT)
    async with asyncio.timeout(2):
        while not wires:
            await asyncio.sleep(0)
        await wires[0].ready
    yield Asterisk(reader, writer, wires[0])
    writer.close()
    wires[0].abort()
    server.close()
    await server.wait_closed()


async def settled(task: "asyncio.Task[Reply]") -> Reply:
    async with asyncio.timeout(2):
        return await task


async def test_it_reads_the_environment(asterisk: Asterisk) -> None:
    assert asterisk.wire.environment["agi_uniqueid"] == "1795402635.3"
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    assert (channel.call, channel.endpoint) == ("1795402635.3", "trunk-street")
    assert channel.argument == "available"


async def test_one_command_has_one_reply(asterisk: Asterisk) -> None:
    for reply, result in (
        (b"200 result=0\n", Reply("0")),
        (b"200 result=1 (a value)\n", Reply("1", "a value")),
        (b"200 result=1 (a (nested) value)\n", Reply("1", "a (nested) value")),
        (b"200 result= (timeout)\n", Reply("", "timeout")),
        (b"200 result=-1 endpos=0\n", Reply("-1")),
        (b"200 result=49 endpos=320\n", Reply("49")),
    ):
        task = asyncio.create_task(asterisk.wire.command("NOOP", 2))
        assert await asterisk.read() == b"NOOP\n"
        asterisk.say(reply)
        assert await settled(task) == result


@pytest.mark.parametrize("cut", range(1, 25))
async def test_a_reply_may_be_cut_anywhere(asterisk: Asterisk, cut: int) -> None:
    line = "200 result=1 (déjà là)\r\n".encode()
    task = asyncio.create_task(asterisk.wire.command("NOOP", 2))
    await asterisk.read()
    asterisk.say(line[:cut])
    await asyncio.sleep(0.005)
    asterisk.say(line[cut:])
    assert await settled(task) == Reply("1", "déjà là")


async def test_a_hangup_ends_the_command_that_waits(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("STREAM FILE x", 5))
    await asterisk.read()
    asterisk.say(b"HANGUP\n")
    with pytest.raises(HungUp):
        await settled(task)
    assert asterisk.wire.hung_up.is_set()
    with pytest.raises(HungUp):
        await asterisk.wire.command("NOOP", 1)


async def test_a_hangup_between_commands_is_no_reply(asterisk: Asterisk) -> None:
    asterisk.say(b"HANGUP\n")
    async with asyncio.timeout(2):
        await asterisk.wire.hung_up.wait()


async def test_a_reply_and_a_hangup_in_one_packet_are_both_seen(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("GET DATA x", 5))
    await asterisk.read()
    asterisk.say(b"200 result=1\nHANGUP\n")
    assert await settled(task) == Reply("1")
    async with asyncio.timeout(2):
        await asterisk.wire.hung_up.wait()


async def test_a_closed_connection_is_a_hangup(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("NOOP", 5))
    await asterisk.read()
    asterisk.writer.close()
    with pytest.raises(HungUp):
        await settled(task)


async def test_a_dead_channel_is_a_hangup(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("ANSWER", 5))
    await asterisk.read()
    asterisk.say(b"511 Command Not Permitted on a dead channel or intercept routine\n")
    with pytest.raises(HungUp):
        await settled(task)


async def test_a_usage_message_of_many_lines_is_one_refusal(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("SAY", 5))
    await asterisk.read()
    asterisk.say(b"520-Invalid command syntax.  Proper usage follows:\n Usage: SAY\n200 result=9\n")
    asterisk.say(b"520 End of proper usage.\n")
    with pytest.raises(ChannelError, match="usage"):
        await settled(task)
    task = asyncio.create_task(asterisk.wire.command("NOOP", 5))
    await asterisk.read()
    asterisk.say(b"200 result=0\n")
    assert await settled(task) == Reply("0")


@pytest.mark.parametrize(
    "line", [b"510 Invalid or unknown command\n", b"nonsense\n", b"\xff\xfe\n"]
)
async def test_anything_else_is_a_refusal(asterisk: Asterisk, line: bytes) -> None:
    task = asyncio.create_task(asterisk.wire.command("X", 5))
    await asterisk.read()
    asterisk.say(line)
    with pytest.raises(ChannelError):
        await settled(task)


async def test_a_command_waits_no_longer_than_its_bound(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("ANSWER", 5))
    assert await asterisk.read() == b"ANSWER\n"
    now = asyncio.get_running_loop().time()
    asterisk.wire.look(now + 4)
    assert not task.done()
    asterisk.wire.look(now + 6)
    with pytest.raises(ChannelError, match="no reply to ANSWER in time"):
        await task
    assert await asterisk.read() == b""  # given up: Asterisk goes on in the dialplan


async def test_a_reply_without_end_is_given_up(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("NOOP", 5))
    await asterisk.read()
    asterisk.say(b"x" * (REPLY_BYTES + 1))
    with pytest.raises(HungUp):
        await settled(task)


async def test_there_is_one_command_at_a_time(asterisk: Asterisk) -> None:
    task = asyncio.create_task(asterisk.wire.command("FIRST", 2))
    await asterisk.read()
    with pytest.raises(ChannelError, match="under way"):
        await asterisk.wire.command("SECOND", 2)
    asterisk.say(b"200 result=0\n")
    await settled(task)


async def test_a_late_reply_is_nobodys(asterisk: Asterisk) -> None:
    asterisk.say(b"200 result=7\n")
    await asyncio.sleep(0.01)
    task = asyncio.create_task(asterisk.wire.command("NOOP", 2))
    await asterisk.read()
    asterisk.say(b"200 result=0\n")
    assert await settled(task) == Reply("0")


# What commands say.


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_quoted_argument_reads_back_or_is_refused(value: str) -> None:
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in value):
        with pytest.raises(ValueError, match="control character"):
            quote(value)
        return
    text = quote(value)
    assert text[0] == text[-1] == '"'
    assert unquote(text[1:-1]) == value


def unquote(text: str) -> str:
    """As parse_args() of res_agi reads the inside of quotes: a backslash takes the next sign."""
    found, signs = "", iter(text)
    for sign in signs:
        assert sign != '"', "the argument ends too early"
        found += next(signs) if sign == "\\" else sign
    return found


async def test_the_channel_speaks_plain_agi(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))

    async def said(task: "asyncio.Task[object]", reply: bytes = b"200 result=0\n") -> str:
        line = await asterisk.read()
        asterisk.say(reply)
        async with asyncio.timeout(2):
            await task
        return line.decode().rstrip("\n")

    start = asyncio.create_task
    assert await said(start(channel.lease(20))) == 'SET VARIABLE TIMEOUT(absolute) "20"'
    channel.remember(A="1")
    assert await said(start(channel.settle())) == 'SET VARIABLE A "1"'
    await channel.settle()  # nothing is left to be set
    channel.remember(A="1")
    assert await said(start(channel.lease(9))) == ('SET VARIABLE ARRAY(A,TIMEOUT(absolute)) "1,9"')
    assert await said(start(channel.note("call.chose", "1", "demarches"))) == (
        'EXEC CELGenUserEvent "call.chose,1 demarches"'
    )
    assert await said(start(channel.music(True))) == "SET MUSIC ON"
    task = start(channel.ask("menu", 5))
    assert await said(task, b"200 result=3\n") == 'GET DATA "/sounds/menu" 5000 1'
    assert task.result() == "3"
    task = start(channel.say("menu", "12"))
    assert await said(task, b"200 result=50 endpos=1\n") == 'STREAM FILE "/sounds/menu" "12"'
    assert task.result() == "2"


async def test_a_key_that_is_no_key_is_none(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    task = asyncio.create_task(channel.ask("menu", 1))
    await asterisk.read()
    asterisk.say(b"200 result= (timeout)\n")
    assert await task == ""


async def test_the_key_that_ends_the_data_is_a_key(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    task = asyncio.create_task(channel.ask("menu", 1))
    await asterisk.read()
    asterisk.say(b"200 result=\n")
    assert await task == "#"


async def test_a_sentence_without_a_sound_is_one_of_asterisks_own(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    task = asyncio.create_task(channel.say("wait", "1"))
    await asterisk.read()
    asterisk.say(b"200 result=-1 endpos=0\n")
    assert await asterisk.read() == b"NOOP\n"  # or has somebody left?
    asterisk.say(b"200 result=0\n")
    assert await asterisk.read() == b'STREAM FILE queue-thankyou "1"\n'
    asterisk.say(b"200 result=49 endpos=800\n")
    assert await task == "1"
    task = asyncio.create_task(channel.ask("menu", 1))
    await asterisk.read()
    asterisk.say(b"200 result=-1\n")
    assert await asterisk.read() == b"NOOP\n"
    asterisk.say(b"200 result=0\n")
    assert (await asterisk.read()).startswith(b"GET DATA beep ")
    task.cancel()


async def test_a_caller_who_leaves_in_a_sentence_is_gone(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    task = asyncio.create_task(channel.say("menu"))
    await asterisk.read()
    asterisk.say(b"200 result=-1 endpos=9\n")
    assert await asterisk.read() == b"NOOP\n"
    asterisk.say(b"HANGUP\n200 result=0\n")
    with pytest.raises(HungUp):
        await task


async def test_a_ring_that_nobody_answers_tells_why(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    task = asyncio.create_task(channel.ring(["ana", "bob"], 20))
    assert (await asterisk.read()).startswith(b'EXEC Dial "PJSIP/ana&PJSIP/bob,20,')
    asterisk.say(b"200 result=0\n")
    assert await asterisk.read() == b"GET FULL VARIABLE ${DIALSTATUS}\n"
    asterisk.say(b"200 result=1 (NOANSWER)\n")
    assert await task == "NOANSWER"


async def test_a_conversation_ends_the_call(asterisk: Asterisk) -> None:
    channel = AgiChannel(asterisk.wire, Path("/sounds"))
    task = asyncio.create_task(channel.ring(["ana"], 20))
    await asterisk.read()
    asterisk.say(b"200 result=-1\n")
    with pytest.raises(HungUp):
        await task


def test_an_endpoint_is_read_from_a_channels_name() -> None:
    assert endpoint_of("PJSIP/trunk-street-0000002a") == "trunk-street"
    assert endpoint_of("PJSIP/ana-00000001") == "ana"
    assert endpoint_of("Local/s@callers-0001;1") == ""
    assert endpoint_of("") == ""


def test_an_answer_that_is_no_success_is_an_exception() -> None:
    assert isinstance(parse("511 dead"), HungUp)
    assert isinstance(parse("510 Invalid"), ChannelError)
    assert isinstance(parse("200 nothing"), ChannelError)


# The server.


async def serving(flows: dict[str, Flow]) -> "tuple[asyncio.Task[None], int]":
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(FastAgi(flows, Path("/sounds")).serve(0, port.set_result))
    async with asyncio.timeout(2):
        return task, await port


async def dropped(port: int, data: bytes, close: bool = False) -> None:
    """Send something; the server must let go of it within its own bound."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if close:
        writer.close()
    else:
        async with asyncio.timeout(2):
            assert await reader.read() == b""
        writer.close()


async def test_a_server_lets_go_of_whatever_is_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastagi, "ENVIRONMENT_TIME", 0.2)
    served: list[str] = []

    async def flow(channel: AgiChannel) -> None:
        served.append(channel.call)

    async def fails(channel: AgiChannel) -> None:
        raise LookupError("a flow of ours fails")

    task, port = await serving({"call": flow, "fails": fails})
    await dropped(port, b"", close=True)
    await dropped(port, b"GET / HTTP/1.1\r\nHost: x\r\n")  # never complete
    await dropped(port, b"a: b\n" * (ENVIRONMENT_LINES + 1))
    await dropped(port, b"a: " + b"b" * 20_000 + b"\n\n")
    many = b"".join(b"h%d: %s\n" % (number, b"b" * 1_000) for number in range(40))
    await dropped(port, ENVIRONMENT[:-1] + many + b"\n")  # good lines, but 40 KB of them
    await dropped(port, ENVIRONMENT.replace(b"script: call", b"script: none"))
    await dropped(port, ENVIRONMENT.replace(b"script: call", b"script: fails"))
    assert served == []
    await dropped(port, ENVIRONMENT)
    assert served == ["1795402635.3"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_server_takes_no_more_calls_than_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastagi, "SESSIONS", 2)
    held = asyncio.Event()

    async def flow(channel: AgiChannel) -> None:
        await held.wait()

    task, port = await serving({"call": flow})
    both = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    await asyncio.sleep(0.01)
    await dropped(port, ENVIRONMENT)
    held.set()
    for _, writer in both:
        writer.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
