"""The AMI stream through our session's protocol, against panoramisk's own: `./run bench ami`.

Two real calls are placed (one through our flow, one through Queue()) while three sessions listen:
one gets everything that Asterisk says by default, the others are those of manager.conf. What the
first one got is then played to both protocols in turn, in the portions that a network brings.
Speeds are in CPU time, which other work on the machine disturbs least. Exit code 1 when a limit
is missed. Takes about 20 s.
"""

import asyncio
import gc
import logging
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import create_connection, socket
from typing import Any

from _cel import Cel
from _lines import (
    SILENT_LINE,
    BenchLine,
    at_least,
    at_most,
    bench_line,
    declare,
    end,
    service,
    start,
    wait_until,
)
from _sipp import call, caller, phones
from panoramisk.manager import Manager

from decroche.asterisk.session import Session, _Protocol
from decroche.records import kinds
from decroche.records.secrets import load

FASTER, SMALLER = 2.5, 0.25
AGENT = "a10"
CALLS = 250  # as often each recorded call is played in one round
ROUNDS = 7
PORTION = 1448  # bytes: what one segment of an Ethernet brings
DIALPLAN = """
[from-street](+)
exten => queue,1,Answer()
 same => n,Queue(line,i,,,900)
 same => n,Hangup()
"""
MANAGER = """
[everything]
secret = everything
read = all
"""
NUMBERS = {"our flow": "0900000000", "Queue()": "queue"}


class Listener:
    """A session that only counts and keeps what comes."""

    def __init__(self, port: int, username: str, secret: str) -> None:
        self.data = b""
        self._socket: socket = create_connection(("127.0.0.1", port), 5)
        login = f"Action: Login\r\nUsername: {username}\r\nSecret: {secret}\r\nEvents: on\r\n\r\n"
        self._socket.sendall(login.encode())
        self._socket.settimeout(0.5)
        wait_until(lambda: b"FullyBooted" in self.read(), 5, f"the login of {username}")
        self.greeting = self.data.partition(b"\r\n")[0] + b"\r\n"
        self.forget()

    def forget(self) -> None:
        self.data = b""

    def read(self) -> bytes:
        """All that came, until half a second brings nothing new."""
        try:
            while portion := self._socket.recv(65536):
                self.data += portion
        except TimeoutError:
            pass
        return self.data

    def close(self) -> None:
        self._socket.close()


def record() -> tuple[bytes, dict[str, bytes], dict[str, dict[str, int]]]:
    """The greeting, each call's whole stream, and the bytes of every session for each call."""
    with ExitStack() as stack:
        files = {"extensions.conf": DIALPLAN, "manager.conf": MANAGER}
        ours = ("decline", "disabledevents")
        line = stack.enter_context(bench_line(SILENT_LINE, [AGENT], files, ours))
        declare(line.folder, [AGENT], kinds.AVAILABLE)
        command = [str(Path(sys.executable).with_name("decroche")), "--dir"]
        command += [str(line.folder.root), "serve", "flows"]
        stack.enter_context(service(command, line.folder, line.hotline.network.agi))
        wait_until(lambda: "PJSIP/" in line.pbx.ask("queue show line"), 20, "the roster")
        stack.enter_context(phones(line.folder.root, 300, line.sip, line.phones))
        secrets = load(line.folder.secrets)
        ami = line.hotline.network.ami
        sessions = {
            "everything": Listener(ami, "everything", "everything"),
            "recorder": Listener(ami, "recorder", secrets.ami_recorder),
            "flows": Listener(ami, "flows", secrets.ami_flows),
        }
        for session in sessions.values():
            stack.callback(session.close)
        streams, sizes = {}, {}
        for name, number in NUMBERS.items():
            sizes[name] = place(line, number, sessions)
            streams[name] = sessions["everything"].data
        return sessions["everything"].greeting, streams, sizes


def place(line: BenchLine, number: str, sessions: dict[str, Listener]) -> dict[str, int]:
    cel = Cel(line.folder.cel)
    cel.mark()
    for session in sessions.values():
        session.forget()
    if call(line.folder.root, caller(number), line.sip, 1, 1).failed:
        sys.exit(f"the call to {number} failed")
    cel.wait_for(1, 5)
    if not cel.stories()[0].answered:
        sys.exit(f"nobody answered the call to {number}")
    return {name: len(session.read()) for name, session in sessions.items()}


