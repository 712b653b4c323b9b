"""The recorder: turns what Asterisk tells into journal events, in order.

One consumer reads the AMI session's events. An event that cannot be understood
is set aside and logged; the stream goes on.
"""

import asyncio
import fcntl
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import structlog

from ..records import kinds, views
from ..records.events import Event, now
from ..records.folder import Folder
from ..records.journal import Journal
from ..records.people import list_agents
from ..records.secrets import Secrets
from ..records.store import Entry, last_seq
from ..records.writer import JournalFull
from .catchup import CatchUp
from .decoder import Packet
from .ghosts import end_ghosts
from .link import stay_connected
from .sealed import identify
from .session import Session, boot_of
from .translate import Record, from_ami, translate

log = structlog.get_logger(__name__)

DEVICE = re.compile(r"PJSIP/([a-z0-9][a-z0-9_-]{0,39})")
READ_ON = 10.0  # seconds between two looks at what Asterisk wrote down
UNREACHABLE = frozenset({"UNAVAILABLE", "INVALID"})


class RecorderError(Exception):
    """This recorder may not run."""


class Recorder:
    """Writes one PBX's events into one journal.

    :param agents: the names known now; asked again for each event, so keep it cheap.
    :param secrets: gives the keys in force.
    """

    def __init__(
        self,
        folder: Folder,
        journal: Journal,
        agents: Callable[[], frozenset[str]],
        secrets: Callable[[], Secrets],
        node: str = "",
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._agents = agents
        self._secrets = secrets
        self._node = node
        self._records = CatchUp(folder, journal, agents, self._meaning)
        self._reachable: dict[str, bool] = {}

    async def run(self, port: int) -> None:
        """Record until cancelled, across every loss of the connection."""
        secret = self._secrets().ami_recorder
        await stay_connected(port, "recorder", secret, self._use, self._lost)

    async def _use(self, session: Session) -> None:
        """1. Read on in what Asterisk wrote down; its live events wait meanwhile.
        2. End what it no longer has. 3. Say what was missed. 4. Listen.
        """
        since = await self._records.last()
        caught = await self._records.run()
        await end_ghosts(session, self._folder, self._journal, self._node)
        if since:
            body = {"since": since, "events": caught.events, "calls": caught.calls}
            await self._append(kinds.GAP, body)
        await self._append(kinds.PBX_CONNECTED, {"boot": await boot_of(session)})
        self._remember()
        for answer in await session.collect("DeviceStateList"):
            if answer.get("Event") == "DeviceStateChange":
                self._device({"Device": answer["Device"], "State": answer["State"]})
        reading = asyncio.create_task(self._keep_reading(), name="read on")
        try:
            while (packet := await session.next_event()) is not None:
                try:
                    self._take(packet)
                except (KeyError, ValueError, JournalFull):
                    log.exception("AMI event set aside", name=packet.get("Event"))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _keep_reading(self) -> None:
        """A second look at what was heard live; it also notes how far the record is whole."""
        while True:
            await asyncio.sleep(READ_ON)
            try:
                caught = await self._records.run()
            except (sqlite3.Error, JournalFull) as error:
                log.error("the record cannot be read on", reason=str(error))
            else:
                if caught.events:
                    log.info("Asterisk's record had more than was heard yet", events=caught.events)

    async def _lost(self, reason: str) -> None:
        await self._append(kinds.PBX_LOST, {"reason": reason})

    async def _append(self, kind: str, body: dict[str, Any]) -> None:
        at = now()
        event = Event(id=f"{self._node}:{kind}:{at}", at=at, kind=kind, node=self._node, body=body)
        await self._journal.append(event)

    def _remember(self) -> None:
        """What the journal knows of the phones: only changes are written."""
        connection = self._journal.open_reader()
        try:
            for row in views.presence(connection):
                self._reachable.setdefault(row["name"], bool(row["reachable"]))
        finally:
            connection.close()

    def _submit(self, *entries: Entry) -> None:
        """Append without waiting: the stream goes on while the database takes its time."""
        self._journal.submit(*entries).add_done_callback(_complain)

    def _meaning(self, record: Record) -> list[Entry]:
        """What a record of the channel event log says, live or read later."""
        event = translate(record, self._agents())
        return [event] if event is not None else identify(record, self._secrets())

    def _take(self, packet: Packet) -> None:
        if packet["Event"] == "CEL":
            if entries := self._meaning(from_ami(packet)):
                self._submit(*entries)
        elif packet["Event"] == "DeviceStateChange":
            self._device(packet)

    def _device(self, packet: Packet) -> None:
        """Write down when an agent's phone can be reached, or no more."""
        found = DEVICE.fullmatch(packet["Device"])
        if not found or found[1] not in self._agents():
            return
        agent, reachable = found[1], packet["State"] not in UNREACHABLE
        if self._reachable.get(agent) == reachable:
            return
        self._reachable[agent] = reachable
        at = now()
        kind = kinds.REACHABLE if reachable else kinds.UNREACHABLE
        self._submit(
            Event(id=f"{agent}:{kind}:{at}", at=at, kind=kind, actor=agent, node=self._node)
        )


async def record(
    folder: Folder, journal: Journal, port: int, secrets: Callable[[], Secrets]
) -> None:
    """Record the line's PBX until cancelled.

    :raises RecorderError: another recorder writes this line's journal.
    """
    with _alone(folder):
        roll = Roll(folder, journal)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(roll.keep(), name="names")
            recorder = Recorder(folder, journal, roll.names, secrets, socket.gethostname())
            tasks.create_task(recorder.run(port), name="recorder")


class Roll:
    """The names of the agents: asked for with each event, read again when people change.

    Who has left the line may still be on the phone, or in a record that is read later.
    """

    def __init__(self, folder: Folder, journal: Journal) -> None:
        self._database = folder.database
        self._journal = journal
        self._names = self._read()

    def names(self) -> frozenset[str]:
        return self._names

    async def keep(self) -> None:
        with closing(self._journal.open_reader()) as connection:
            after = last_seq(connection)
        self._names = self._read()
        async for _ in self._journal.follow_only(after, kinds.PEOPLE_KINDS):
            self._names = self._read()

    def _read(self) -> frozenset[str]:
        with closing(self._journal.open_reader()) as connection:
            gone = views.ever_present(connection)
        return gone | {agent.name for agent in list_agents(self._database)}


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    with open(folder.root / "recorder.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecorderError(f"a recorder runs on {folder.root} already") from None
        yield


def _complain(appended: asyncio.Future[None]) -> None:
    if not appended.cancelled() and (error := appended.exception()):
        log.error("event not written", reason=str(error))
