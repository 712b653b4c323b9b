"""Who does what on the street, and when: agents come, take pauses, people call.

What a person does once a call is up (keys, patience, talk) is in the street's dialplan.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random

import structlog

from ..hotline import Hotline
from ..records import views
from ..records.dialplan import FEATURES
from ..records.folder import Folder
from ..records.schema import reader
from .demo import TRUNK, phones
from .session import AmiError, Session
from .tempo import Crowd, may_call, pauses

log = structlog.get_logger(__name__)

CALLER = "caller"  # contexts of the street's dialplan
PHONE = "phone"

TICK = 0.7  # seconds between two looks at the agents
OPEN = 15.0  # seconds that callers wait at most for the first agent
AGAIN = 8.0  # seconds before a code that changed nothing is dialled again
BREAK = (15.0, 35.0)  # seconds from one agent's pause to the next one's
LENGTH = (20.0, 45.0)  # seconds of a pause
AWAY = 0.2  # the share of pauses in which an agent is away
MOST_PAUSES = 2
CODES = {state: code for code, state in FEATURES.items()}


@dataclass
class Shift:
    """One agent's wish, as the conductor has it."""

    wanted: str = "available"
    told: str = ""  # the state of the last code that was dialled
    dialled: float = 0.0  # when, on the loop's clock
    back: float = 0.0  # when a pause ends; 0 without one


@dataclass
class Now:
    """What goes on in the street: callers on the line, agents on the phone."""

    callers: int = 0
    talking: int = 0
    busy: set[str] = field(default_factory=set)


Shifts = Mapping[str, Shift]


def send_on_break(shifts: Shifts, busy: Collection[str], at: float, chance: Random) -> None:
    """Let one idle agent take a pause, or go away, unless enough are out."""
    out = [name for name, shift in shifts.items() if shift.back]
    idle = [name for name in shifts if name not in busy and name not in out]
    if len(out) >= MOST_PAUSES or not idle:
        return
    shift = shifts[chance.choice(idle)]
    shift.wanted = "away" if chance.random() < AWAY else "paused"
    shift.back = at + chance.uniform(*LENGTH)


def call_back(shifts: Shifts, at: float) -> None:
    """Whose pause is over wants to be available."""
    for shift in shifts.values():
        if 0 < shift.back <= at:
            shift.wanted, shift.back = "available", 0.0


def next_to_dial(
    shifts: Shifts, states: Mapping[str, str], busy: Collection[str], at: float
) -> str:
    """Somebody idle whose state on the line is not what they want it to be, or empty.

    Everybody dials at least once; a code that changed nothing is dialled again.
    """
    for name, shift in shifts.items():
        if name in busy or name not in states:
            continue
        failed = states[name] != shift.wanted and at - shift.dialled > AGAIN
        if shift.told != shift.wanted or failed:
            return name
    return ""


class Conductor:
    """Conducts one street over its AMI session.

    :param hotline: gives the model in force: the number to dial, the keys of the menu.
    """

    def __init__(
        self, folder: Folder, session: Session, hotline: Callable[[], Hotline], chance: Random
    ) -> None:
        self._session = session
        self._hotline = hotline
        self._chance = chance
        self._crowd = Crowd(chance)
        self._shifts = {name: Shift() for name in phones(folder)}
        self._reader = reader(folder.database)

    async def run(self) -> None:
        """Conduct until cancelled. :raises AmiError: the street's Asterisk is gone."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._agents(), name="agents")
                tasks.create_task(self._callers(), name="callers")
        finally:
            self._reader.close()

    async def _agents(self) -> None:
        """Everybody comes; now and then somebody takes a pause and comes back."""
        clock = asyncio.get_running_loop().time
        next_break = clock() + self._chance.uniform(*BREAK)
        while True:
            now = await self.now()
            if clock() >= next_break:
                send_on_break(self._shifts, now.busy, clock(), self._chance)
                next_break = clock() + self._chance.uniform(*BREAK)
            call_back(self._shifts, clock())
            states = {row["name"]: row["state"] for row in views.presence(self._reader)}
            if name := next_to_dial(self._shifts, states, now.busy, clock()):
                await self._dial(name, clock())
            await asyncio.sleep(TICK)

    async def _dial(self, name: str, at: float) -> None:
        shift = self._shifts[name]
        shift.told, shift.dialled = shift.wanted, at
        await self._originate(
            Channel=f"PJSIP/{CODES[shift.wanted]}@as-{name}", Application="Wait", Data="20"
        )

    async def _callers(self) -> None:
        await self._until_open()
        for pause in pauses(self._chance):
            await asyncio.sleep(pause)
            now = await self.now()
            if may_call(now.callers, now.talking):
                await self._call()

    async def _until_open(self) -> None:
        """Until the first agent is there, or it takes too long."""
        for _ in range(round(OPEN / TICK)):
            for row in views.presence(self._reader):
                told = self._shifts.get(row["name"], Shift()).told
                if row["reachable"] and row["state"] == told == "available":
                    return
            await asyncio.sleep(TICK)

    async def _call(self) -> None:
        hotline = self._hotline()
        trunk = hotline.trunks.get(TRUNK)
        if trunk is None:
            return  # it has been taken out of hotline.toml
        caller = self._crowd.next_caller([choice.key for choice in hotline.menu.choices])
        endpoint = "line" if caller.number else "withheld"
        await self._originate(
            Channel=f"PJSIP/{trunk.dids[0]}@{endpoint}",
            CallerID=caller.number or "anonymous",
            Context=CALLER,
            Exten="s",
            Priority="1",
            Variable=f"KEY={caller.key}",
        )

    async def _originate(self, **headers: str) -> None:
        try:
            await self._session.send("Originate", Async="true", Timeout="20000", **headers)
        except AmiError as error:
            if self._session.lost.is_set():
                raise
            log.warning("somebody of the street could not dial", reason=str(error))

    async def now(self) -> Now:
        """Who is on the line and on the phone (AMI action CoreShowChannels).

        :raises AmiError: the street's Asterisk is gone.
        """
        now = Now()
        for channel in await self._session.collect("CoreShowChannels"):
            if channel.get("Context") == CALLER:
                now.callers += 1
            elif channel.get("Context") == PHONE:
                now.talking += channel["ChannelStateDesc"] == "Up"
                now.busy.add(channel["AccountCode"])
        return now
