"""One AMI connection: panoramisk's Manager behind a decoder and bounds of our own.

panoramisk logs in, numbers the actions and matches their answers; the stream
is decoded by asterisk/decoder.py, events wait in a bounded queue for one
consumer, every action has a deadline, and a ping that is not answered closes
the connection. There is no reconnection here: asterisk/link.py owns that.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import structlog
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

from .decoder import Decoder, Packet

log = structlog.get_logger(__name__)

EVENTS = 100_000  # events that may wait for the consumer
ACTION = 5.0  # seconds for an answer
PING = 3.0  # seconds between two pings; a silent PBX is noticed within PING + ACTION
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class AmiError(Exception):
    """The PBX refused, did not answer, or is not there."""


class _Protocol(AMIProtocol):
    """panoramisk's protocol with the decoding replaced."""

    session: "Session"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.decoder = Decoder()

    def data_received(self, data: bytes) -> None:
        for packet in self.decoder.feed(data):
            action = self.responses.get(packet.get("ActionID", ""))
            if action is not None:
                if packet.get("Response") == "Error":
                    action.as_list = False  # panoramisk would wait for a list for ever
                self.handle_message(Message(packet))
            elif "Event" in packet:
                self.session.put(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.ended(exc)


class Session:
    """A logged-in connection. ``async with await Session.open(...)``."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Packet | None] = asyncio.Queue()
        self.lost: asyncio.Event = asyncio.Event()
        self._manager: Any = None
        self._pinger: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, port: int, username: str, secret: str, timeout: float = ACTION
    ) -> "Session":
        """Connect to AMI on loopback and log in.

        :raises AmiError: nobody there, wrong password, no answer in time.
        """
        session = cls()
        try:
            async with asyncio.timeout(timeout):
                await session._open(port, username, secret)
        except (OSError, TimeoutError) as error:
            session.close()
            raise AmiError(f"no connection to Asterisk on port {port}: {error}") from None
        except AmiError:
            session.close()
            raise
        session._pinger = asyncio.create_task(session._ping(), name="ami ping")
        return session

    async def _open(self, port: int, username: str, secret: str) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> _Protocol:
            made = _Protocol()
            made.session = self
            return made

        # The Manager's own connect() reconnects for ever; its parts are used one by one.
        self._manager = Manager(loop=loop, protocol_factory=protocol, ping_delay=10**6)
        transport, wire = await loop.create_connection(protocol, "127.0.0.1", port)
        made: asyncio.Future[Any] = loop.create_future()
        made.set_result((transport, wire))
        self._manager.connection_made(made)
        await self.send("Login", Username=username, Secret=secret, Events="on")

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._pinger:
            self._pinger.cancel()
        if self._manager is not None:
            if self._manager.pinger:
                self._manager.pinger.cancel()
            if self._manager.protocol is not None:
                self._manager.protocol.transport.abort()

    async def send(self, action: str, **headers: str) -> Mapping[str, str]:
        """Send one action and wait for its answer.

        :raises AmiError: refused, lost, or no answer in time.
        :raises ValueError: a control character in a header.
        """
        return (await self._send(action, headers, as_list=False))[0]

    async def collect(self, action: str, **headers: str) -> list[Mapping[str, str]]:
        """Like :meth:`send`, for an action that answers with a list of events."""
        return await self._send(action, headers, as_list=True)

    async def _send(
        self, action: str, headers: Mapping[str, str], as_list: bool
    ) -> list[Mapping[str, str]]:
        for name, value in headers.items():
            if CONTROL.search(name) or CONTROL.search(value):
                raise ValueError(f"a control character in the AMI header {name}")
        if self.lost.is_set():
            raise AmiError("the connection to Asterisk is lost")
        try:
            async with asyncio.timeout(ACTION):
                found = await self._manager.send_action(
                    {"Action": action, **headers}, as_list=as_list
                )
        except TimeoutError:
            raise AmiError(f"Asterisk did not answer {action} within {ACTION:g} s") from None
        answers = found if isinstance(found, list) else [found]
        if not answers[0].success:
            raise AmiError(f"Asterisk refused {action}: {answers[0].message}")
        return answers

    def put(self, packet: Packet) -> None:
        """Queue an event for the consumer; a consumer that far behind loses the connection."""
        if self.events.qsize() >= EVENTS:
            log.error("too many AMI events wait; starting over", waiting=EVENTS)
            self.close()
        else:
            self.events.put_nowait(packet)

    def ended(self, error: Exception | None) -> None:
        """The connection is gone: wake whoever waits."""
        self.lost.set()
        self.events.put_nowait(None)
        if self._manager is not None and self._manager.protocol is not None:
            for action in list(self._manager.protocol.responses.values()):
                if not action.future.done():
                    action.future.set_exception(AmiError("the connection to Asterisk is lost"))
                    action.future.exception()  # seen, even when nobody waits any more

    async def next_event(self) -> Packet | None:
        """The next event in order; None when the connection is lost."""
        return await self.events.get()

    async def _ping(self) -> None:
        while not self.lost.is_set():
            await asyncio.sleep(PING)
            try:
                await self.send("Ping")
            except AmiError as error:
                log.warning("Asterisk does not answer", reason=str(error))
                self.close()
                return


async def boot_of(session: Session) -> str:
    """Which start of Asterisk this is: the name that pbx.py gave it (AMI action CoreSettings)."""
    return (await session.send("CoreSettings")).get("SystemName", "")
