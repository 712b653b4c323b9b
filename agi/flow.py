"""The story of a call: open? -> greet -> choose -> wait -> ring -> talk -> after.

Written against :class:`~.channel.Channel`, so that the FastAGI service and the
process AGI tell the same story. A flow that ends without :func:`finish` leaves
the caller to the dialplan, which puts them into Asterisk's own queue.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from ..hotline import AGAIN, HUMAN
from ..records import dialplan, kinds
from ..records.events import now
from ..records.opening import CLOSED, SHORT, Opening
from .channel import Channel
from .line import Line, Who

BACK = "1"  # what a caller presses to be called back, wherever that is offered
FORGIVEN = 3  # keys that mean nothing, or ask for the menu once more, until a human answers
MARGIN = 4  # seconds that a lease outlives what it is for
Seek = Callable[[Channel, Line, str, Who], Awaitable[None]]
# Promises a call-back (promise.py): queue, since; False when it could not be written down.
Promise = Callable[[Channel, Line, Who, str, int], Awaitable[bool]]
# Ends a call that nobody takes (message.py): queue, outcome, prompt (empty: it was said).
Turn = Callable[[Channel, Line, str, str, str], Awaitable[None]]


@dataclass(frozen=True)
class Endings:
    """How a call ends that no human takes."""

    promise: Promise
    turn: Turn


async def take(channel: Channel, line: Line, seek: Seek, promise: Promise, turn: Turn) -> None:
    """Serve one caller from the first ring to the end.

    What the hours and the switch said when they called goes for the whole call.
    """
    arrived, endings = now(), Endings(promise, turn)
    opening, at = line.opening, line.at
    who = await identify(channel, line)
    if refusal := line.enter(channel.call, who.token):
        return await dismiss(channel, line, "limited", refusal)
    if not opening.is_open(at):
        default = line.hotline.menu.default
        first = why_closed(line, opening, at, "") or why_closed(line, opening, at, default)
        first = first or "closed"
        return await closed(channel, line, who, default, endings, arrived, first)
    await channel.answer()
    key = await greet(channel, line)
    key, queue = await choose(channel, line, key, who)
    if not key or _wants_a_human(line, key):
        queue = opening.open_queue(at, queue)
    if key and key == line.back_key and await promise(channel, line, who, queue, arrived):
        return
    state = opening.state(at, queue)
    if state == CLOSED:
        first = why_closed(line, opening, at, queue) or "queue-closed"
        return await closed(channel, line, who, queue, endings, arrived, first)
    channel.remember(**{dialplan.QUEUE: queue})
    if state == SHORT and await short(channel, line, who, queue, endings, arrived):
        return
    await seek(channel, line, queue, replace(who, skills=line.asked_by(key)))


async def identify(channel: Channel, line: Line) -> Who:
    """The number is read once, here, and only its token goes on."""
    who = line.caller_of(await channel.from_header())
    await channel.note(kinds.KNOWN, *([who.token] if who.token else []))
    return who


def why_closed(line: Line, opening: Opening, at: int, queue: str) -> str:
    """The sentence of the switch that closes a queue (or the line); empty when none does."""
    switch = opening.switch(at, queue)
    return line.said(switch) if switch is not None and switch.state == CLOSED else ""


async def closed(
    channel: Channel, line: Line, who: Who, queue: str, endings: Endings, since: int, first: str
) -> None:
    """The line or the queue is closed: who wishes is called back when it opens.

    :param first: the sentence that says so; "closed" has questions that say it, too.
    """
    rules = line.hotline.callbacks
    usual = first == "closed"
    if rules and rules.closed and who.back:
        await channel.note(kinds.DISMISSED, "closed")
        await channel.answer()
        if not usual:
            await speak(channel, line, first)
        question = "callback-closed" if usual else "callback-later"
        key = await ask(channel, line, question, line.hotline.menu.patience)
        if key == BACK and await endings.promise(channel, line, who, queue, since):
            return
        if line.hotline.voicemail and not usual:
            first = ""  # what follows is no goodbye
    await endings.turn(channel, line, queue, "closed", first)


async def short(
    channel: Channel, line: Line, who: Who, queue: str, endings: Endings, since: int
) -> bool:
    """Short of staff: before they wait, a caller may leave their number, or else a message.

    False when they wish to wait: whoever presses nothing does.
    """
    await speak(channel, line, line.said(line.opening.switch(line.at, queue)) or "short")
    hotline = line.hotline
    if hotline.callbacks and who.back:
        key = await ask(channel, line, "callback-short", hotline.menu.patience)
        return key == BACK and await endings.promise(channel, line, who, queue, since)
    if hotline.voicemail and hotline.voicemail.unanswered:
        if await ask(channel, line, "voicemail-short", hotline.menu.patience) == BACK:
            await endings.turn(channel, line, queue, "refused-empty", "nobody")
            return True
    return False


async def greet(channel: Channel, line: Line) -> str:
    """Say who we are; the key of a caller who knows the menu already, or nothing."""
    keys = "".join(choice.key for choice in line.hotline.menu.choices) + line.back_key + HUMAN
    for prompt in ("greeting", "information"):
        if key := await speak(channel, line, prompt, keys):
            return key
    return ""


async def speak(channel: Channel, line: Line, prompt: str, keys: str = "") -> str:
    """Say a sentence, if it has a text, under a lease of its length."""
    if not line.has(prompt):
        return ""
    await channel.lease(line.seconds(prompt) + MARGIN)
    return await channel.say(prompt, keys)


async def ask(channel: Channel, line: Line, prompt: str, patience: float) -> str:
    """Say a sentence and wait for a key, under a lease of both."""
    await channel.lease(line.seconds(prompt) + int(patience) + MARGIN)
    return await channel.ask(prompt, patience)


async def choose(channel: Channel, line: Line, key: str, who: Who) -> tuple[str, str]:
    """The key that was pressed and its queue; pressing nothing leads to a human, too.

    A key that means nothing is forgiven, and the menu said again.
    """
    menu = line.hotline.menu
    queues = {choice.key: choice.queue for choice in menu.choices}
    if line.back_key and who.back:
        queues[line.back_key] = menu.default
    silences, mistakes = (menu.repeat, FORGIVEN) if queues else (0, 0)
    if queues:
        await channel.note(kinds.ASKED)
    queues.setdefault(HUMAN, menu.default)
    while key or (silences and mistakes and line.has("menu")):
        key = key or await ask(channel, line, "menu", menu.patience)
        if key in queues:
            await channel.note(kinds.CHOSE, key, queues[key])
            return key, queues[key]
        if key and key == line.back_key:
            await speak(channel, line, "callback-impossible")
            break
        if key:
            mistakes -= 1
        else:
            silences -= 1
        key = await _forgive(channel, line, key, "".join(queues))
    return "", menu.default


def _wants_a_human(line: Line, key: str) -> bool:
    """Whether the key is the one for any human, and no choice of the menu."""
    return key == HUMAN and all(choice.key != HUMAN for choice in line.hotline.menu.choices)


async def _forgive(channel: Channel, line: Line, key: str, known: str) -> str:
    """A kind word after a key that means nothing; the key of who presses a better one in it."""
    return await speak(channel, line, "wrong-key", known) if key not in ("", AGAIN) else ""


async def dismiss(channel: Channel, line: Line, outcome: str, prompt: str) -> None:
    """An honest sentence, then a decent end."""
    await channel.note(kinds.DISMISSED, outcome)
    await channel.answer()
    await speak(channel, line, prompt)
    await finish(channel)


async def finish(channel: Channel) -> None:
    """The token without which the dialplan believes nothing."""
    channel.remember(**{dialplan.OK: "1"})
    await channel.settle()
