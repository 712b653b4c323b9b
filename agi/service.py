"""The flows as a service: FastAGI, the hunt, and what feeds it from the journal."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, time, timedelta

import structlog

from ..hotline import Hotline
from ..records import (
    blocks,
    kinds,
    messages,
    people,
    phones,
    recordings,
    switch,
    switched,
    views,
)
from ..records.abilities import abilities
from ..records.events import MICRO, Event, now, steady, stepped
from ..records.folder import Folder
from ..records.journal import Journal
from ..records.numbers import seal
from ..records.presence import is_over
from ..records.secrets import Secrets
from ..records.store import last_seq
from . import flow, presence
from .block import block_last
from .call import AgiChannel
from .channel import Channel
from .dialler import Dialler
from .ends import Ends
from .fastagi import FastAgi, Flow
from .hunt import Hunt
from .known import OWING
from .limits import Gate, answers
from .line import Line, Who
from .message import listen, turn_away
from .notes import Notes
from .promise import promise
from .ranking import Roster, roster
from .record import Studio, record
from .staff import MISSED, Told
from .today import Today
from .wait import Wait

log = structlog.get_logger(__name__)

FOLLOWED = kinds.PEOPLE_KINDS | kinds.PRESENCE.keys() | kinds.BACK_KINDS | kinds.LEDGER_KINDS
FOLLOWED |= OWING  # tokens that are new, or gone, concern promises as well
RENAMED = {kinds.ROTATED, kinds.FORGOT}  # who is promised a call, or blocked, is renamed or gone
FOLLOWED |= RENAMED | kinds.BLOCK_KINDS | {kinds.ANSWERED}
FOLLOWED |= kinds.SWITCH.keys()

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
        self.turned = asyncio.Event()  # set when what Asterisk holds of the switch may differ
        self.hunt = Hunt(hotline().queues, rules=hotline().agents)
        self.hunt.people.told = Told(self._rested, self._capped, self._paused, self._talked)
        self._ends = Ends(self._over, self._is_busy, journal.submit)
        prompts = folder.prompts.absolute()
        known = (secrets().token_key, self._knows, journal.append)
        self._line = Line(
            hotline(), prompts, *known, keep=self._keep, enter=self._enter, folder=folder
        )
        self._gate = Gate()
        self._line.notices = self.hunt.people.notices
        self._today = Today(self.hunt, journal, self._midnight)
        self._day = 0  # when it began
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
            self._gate.recall(answers(reader, now()))
            self._line.turn(switch.read(reader))
        finally:
            reader.close()
        self._staff()
        self._block()
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
            "block": self._block_last,
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(after), name="presence")
            tasks.create_task(self._watch(), name="model")
            tasks.create_task(self._today.keep(), name="today")
            remembered = self._line.known.keep(self._journal, self._days)
            tasks.create_task(remembered, name="callers")
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
        self.changed.set()
        self._phones_known.set()

    def device(self, name: str, state: str) -> None:
        """A phone's new state. Who is there decides on the steps of the fallback."""
        agent = self.hunt.agent(name)
        was = agent is not None and agent.reachable
        self.hunt.device(name, state)
        if agent is not None and agent.reachable != was:
            self.changed.set()

    def roster(self) -> Roster:
        """Who should ring without us."""
        with closing(self._journal.open_reader()) as reader:
            rows = views.there(reader)
        states = {row["name"]: row["state"] for row in rows if not is_over(row, now())}
        found = roster(states, self.hunt.people.agents.values(), self._hotline().queues)
        return {(queue, self.hunt.phone(agent)): how for (queue, agent), how in found.items()}

    async def _take(self, channel: AgiChannel) -> None:
        self._take_model()
        self._line.key = self._secrets().token_key
        try:
            await flow.take(channel, self._line, self._seek, promise, turn_away)
        finally:
            self._gate.leave(channel.call)

    async def _seek(self, channel: Channel, line: Line, queue: str, who: Who) -> None:
        await Wait(self.hunt, channel, line, queue, who, self.hush.put_nowait).run()

    def _keep(self, number: str, caller: str) -> None:
        """A caller who reaches nobody is to be called back: until then their number is kept."""
        self.notes.gather(seal(number, caller, self._secrets().number_key))

    def _enter(self, call: str, caller: str) -> str:
        return self._gate.enter(call, caller, self._line.hotline.limits)

    def _block(self) -> None:
        """Who is blocked, as written down."""
        reader = self._journal.open_reader()
        try:
            self._gate.block(blocks.active(reader, now()))
        finally:
            reader.close()

    def _knows(self, agent: str) -> bool:
        return self.hunt.agent(agent) is not None

    async def _listen(self, channel: AgiChannel) -> None:
        await listen(channel, self._line)

    async def _answer_the_doctor(self, channel: AgiChannel) -> None:
        """No call: `decroche doctor` asks whether this service answers (doctor_services.py)."""

    async def _record(self, channel: AgiChannel) -> None:
        await record(channel, self._line, self._studio, channel.argument)

    async def _block_last(self, channel: AgiChannel) -> None:
        await block_last(channel, self._line)

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
                elif event.kind == kinds.ANSWERED:
                    self._gate.answered(event.call, event.at)
                    self.hunt.talks(str(event.body.get("agent", "")), event.call)
                elif event.kind in kinds.SWITCH:
                    self._line.turn(switched.after(self._line.switches, event))
                    self._turned()
                elif event.kind not in kinds.PEOPLE_KINDS and event.kind != kinds.ENDED:
                    self._dialler.news.set()
            seen = {event.kind for event in batch}
            if seen & (kinds.BLOCK_KINDS | RENAMED):
                self._block()
            if seen & kinds.PEOPLE_KINDS:
                self._staff()
            self._line.known.note(seen)

    def _hear(self, event: Event) -> None:
        """A declaration; one whose time is over already is none."""
        if self._ends.hear(event):
            available = event.kind == kinds.AVAILABLE and not self._ends.is_over(event.actor)
            by = str(event.body.get("by", ""))
            if available:
                self.hunt.people.shows_up(event.actor)
            self.hunt.declare(event.actor, available, event.at - stepped(), by)
            self.changed.set()

    def _over(self, agent: str) -> None:
        """An agent's availability has had its time: no ring any more, from nobody."""
        known = self.hunt.agent(agent)
        if known is not None and known.available:
            self.hunt.declare(agent, False, steady())
            self.changed.set()

    def _is_busy(self, agent: str) -> bool:
        known = self.hunt.agent(agent)
        return known is not None and bool(known.offer or known.device_busy)

    async def _watch(self) -> None:
        """The applied hotline changes seldom: without calls, look once a second."""
        while True:
            await asyncio.sleep(MODEL)
            self._take_model()
            self._line.opening.look(self._line.at)
            if self._midnight() != self._day:  # calls of the day are counted anew
                self._call_outside()

    def _days(self) -> int:
        return self._hotline().agents.same_helper

    def _take_model(self) -> None:
        """The flows and the hunt change to another hotline in the same instant."""
        model = self._hotline()
        if model is not self._line.hotline:
            self._line.hotline = model
            self._call_outside()
            self.hunt.configure(model.queues, model.agents)
            self._turned()
            self.changed.set()

    def _turned(self) -> None:
        """The hours or a switch are others."""
        self._dialler.news.set()
        self.turned.set()

    def held(self) -> dict[str, str]:
        """What Asterisk is to know of the switches, for when it is alone: queue -> words."""
        return switched.held(self._line.opening, self._line.at)

    def _staff(self) -> None:
        """Bring the hunt up to date with membership and presence as written down."""
        day, able = self._midnight(), abilities(self._folder.database)
        with closing(self._journal.open_reader()) as reader:
            rows = views.presence(reader)
            taken = views.answered_per_agent(reader, day)
        at = now()
        self._call_outside()
        if not self.hunt.people.agents:
            self.hunt.people.capped = {row["name"] for row in rows if row["capped_until"] > at}
        self.hunt.staff({row["name"]: able[row["name"]] for row in rows if row["name"] in able})
        for row in rows:
            idle = max(row["since"], taken.get(row["name"], views.Taken()).last)
            available = row["state"] == "available" and not is_over(row, at)
            self.hunt.declare(row["name"], available, idle - stepped(), row["by"])
        self._ends.know(rows)
        self._today.count(taken, day)
        self.changed.set()

    def _call_outside(self) -> None:
        """Who is called on a phone of their own, and how often they were today."""
        rules, self._day = self._hotline().outside, self._midnight()
        reader = self._journal.open_reader()
        try:
            rung = phones.rung_since(reader, self._day) if rules else {}
        finally:
            reader.close()
        self.hunt.call_outside(rung.keys(), rung, rules.per_agent if rules else 0)

    def _midnight(self, ahead: int = 0) -> int:
        """When the local day began, or when the one so many days later does."""
        zone = self._hotline().zone
        day = datetime.now(UTC).astimezone(zone).date() + timedelta(days=ahead)
        return int(datetime.combine(day, time(), zone).timestamp()) * MICRO

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
        self.notes.gather(event)

    def _capped(self, agent: str, why: str) -> None:
        """Tell the board that an agent has reached a limit of the day, or has not any more."""
        at, until = now(), self._midnight(1) if why else 0
        event = Event(
            id=f"{agent}:{kinds.CAPPED}:{at}",
            at=at,
            kind=kinds.CAPPED,
            actor=agent,
            body={"until": until, "why": why},
        )
        self.notes.gather(event)
        self.changed.set()

    def _paused(self, agent: str) -> None:
        """A phone has rung in vain too often: its agent is paused, and sees why."""
        log.info("an agent is paused: rings that nobody answered", agent=agent)
        self.notes.gather(people.declared(agent, kinds.PAUSED, MISSED))

    def _talked(self, caller: str, agent: str) -> None:
        if caller and self._days():
            self._line.known.helped(caller, agent, now())
