"""Without our services, frozen or failing, callers still reach a human: Asterisk's own queue."""

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from decroche.agi.call import AgiChannel
from decroche.agi.fastagi import FastAgi, Flow
from decroche.records import kinds

from .conftest import Open
from .live import ALL, LiveLine, listens, seconds, until
from .sip import Process

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
wrap_up = 1
ring_time = 5
[queues.visio]
label = "Visio"
"""
AGENTS = {name: ["demarches"] for name in ("ana", "bob", "cleo", "dan", "eve")}
FROZEN = 4.0  # seconds until a caller whose flow does not react is in the fallback
RING = 5.0  # seconds that a phone rings
SENTENCE = 1.0  # seconds that the greeting lasts at most
REFUSED = 1.0  # seconds when nobody listens


@pytest.fixture(scope="module")
def one(open_line: Open) -> LiveLine:
    line = open_line(LINE, AGENTS | {"fay": ["demarches", "visio"]}).start()
    line.phones(*AGENTS, answer=300, talk=3000)
    line.declare(kinds.AVAILABLE, *AGENTS)
    return line


@pytest.fixture
def line(one: LiveLine) -> Iterator[LiveLine]:
    """The line with both services up; whatever a test left of them is started anew."""
    for part in ("recorder", "flows"):
        if part not in one.services:
            one.serve(part)
    until(one.members_equal, 10, "the roster to be equal")
    yield one
    one.until_quiet(15)


def facts(line: LiveLine, kind: str, after: int = 0) -> list[str]:
    """The calls to which a fact happened, by Asterisk's own account."""
    sql = "SELECT linkedid FROM cel WHERE eventtype = ? AND rowid > ? ORDER BY rowid"
    return [row["linkedid"] for row in line.cel(sql, kind, after)]


def noted(line: LiveLine, kind: str, since: int) -> list[str]:
    """The calls of which the flows wrote a fact down, behind a place in the journal."""
    sql = "SELECT call FROM journal WHERE kind = ? AND seq > ? ORDER BY seq"
    return [row["call"] for row in line.rows(sql, kind, since)]


def place(line: LiveLine) -> int:
    return int(line.rows("SELECT coalesce(max(seq), 0) AS n FROM journal")[0]["n"])


def last(line: LiveLine) -> int:
    return int(line.cel("SELECT coalesce(max(rowid), 0) AS n FROM cel")[0]["n"])


def talks(line: LiveLine, after: int) -> list[str]:
    """The agents' channels that entered a bridge."""
    sql = """SELECT DISTINCT uniqueid FROM cel WHERE eventtype = 'BRIDGE_ENTER'
        AND channel NOT LIKE 'PJSIP/trunk-%' AND rowid > ?"""
    return [row["uniqueid"] for row in line.cel(sql, after)]


def test_nobody_is_lost_when_the_services_are_killed(line: LiveLine) -> None:
    line.stop_services()
    line.serve(ALL)  # "decroche serve": one process for everything
    before, since = last(line), place(line)
    rings = len(line.processes[0].messages("received", "INVITE"))
    callers = line.call(calls=15, rate=20)
    until(lambda: len(talks(line, before)) == 5, 10, "five to talk")
    until(lambda: len(noted(line, kinds.QUEUED, since)) == 15, 10, "ten to wait")
    talking = {call for call in facts(line, "BRIDGE_ENTER", before)}
    waiting = set(noted(line, kinds.QUEUED, since)) - talking
    assert (len(talking), len(waiting)) == (5, 10)
    line.signal(signal.SIGKILL)
    until(lambda: len(facts(line, kinds.FELL_BACK, before)) == 10, 1, "ten in the fallback")
    assert set(facts(line, kinds.FELL_BACK, before)) == waiting
    callers.succeed(60)
    until(lambda: not line.channels(), 5, "no channel left")

    phones = line.processes[0]
    talk = phones.messages("received", "ACK")[rings:]
    assert len(talk) == 15
    for message in talk:
        ends = [m for m in phones.messages("", "BYE") if m.call == message.call]
        assert [m.way for m in ends] == ["sent"], "a conversation was cut"
        assert ends[0].at - message.at == pytest.approx(3, abs=0.3)
    assert set(facts(line, "BRIDGE_ENTER", before)) == talking | waiting