def portions(data: bytes) -> list[bytes]:
    return [data[at : at + PORTION] for at in range(0, len(data), PORTION)]


class Transport(asyncio.Transport):
    """Where a protocol writes to when nobody listens."""

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def panoramisks(found: "Counter[str]") -> Callable[[bytes], None]:
    """panoramisk's Manager and protocol as its documentation uses them."""
    loop = asyncio.get_running_loop()
    make: Any = Manager
    manager = make(loop=loop, log=logging.getLogger("silent"))
    protocol = manager.config["protocol_factory"]()
    made: asyncio.Future[Any] = loop.create_future()
    protocol.connection_made(Transport())
    made.set_result((protocol.transport, protocol))
    manager.connection_made(made)
    manager.pinger.cancel()

    def count(manager: object, message: Any) -> None:
        found[message.event] += 1

    manager.register_event("*", count)
    receive: Callable[[bytes], None] = protocol.data_received
    return receive


def ours(found: "Counter[str]") -> Callable[[bytes], None]:
    """The protocol of asterisk/session.py with its consumer at the queue's other end."""
    session = Session()
    protocol = _Protocol()
    protocol.session = session
    protocol.connection_made(Transport())

    def receive(data: bytes) -> None:
        protocol.data_received(data)
        while not session.events.empty():
            packet = session.events.get_nowait()
            if packet is not None:
                found[packet["Event"]] += 1

    return receive


def play(
    make: Callable[["Counter[str]"], Callable[[bytes], None]], greeting: bytes, data: bytes
) -> tuple[float, "Counter[str]"]:
    """Seconds of CPU, and the events that came out."""
    found: Counter[str] = Counter()
    receive = make(found)
    receive(greeting)
    sent = portions(data)
    gc.collect()
    began = time.process_time()
    for portion in sent:
        receive(portion)
    return time.process_time() - began, found


async def bench_protocols(greeting: bytes, streams: dict[str, bytes]) -> bool:
    good = True
    print(f"  {'played, events/s':22} {'ours':>9} {'panoramisk':>11} {'ratio':>7}")
    for name, stream in streams.items():
        data = stream * CALLS
        speeds: dict[str, list[float]] = {"ours": [], "panoramisk": []}
        for _ in range(ROUNDS):
            seconds, found = play(ours, greeting, data)
            speeds["ours"].append(found.total() / seconds)
            seconds, theirs = play(panoramisks, greeting, data)
            speeds["panoramisk"].append(theirs.total() / seconds)
            if found != theirs:
                sys.exit(f"the two disagree about the events: {found - theirs} {theirs - found}")
            await asyncio.sleep(0)
        mine, other = (statistics.median(values) for values in speeds.values())
        pairs = zip(speeds["ours"], speeds["panoramisk"], strict=True)
        ratio = statistics.median(one / two for one, two in pairs)
        print(f"  {name:22} {mine:9.0f} {other:11.0f} {ratio:7.2f}")
        good &= at_least(f"events/s, ours : panoramisk's, {name}", ratio, FASTER)
    return good


def kinds_of(stream: bytes) -> Iterator[str]:
    for line in stream.split(b"\r\n"):
        if line.startswith(b"Event: "):
            yield line[7:].decode()


def report(streams: dict[str, bytes], sizes: dict[str, dict[str, int]]) -> bool:
    good = True
    for name, stream in streams.items():
        events = Counter(kinds_of(stream))
        most = ", ".join(f"{count} {kind}" for kind, count in events.most_common(4))
        print(f"one call through {name}: {events.total()} events, {len(stream)} bytes ({most})")
        for session in ("recorder", "flows"):
            share = sizes[name][session] / len(stream)
            good &= at_most(f"bytes of {session} : everything, {name}", share, SMALLER)
    return good


def main() -> int:
    began = start("ami")
    greeting, streams, sizes = record()
    good = report(streams, sizes)
    good &= asyncio.run(bench_protocols(greeting, streams))
    return end(began, good)


if __name__ == "__main__":
    sys.exit(main())
