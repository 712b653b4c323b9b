"""FastAGI on the wire: one command, one reply, as res_agi speaks it.

Bounded everywhere: the environment (64 lines, 16 KiB), a reply line (8 KiB),
the time of each command. The line ``HANGUP`` may come at any time and is no
reply; a 520 reply has several lines.
"""

import asyncio
import contextlib
import re
import socket
from dataclasses import dataclass

from .channel import ChannelError, HungUp

ENVIRONMENT_LINES = 64
ENVIRONMENT_BYTES = 16 << 10
ENVIRONMENT_PAUSE = 0.001  # seconds that Asterisk is given to write all of it
REPLY_BYTES = 8 << 10
REPLY = re.compile(r"(\d{3}) result=(-?[^\s(]*)(?: \((.*)\))?.*", re.DOTALL)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reply:
    """``200 result=RESULT (DATA)``; ``data`` is empty when there is none."""

    result: str
    data: str = ""


def quote(value: str) -> str:
    """An argument in quotes, as parse_args() of res_agi reads it.

    :raises ValueError: a control character, which would end the command.
    """
    if CONTROL.search(value):
        raise ValueError("a control character in an AGI argument")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def acknowledge(connection: socket.socket, at_once: bool) -> None:
    """Whether what arrives is acknowledged at once, or with a delay (tcp(7), Linux only).

    Of a listening socket: for the connections that it accepts.
    """
    if option := getattr(socket, "TCP_QUICKACK", None):
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, int(at_once))


class Wire(asyncio.Protocol):
    """One connection from Asterisk. ``environment`` is complete when ``ready`` is done."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.environment: dict[str, str] = {}
        self.ready: asyncio.Future[None] = loop.create_future()
        self.hung_up = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._buffer = b""
        self._lines = self._bytes = 0
        self._reply: asyncio.Future[Reply] | None = None
        self._usage = False
        self._due, self._asked = 0.0, ""  # loop time until which the command may take

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._closed:
            transport.abort()
            return
        transport.pause_reading()
        asyncio.get_running_loop().call_later(ENVIRONMENT_PAUSE, self._begin)

    def _begin(self) -> None:
        """Read the environment, which comes in some twenty portions, at once.

        Until its first portion is acknowledged the others wait and go as one (Nagle, RFC 896),
        which spares Asterisk three quarters of the work; see :func:`acknowledge`.
        """
        if self._transport and not self._transport.is_closing():
            acknowledge(self._transport.get_extra_info("socket"), True)
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if not self.ready.done():
            self.ready.set_exception(ChannelError("closed before the environment was complete"))
            self.ready.exception()  # seen: nobody may be waiting for it

    def close(self) -> None:
        """End the connection, or the one that is about to be: Asterisk goes on in the dialplan."""
        self._closed = True
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once, without sending what waits."""
        self._closed = True
        if self._transport:
            self._transport.abort()

    async def command(self, line: str, bound: float) -> Reply:
        """Send one command and wait at most ``bound`` seconds for its reply.

        :raises HungUp: the caller is gone, or Asterisk closed the connection.
        :raises ChannelError: refused, not understood, or no reply in time.
        """
        if self.hung_up.is_set() or self._transport is None:
            raise HungUp
        if self._reply is not None:
            raise ChannelError("a command is under way")
        loop = asyncio.get_running_loop()
        self._reply = loop.create_future()
        self._due, self._asked = loop.time() + bound, line
        self._transport.write(line.encode() + b"\n")
        try:
            return await self._reply
        finally:
            self._reply = None

    def look(self, now: float) -> None:
        """Give up a command that is overdue; asked regularly, which is cheaper than timers."""
        if self._reply is not None and now > self._due:
            self._settle(ChannelError(f"no reply to {self._asked.split()[0]} in time"))
            self.abort()

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._line(line.rstrip(b"\r"))
        if len(self._buffer) > REPLY_BYTES:
            self.abort()

    def _line(self, line: bytes) -> None:
        if not self.ready.done():
            self._header(line)
        elif line == b"HANGUP":
            self._end()
        elif line.startswith(b"520-") or self._usage:
            self._usage = not line.startswith(b"520 ")
            if not self._usage:
                self._settle(ChannelError("wrong usage of a command"))
        elif line:
            self._settle(parse(line.decode("utf-8", "replace")))

    def _header(self, line: bytes) -> None:
        self._lines += 1
        self._bytes += len(line) + 1
        if self._lines > ENVIRONMENT_LINES or self._bytes > ENVIRONMENT_BYTES:
            self.abort()
        elif not line:
            self.ready.set_result(None)
        else:
            name, _, value = line.decode("utf-8", "replace").partition(": ")
            self.environment.setdefault(name, value)

    def _settle(self, outcome: Reply | Exception) -> None:
        if self._reply is None or self._reply.done():
            return
        if isinstance(outcome, Reply):
            self._reply.set_result(outcome)
        else:
            self._reply.set_exception(outcome)

    def _end(self) -> None:
        self.hung_up.set()
        self._settle(HungUp())


def parse(line: str) -> Reply | Exception:
    """One reply line as a value or the exception that it means."""
    found = REPLY.fullmatch(line)
    if found and found[1] == "200":
        return Reply(found[2], found[3] or "")
    if line.startswith("511"):
        return HungUp()
    return ChannelError(f"Asterisk answered {line[:3]!r}")