def test_new_calls_come_to_the_services_again(line: LiveLine) -> None:
    before = last(line)
    line.call().succeed(30)
    assert facts(line, kinds.FELL_BACK, before) == []
    until(lambda: [c for c in line.calls()[-1:] if c["outcome"] == "answered"], 5)


def test_a_frozen_service_loses_the_caller_to_the_fallback(line: LiveLine) -> None:
    before = last(line)
    line.signal(signal.SIGSTOP)
    try:
        caller = line.call()
        waited = fell_back_after(line, caller, before, FROZEN)
        caller.succeed(30)
        until(lambda: not line.channels(), 5, "no channel left")
        assert waited > 1  # a service that is only slow is given the time
    finally:
        line.signal(signal.SIGCONT)


def test_a_service_that_freezes_in_a_sentence_loses_the_caller_to_the_fallback(
    line: LiveLine,
) -> None:
    before, since = last(line), place(line)
    caller = line.call()
    until(lambda: noted(line, kinds.KNOWN, since), 5, "the flow to know the caller")
    line.signal(signal.SIGSTOP)
    try:
        fell_back_after(line, caller, before, SENTENCE + FROZEN + 1)
        caller.succeed(30)
    finally:
        line.signal(signal.SIGCONT)


def test_a_service_that_freezes_in_a_ring_loses_the_caller_to_the_fallback(line: LiveLine) -> None:
    """Nobody answers that ring; the caller must not be left with a service that sleeps."""
    before = last(line)
    line.declare(kinds.AWAY, *AGENTS)
    mute = line.phones("fay", answer=None)
    line.declare(kinds.AVAILABLE, "fay")
    caller = line.call(("bye-after", "15000"))
    until(lambda: mute.log.messages("received", "INVITE"), 5, "the ring")
    line.signal(signal.SIGSTOP)
    try:
        until(lambda: facts(line, kinds.FELL_BACK, before), RING + FROZEN + 2, "the fallback")
        caller.succeed(30)
    finally:
        line.signal(signal.SIGCONT)
        mute.stop()
        until(lambda: not line.channels(), 10, "no channel left")
        line.declare(kinds.AWAY, "fay")
        line.declare(kinds.AVAILABLE, *AGENTS)


def test_a_service_that_freezes_in_a_talk_does_not_hold_the_caller(line: LiveLine) -> None:
    before = last(line)
    caller = line.call(("until-bye", "20000"))
    until(lambda: talks(line, before), 10, "the talk")
    line.signal(signal.SIGSTOP)
    try:
        caller.succeed(3 + FROZEN)  # the agent hangs up after three seconds
        assert facts(line, kinds.FELL_BACK, before) == []
    finally:
        line.signal(signal.SIGCONT)
        caller.stop()
        until(lambda: not line.channels(), 30, "no channel left")


def fell_back_after(line: LiveLine, caller: Process, before: int, bound: float) -> float:
    """Seconds from the INVITE to the fallback, by SIPp's and Asterisk's own accounts."""
    until(lambda: facts(line, kinds.FELL_BACK, before), bound + 1, "the fallback")
    sql = "SELECT eventtime FROM cel WHERE eventtype = ? AND rowid > ?"
    at = float(line.cel(sql, kinds.FELL_BACK, before)[0]["eventtime"])
    waited = at - caller.when("sent", "INVITE")
    assert waited < bound
    return waited


# What a broken service may do with a connection: (its name, what happens).


def closes(wire: socket.socket) -> None:
    """Accepts, and closes at once."""


def garbage(wire: socket.socket) -> None:
    wire.sendall(bytes(range(128, 256)) * 20 + b"\n")
    time.sleep(0.2)


