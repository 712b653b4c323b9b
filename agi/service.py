"""The flows as a service: FastAGI, the hunt, and what feeds it from the journal."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time

import structlog

from ..hotline import Hotline
from ..records import kinds, messages, people, recordings, views
from ..records.events import MICRO, Event, now, steady
from ..records.folder import Folder
from ..records.journal import Journal
from ..records.numbers import seal
from ..records.presence import is_over
from ..records.secrets import Secrets
from ..records.store import last_seq
from . import flow, presence
from .call import AgiChannel
from .channel import Channel
from .dialler import Dialler
from .ends import Ends
from .fastagi import FastAgi, Flow
from .hunt import Hunt
from .line import Line, Who
from .message import listen, turn_away
from .notes import Notes
from .promise import promise
from .record import Studio, record
from .wait import Wait

log = structlog.get_logger(__name__)

FOLLOWED = kinds.PEOPLE_KINDS | kinds.PRESENCE.keys() | kinds.BACK_KINDS | kinds.LEDGER_KINDS
FOLLOWED |= {kinds.ROTATED, kinds.FORGOT}  # a promise has another name, or is gone

PHONES = 2.0  # seconds that the first call waits for Asterisk's list of phones
MODEL = 1.0  # seconds between two looks whether another hotline is in force


class Flows:
    """Serves the calls of one line.

    :param hotline: gives the model in force. :param secrets: gives the keys in force.
    :param studio: makes sentences of what agents record by phone; without it they cannot.
    """

    def __init__(
        self,
        folder: Folder,
        hotline: Callable[[], Hotline],
        secrets: Callable[[], Secrets],
        journal: Journal,
        studio: Studio | None = None,
    ) -> None:
        self._studio = studio
        self._folder = folder
        self._hotline = hotline
        self._journal = journal
        self._phones_known = asyncio.Event()
        self.hush: asyncio.Queue[str] = asyncio.Queue()  # channels whose sentence is to end
        self.notes = Notes(journal.submit)
        self.changed = asyncio.Event()  # set when the fallback's roster may differ
        self.hunt = Hunt(hotline().queues)
        self.hunt.rested = self._rested
        self._ends = Ends(self._over, self._is_busy, journal.submit)
        prompts = folder.prompts.absolute()
        known = (secrets().token_key, self._knows, journal.append)
        self._line = Line(hotline(), prompts, *known, keep=self._keep, folder=folder)
        self._secrets = secrets
        made = (self.hunt, self._line, journal, folder.database, lambda: secrets().number_keys)
        self._dialler = Dialler(*made, self._midnight)
        self.rings = self._dialler.rings
        self.under_way, self.lost = self._dialler.under_way, self._dialler.lost

    async def run(self, port: int, ready: Callable[[int], None] = lambda port: None) -> None:
        """Serve until cancelled."""
        reader = self._journal.open_reader()
        try:
            after = last_seq(reader)
        finally:
            reader.close()
        self._staff()
        await asyncio.to_thread(messages.prepare, self._folder)
        await asyncio.to_thread(recordings.finish, self._folder.prompts)
        flows: dict[str, Flow] = {
            "call": self._take,
            "presence": self._declare,
            "callback": self._dialler.take,
            "messages": self._listen,
            "doctor": self._answer_the_doctor,
            "prompt": self._record,
            "echo": self._note_echo,
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(after), name="presence")
            tasks.create_task(self._watch(), name="model")
            await self._know_the_phones()
            server = FastAgi(flows, self._folder.prompts.absolute(), self.notes)
            tasks.create_task(self._serve(server, port, ready), name="fastagi")
            tasks.create_task(self._dialler.run(), name="call-backs")
            tasks.create_task(self._ends.run(), name="availabilities")

    async def _serve(self, server: FastAgi, port: int, ready: Callable[[int], None]) -> None:
        try:
            await server.serve(port, ready)
        finally:
            self.notes.flush()

    async def _know_the_phones(self) -> None:
        """No call before Asterisk has said which phones are busy, or has had its time to."""
        try:
            async with asyncio.timeout(PHONES):
                await self._phones_known.wait()
        except TimeoutError:
            log.warning("taking calls without knowing which phones are busy")

    def phones(self, states: dict[str, str]) -> None:
        """All phones' states, after each connection to Asterisk; see asterisk/devices.py."""
        self.hunt.phones(states)
        self._phones_known.set()

    def device(self, name: str, state: str) -> None:
        """A phone's new state."""
        self.hunt.device(name, state)

    def roster(self) -> dict[tuple[str, str], bool]:
        """Who should ring without us: (queue, agent) -> paused."""
        reader = self._journal.open_reader()
        try:
            rows = views.roster(reader)
        finally:
            reader.close()
        queues, at = self._hotline().queues, now()
        return {
            (row["queue"], row["agent"]): row["state"] == "paused"
            for row in rows
            if row["queue"] in queues and not is_over(row, at)
        }

    async def _take(self, channel: AgiChannel) -> None:
        self._take_model()
        self._line.key = self._secrets().token_key
        await flow.take(channel, self._line, self._seek, promise, turn_away)

    async def _seek(self, channel: Channel, line: Line, queue: str, who: Who) -> None:
        await Wait(self.hunt, channel, line, queue, who, self.hush.put_nowait).run()

    def _keep(self, number: str, caller: str) -> None:
        """A caller who reaches nobody is to be called back: until then their number is kept."""
        self.notes.gather(seal(number, caller, self._secrets().number_key))

    def _knows(self, agent: str) -> bool:
        return self.hunt.agent(agent) is not None

    async def _listen(self, channel: AgiChannel) -> None:
        await listen(channel, self._line)

    async def _answer_the_doctor(self, channel: AgiChannel) -> None:
        """No call: `decroche doctor` asks whether this service answers (doctor_services.py)."""

    async def _record(self, channel: AgiChannel) -> None:
        await record(channel, self._line, self._studio, channel.argument)

    async def _declare(self, channel: AgiChannel) -> None:
        await presence.declare(channel, self._line, channel.argument)

    async def _note_echo(self, channel: AgiChannel) -> None:
        await presence.note_echo(channel, self._line)

    async def _follow(self, after: int) -> None:
        """Presence and people, from whatever process wrote them down."""
        async for batch in self._journal.follow_only(after, FOLLOWED):
            for event in batch:
                if event.kind in kinds.PRESENCE:
                    self._hear(event)
                elif event.kind not in kinds.PEOPLE_KINDS:
                    self._dialler.news.set()
            if any(event.kind in kinds.PEOPLE_KINDS for event in batch):
                self._staff()

    def _hear(self, event: Event) -> None:
        """A declaration; one whose time is over already is none."""
        if self._ends.hear(event):
            available = event.kind == kinds.AVAILABLE and not self._ends.is_over(event.actor)
            self.hunt.declare(event.actor, available, event.at)
            self.changed.set()

    def _over(self, agent: str) -> None:
        """An agent's availability has had its time: no ring any more, from nobody."""
        known = self.hunt.agent(agent)
        if known is not None and known.available:
            self.hunt.declare(agent, False, now())
            self.changed.set()

    def _is_busy(self, agent: str) -> bool:
        known = self.hunt.agent(agent)
        return known is not None and bool(known.offer or known.device_busy)

    async def _watch(self) -> None:
        """The applied hotline changes seldom: without calls, look once a second."""
        while True:
            await asyncio.sleep(MODEL)
            self._take_model()

    def _take_model(self) -> None:
        """The flows and the hunt change to another hotline in the same instant."""
        model = self._hotline()
        if model is not self._line.hotline:
            self._line.hotline = model
            self.hunt.configure(model.queues)
            self._dialler.news.set()
            self.changed.set()

    def _staff(self) -> None:
        """Bring the hunt up to date with membership and presence as written down."""
        positions: dict[str, dict[str, int]] = {}
        for queue, names in people.members(self._folder.database).items():
            for position, name in enumerate(names):
                positions.setdefault(name, {})[queue] = position
        reader = self._journal.open_reader()
        try:
            rows = views.presence(reader)
            counts = views.answered_per_agent(reader, self._midnight())
        finally:
            reader.close()
        self.hunt.staff({row["name"]: positions.get(row["name"], {}) for row in rows})
        for row in rows:
            calls, last = counts.get(row["name"], (0, 0))
            idle = max(row["since"], last)
            available = row["state"] == "available" and not is_over(row, now())
            self.hunt.declare(row["name"], available, idle, calls)
        self._ends.know(rows)
        self.changed.set()

    def _midnight(self) -> int:
        zone = self._hotline().zone
        local = datetime.now(UTC).astimezone(zone)
        return int(datetime.combine(local.date(), time(), zone).timestamp()) * MICRO

    def _rested(self, agent: str, until: int) -> None:
        """Tell the board that an agent writes notes, or is left alone for a moment.

        :param until: by the hunt's steady clock.
        """
        at = now()
        until += at - steady()
        event = Event(
            id=f"{agent}:{kinds.RESTING}:{at}",
            at=at,
            kind=kinds.RESTING,
            actor=agent,
            body={"until": until},
        )
        self._journal.submit(event)
