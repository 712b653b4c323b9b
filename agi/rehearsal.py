"""``decroche menu test``: one caller's way through the line, without a telephone.

The flow is the real one (flow.py, wait.py, promise.py, message.py). Only the channel is not: it
tells what is heard, and asks somebody for the keys. No time passes (leaping.py), nothing is
written into the journal, nobody's phone rings.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ..hotline import Hotline, prompt_texts
from ..records import dialplan, kinds, messages
from ..records.abilities import Ability, Place
from ..records.events import MICRO, STEADY, Event
from ..records.folder import Folder
from ..records.opening import Switches
from .channel import Channel, ChannelError, HungUp
from .flow import take
from .hunt import Hunt
from .leaping import LeapingLoop
from .line import Line, Who
from .message import turn_away
from .promise import promise
from .wait import Wait

ANSWERED, BUSY, UNANSWERED, NOBODY = FATES = ("answered", "busy", "unanswered", "nobody")
HANG_UP = "h"  # what is pressed by who hangs up
SOMEBODY = "somebody"  # the one agent of a rehearsal
PICKS_UP = 3  # seconds after which somebody picks up
SPEAKS = 8  # seconds of the message that a caller leaves
WORDS = 2.5  # a second, of a sentence that has no sound yet
TWICE = 2  # times that the same thing is told


@dataclass(frozen=True)
class Step:
    """What happens ``at`` seconds after the call began. ``prompt``: the sentence's name."""

    at: float
    what: str  # hears, presses, silent, waits, rings, talks, speaks, hangs-up, ends
    text: str
    prompt: str = ""


# Asked for a key: (sentence, whether it is a question: else it may be cut short).
Press = Callable[[str, bool], str]
Tell = Callable[[Step], None]


@dataclass
class Rehearsal:
    """How it went. ``outcome`` as in the journal, or "hung-up"; ``queue``: the last one."""

    outcome: str = ""
    queue: str = ""
    steps: list[Step] = field(default_factory=list)


def rehearse(
    hotline: Hotline,
    sounds: Path,
    press: Press,
    tell: Tell = lambda step: None,
    *,
    at: datetime,
    number: str = "",
    fate: str = ANSWERED,
    switches: Switches | None = None,
) -> Rehearsal:
    """Walk through a line.

    :param sounds: the folder of its sentences, for their lengths.
    :param at: the instant at which the call is pretended to come.
    :param number: of the caller (E.164); empty: withheld.
    :param fate: what becomes of who waits: one of FATES.
    :param switches: what was said by hand of the line and its queues.
    :raises ChannelError: the flow asks for what no caller meets.
    """
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as scratch:
        folder = Folder(Path(scratch))
        messages.prepare(folder)
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            line = _line(hotline, sounds, folder, at, runner.get_loop())
            line.turn(switches or {})
            channel = _Told(line, press, tell, number, fate)
            runner.run(_walk(channel, line, fate))
            return channel.done


def _line(
    hotline: Hotline, sounds: Path, folder: Folder, at: datetime, loop: asyncio.AbstractEventLoop
) -> Line:
    async def append(event: Event) -> None:
        """Nothing of a rehearsal is kept."""

    def clock() -> datetime:
        return at + timedelta(seconds=loop.time())

    key = secrets.token_hex(32)
    return Line(hotline, sounds, key, lambda name: False, append, clock, folder=folder)


async def _walk(channel: "_Told", line: Line, fate: str) -> None:
    STEADY.set(_steady)
    hunt = _hunt(line.hotline, fate)

    async def seek(_: Channel, line: Line, queue: str, who: Who) -> None:
        await Wait(hunt, channel, line, queue, who, lambda name: None).run()

    try:
        await take(channel, line, seek, promise, turn_away)
    except HungUp:
        pass
    channel.end()


def _steady() -> int:
    return int(asyncio.get_running_loop().time() * MICRO)


def _hunt(hotline: Hotline, fate: str) -> Hunt:
    """All who may answer: one agent, who is free, or talks for ever; or nobody."""
    hunt = Hunt(hotline.queues, _steady)
    if fate != NOBODY:
        hunt.staff({SOMEBODY: Ability(places=dict.fromkeys(hotline.queues, Place()))})
        hunt.declare(SOMEBODY, True, 0)
        hunt.device(SOMEBODY, "INUSE" if fate == BUSY else "NOT_INUSE")
    return hunt


