"""A call over AGI: the commands behind :class:`~.channel.Channel`."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from ..records import dialplan
from ..records.events import MICRO, now
from ..records.fallback import core_sound
from .channel import HungUp
from .wire import Reply, quote

log = structlog.get_logger(__name__)

INSTANT = re.compile(r"[0-9]{16}")
LATE = 10 * MICRO  # that a flow may hear of a call; the lease is shorter
QUICK = 5.0  # seconds for a command that Asterisk carries out at once
SPEECH = 180.0  # seconds for a sentence at most
TALK = 12 * 3600.0  # seconds for a conversation at most

# Dial(): m music for the caller, i and I follow neither a forwarding nor an identity that the
# agent's phone sends. Not c: every ring that ends would carry the cause "answered elsewhere", and
# a missed one could not be told apart. Not g: after a talk Asterisk itself ends the call. U runs
# on the phone that answers: it ends the caller's lease (extensions.conf).
DIAL = f"miIU({dialplan.TALK})"
OUTSIDE = f"iIU({dialplan.TALK})"  # the agent hears it ring


class AgiWire(Protocol):
    """What carries AGI commands: a FastAGI connection (wire.py) or a process (process.py)."""

    environment: dict[str, str]
    hung_up: asyncio.Event

    async def command(self, line: str, bound: float) -> Reply: ...


class Notes(Protocol):
    """Where the facts of a call go (notes.py)."""

    def take(self, channel: "AgiChannel", kind: str, words: Sequence[str]) -> bool:
        """Write a fact down; False when that cannot be, and Asterisk is to keep it."""
        ...


class AgiChannel:
    """One call, over whatever carries its AGI commands.

    :param prompts: the folder of the sentences. :param notes: where the call's facts go;
        without it into Asterisk's channel event log, from which the recorder reads them.
    """

    def __init__(self, wire: AgiWire, prompts: Path, notes: Notes | None = None) -> None:
        self._wire = wire
        self._prompts = prompts
        self._notes = notes
        self._variables: dict[str, str] = {}  # to be set with the next lease
        environment = wire.environment
        self.call = environment.get("agi_uniqueid", "")
        self.name = environment.get("agi_channel", "")
        self.endpoint = endpoint_of(self.name)
        self.argument = environment.get("agi_arg_1", "")
        self.began = _came(environment.get("agi_arg_2", ""), now())
        self.dialled = environment.get("agi_dnid", "")

    async def lease(self, seconds: int) -> None:
        self._variables["TIMEOUT(absolute)"] = str(seconds)
        await self.settle()

    async def from_header(self) -> str:
        return (await self._quick("GET FULL VARIABLE ${PJSIP_HEADER(read,From)}")).data

    def remember(self, **variables: str) -> None:
        self._variables |= variables

    async def settle(self) -> None:
        """All variables in one command: ARRAY() sets several (names and words of ours only)."""
        variables, self._variables = self._variables, {}
        if not variables:
            return
        name, values = next(iter(variables)), ",".join(variables.values())
        if len(variables) > 1:
            name = f"ARRAY({','.join(variables)})"
        await self._quick(f"SET VARIABLE {name} {quote(values)}")

    async def note(self, kind: str, *words: str) -> None:
        if self._notes is None or not self._notes.take(self, kind, words):
            note = quote(",".join((kind, " ".join(words))))
            await self._quick(f"EXEC CELGenUserEvent {note}")

    async def answer(self) -> None:
        await self._quick("ANSWER")

    async def say(self, prompt: str, keys: str = "") -> str:
        reply = await self._speech(f"STREAM FILE {self._sound(prompt)} {quote(keys)}")
        if reply.result == "-1":  # there is no such file
            log.error("a sentence has no sound", prompt=prompt)
            reply = await self._speech(f"STREAM FILE {core_sound(prompt)} {quote(keys)}")
        return _key(reply)

    async def ask(self, prompt: str, patience: float) -> str:
        milliseconds = int(patience * 1000)
        reply = await self._speech(f"GET DATA {self._sound(prompt)} {milliseconds} 1")
        if reply.result == "-1":  # there is no such file
            log.error("a sentence has no sound", prompt=prompt)
            reply = await self._speech(f"GET DATA {core_sound(prompt)} {milliseconds} 1")
        if not reply.result and reply.data != "timeout":
            return "#"  # it ends the data: nothing is left of it
        return reply.result if reply.result in set("0123456789*") else ""

    def _sound(self, prompt: str) -> str:
        return quote(str(self._prompts / prompt))

    async def music(self, on: bool) -> None:
        await self._quick(f"SET MUSIC {'ON' if on else 'OFF'}")

    async def ring(self, phones: Sequence[str], seconds: int) -> str:
        devices = "&".join(map(dialplan.device_of, phones))
        return await self._dial(f"{devices},{seconds},{DIAL}")

    async def dial(self, endpoint: str, number: str, shown: str, seconds: int) -> str:
        self.remember(**{"CALLERID(num)": shown, "CALLERID(name)": ""})
        await self.settle()
        return await self._dial(f"PJSIP/{number}@{endpoint},{seconds},{OUTSIDE}")

    async def record(self, path: Path, longest: int, silence: int) -> None:
        file = quote(str(path.with_suffix("")))
        kind = path.suffix.removeprefix(".")
        command = f'RECORD FILE {file} {kind} "#" {longest * 1000} BEEP s={silence}'
        await self._wire.command(command, longest + SPEECH)

    async def play(self, path: Path, keys: str) -> str:
        sound = quote(str(path.with_suffix("")))
        return _key(await self._speech(f"STREAM FILE {sound} {quote(keys)}"))

    async def _dial(self, arguments: str) -> str:
        if (await self._wire.command(f"EXEC Dial {quote(arguments)}", TALK)).result == "-1":
            raise HungUp  # after a talk, or because this side went while it rang
        return (await self._quick("GET FULL VARIABLE ${DIALSTATUS}")).data

    async def gone(self) -> None:
        await self._wire.hung_up.wait()

    async def _speech(self, line: str) -> Reply:
        """-1 is a sentence that cannot be said, or a caller who is gone: the next command tells."""
        reply = await self._wire.command(line, SPEECH)
        if reply.result == "-1":
            await self._quick("NOOP")
        return reply

    async def _quick(self, line: str) -> Reply:
        return await self._wire.command(line, QUICK)


def endpoint_of(channel: str) -> str:
    """``PJSIP/camille-0000002a`` -> ``camille``; empty for any other technology."""
    technology, _, rest = channel.partition("/")
    return rest.rpartition("-")[0] if technology == "PJSIP" else ""


def _key(reply: Reply) -> str:
    """STREAM FILE answers with the ASCII code of the key, 0 for none."""
    code = int(reply.result) if reply.result.lstrip("-").isdigit() else 0
    return chr(code) if code > 0 else ""


def _came(told: str, here: int) -> int:
    """When a call came, by Asterisk's clock if that is to be believed, else now.

    :param told: microseconds UTC, as text.
    """
    at = int(told) if INSTANT.fullmatch(told) else here
    return at if 0 <= here - at <= LATE else here