def speaks_http(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    time.sleep(0.2)


def returns_without_token(wire: socket.socket) -> None:
    wire.sendall(b"ANSWER\n")
    until(lambda: b"200 result=0" in wire.recv(4096), 2)


def says_nothing(wire: socket.socket) -> None:
    time.sleep(FROZEN + 2)


def stops_half_way(wire: socket.socket) -> None:
    wire.sendall(b"ANSWER\n")
    until(lambda: b"200 result=0" in wire.recv(4096), 2)
    time.sleep(FROZEN + 2)


@contextlib.contextmanager
def pretending(port: int, behave: Callable[[socket.socket], None]) -> Iterator[None]:
    """Somebody else listens on the port of the flows."""
    server = socket.create_server(("127.0.0.1", port))
    server.settimeout(0.05)
    stop = threading.Event()

    def one(wire: socket.socket) -> None:
        with wire, contextlib.suppress(OSError):
            behave(wire)

    def serve() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                wire, _ = server.accept()
                threading.Thread(target=one, args=(wire,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        server.close()


@pytest.fixture
def deserted(line: LiveLine) -> LiveLine:
    """The line without its flows; the port is free."""
    if "flows" in line.services:
        line.stop_services("flows")
    return line


@pytest.mark.parametrize(
    ("behave", "bound"),
    [
        (closes, REFUSED),
        (garbage, REFUSED),
        (speaks_http, REFUSED),
        (returns_without_token, REFUSED),
        (says_nothing, FROZEN),
        (stops_half_way, FROZEN),
    ],
)
def test_a_broken_service_loses_the_caller_to_the_fallback(
    deserted: LiveLine, behave: Callable[[socket.socket], None], bound: float
) -> None:
    with pretending(deserted.ports["agi"], behave):
        reaches_a_human(deserted, bound)


def test_no_service_at_all_loses_the_caller_to_the_fallback(deserted: LiveLine) -> None:
    assert not listens(deserted.ports["agi"])
    reaches_a_human(deserted, REFUSED)


async def raises(channel: AgiChannel) -> None:
    await channel.answer()
    raise LookupError("a flow of ours fails")


def test_a_flow_that_raises_loses_the_caller_to_the_fallback(deserted: LiveLine) -> None:
    with flows_that(raises, deserted):
        reaches_a_human(deserted, REFUSED)


@contextlib.contextmanager
def flows_that(flow: Flow, line: LiveLine) -> Iterator[None]:
    """Our real FastAGI server with another flow, in a thread of its own."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    server = FastAgi({"call": flow}, Path("/nowhere"))
    task = loop.create_task(server.serve(line.ports["agi"], lambda port: ready.set()))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(5)
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def reaches_a_human(line: LiveLine, bound: float) -> None:
    before = last(line)
    caller = line.call(("bye-after", "1500" if bound == REFUSED else "5000"))
    fell_back_after(line, caller, before, bound)
    until(lambda: talks(line, before), 5, "an agent to answer")
    caller.succeed(20)
    until(lambda: not line.channels(), 5, "no channel left")


# The roster.


def until_members(line: LiveLine, members: dict[str, bool]) -> None:
    until(lambda: line.members()["visio"] == members, 3, f"visio to have {members}")
    until(line.members_equal, 3, "the roster to be equal")


def test_the_fallback_rings_whom_presence_says(line: LiveLine) -> None:
    line.phones("fay")
    for code, members in (("*11", {"fay": False}), ("*12", {"fay": True}), ("*10", {})):
        line.dial("fay", code)
        until_members(line, members)
    line.dial("fay", "*12")
    until(line.members_equal, 3)


def test_the_roster_is_equal_after_a_restart_of_asterisk(line: LiveLine) -> None:
    line.dial("fay", "*12")
    until(line.members_equal, 3)
    line.pbx.stop()
    line.declare_unheard(kinds.AWAY, "ana")
    line.pbx.start()
    until(lambda: line.connected("flows") and line.connected("recorder"), 5, "connections")
    until(line.members_equal, 3, "the roster to be equal")
    assert line.members()["visio"] == {"fay": True}
    assert "ana" not in line.members()["demarches"]
    line.declare(kinds.AVAILABLE, "ana")


def test_the_roster_is_equal_after_a_restart_of_the_service(line: LiveLine) -> None:
    line.signal(signal.SIGKILL, "flows")
    line.declare_unheard(kinds.AWAY, "fay", "bob")
    assert not line.members_equal()
    line.serve("flows")
    until(line.members_equal, 3, "the roster to be equal")
    line.declare(kinds.AVAILABLE, "bob")


def test_a_killed_service_leaves_the_calls_it_had_in_the_record(line: LiveLine) -> None:
    """The recorder goes on while only the flows are gone: the row says what happened."""
    caller = line.call(("bye-after", "20000"))
    until(lambda: [c for c in line.calls()[-1:] if c["stage"] == "talking"], 10, "a talk")
    line.signal(signal.SIGKILL, "flows")
    caller.succeed(30)
    line.until_quiet()
    row = line.calls()[-1]
    assert (row["outcome"], row["fellback"]) == ("answered", 0)
    assert seconds(row["left"] - row["answered"]) == pytest.approx(3, abs=0.3)