class _Told:
    """The channel of a rehearsal, see :class:`~.channel.Channel`: what is heard is told."""

    def __init__(self, line: Line, press: Press, tell: Tell, number: str, fate: str) -> None:
        self.done = Rehearsal()
        self._line = line
        self._press = press
        self._tell = tell
        self._number = number
        self._fate = fate
        self._texts = prompt_texts(line.hotline)
        self._told: dict[tuple[str, str, str], int] = {}  # step -> how often it came
        self._weary = False  # what comes again is not told any more
        self._finished = False
        trunk = next(iter(line.hotline.trunks.items()), None)
        self.call, self.name = "rehearsal", "PJSIP/rehearsal-00000000"
        self.endpoint = dialplan.TRUNK + (trunk[0] if trunk else "")
        self.dialled = trunk[1].dids[0] if trunk else ""

    def _step(self, what: str, text: str, prompt: str = "") -> None:
        """Tell what happens; what comes again and again in a long wait is told twice."""
        count = self._told[what, text, prompt] = self._told.get((what, text, prompt), 0) + 1
        if count > TWICE and prompt != "menu":
            if self._weary:
                return
            self._weary, what, text = True, "waits", "... and so on"
        step = Step(round(asyncio.get_running_loop().time(), 1), what, text, prompt)
        self.done.steps.append(step)
        self._tell(step)

    def end(self) -> None:
        """The call is over: say how."""
        done = self.done
        if not done.outcome and not self._finished:
            done.outcome = "left-to-the-dialplan"
        self._step("ends", done.outcome)

    # What a flow asks for without the caller noticing.

    async def lease(self, seconds: int) -> None: ...

    async def settle(self) -> None: ...

    async def answer(self) -> None: ...

    async def music(self, on: bool) -> None: ...

    async def from_header(self) -> str:
        who = self._number or "anonymous"
        return f"<sip:{who}@rehearsal.invalid>"

    def remember(self, **variables: str) -> None:
        self._finished |= variables.get(dialplan.OK) == "1"

    async def note(self, kind: str, *words: str) -> None:
        if kind == kinds.DISMISSED:
            self.done.outcome = words[0]
        elif kind == kinds.QUEUED:
            queue = self._line.hotline.queues[words[0]]
            self.done.queue = words[0]
            self._step("waits", f"for a human, in the queue {queue.label!r}, with music")

    async def gone(self) -> None:
        await asyncio.Event().wait()

    # What the caller hears and does.

    async def _hear(self, prompt: str) -> None:
        text = self._texts.get(prompt, "")
        self._step("hears", text, prompt)
        await asyncio.sleep(self._seconds(prompt, text))

    def _seconds(self, prompt: str, text: str) -> float:
        known = self._line.seconds(prompt)
        return known if known > 1 else round(len(text.split()) / WORDS)

    def _pressed(self, prompt: str, question: bool) -> str:
        key = self._press(prompt, question)
        if key == HANG_UP:
            self.done.outcome = "hung-up"
            self._step("hangs-up", "")
            raise HungUp
        if key:
            self._step("presses", key)
        return key

    async def say(self, prompt: str, keys: str = "") -> str:
        await self._hear(prompt)
        if not keys.replace(dialplan.STOP, ""):
            return ""
        key = self._pressed(prompt, False)
        return key if key and key in keys else ""

    async def ask(self, prompt: str, patience: float) -> str:
        await self._hear(prompt)
        key = self._pressed(prompt, True)
        if not key:
            await asyncio.sleep(patience)
            self._step("silent", f"{patience:g} s without a key", prompt)
        return key

    async def ring(self, agents: Sequence[str], seconds: int) -> str:
        self._step("rings", f"a phone rings, for {seconds} s at most")
        if self._fate == UNANSWERED:
            await asyncio.sleep(seconds)
            self._step("rings", "nobody picks up")
            return "NOANSWER"
        await asyncio.sleep(PICKS_UP)
        self.done.outcome = "answered"
        self._step("talks", "with a human")
        raise HungUp

    async def record(self, path: Path, longest: int, silence: int) -> None:
        self._step("hears", "(a beep)")
        length = min(SPEAKS, longest)
        ends = f"{longest} s at most; # or {silence} s of silence end it"
        self._step("speaks", f"for {length} s ({ends})")
        await asyncio.sleep(length)
        path.write_bytes(bytes(messages.HEADER + messages.BYTES * length))
        self.done.outcome = "message-left"

    async def play(self, path: Path, keys: str) -> str:
        raise ChannelError("no recording is played to a caller")

    async def dial(self, endpoint: str, number: str, shown: str, seconds: int) -> str:
        raise ChannelError("nobody is called for a caller")
