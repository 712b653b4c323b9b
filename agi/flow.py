"""The story of a call: open? -> greet -> choose -> wait -> ring -> talk -> after.

Written against :class:`~.channel.Channel`, so that the FastAGI service and the
process AGI tell the same story. A flow that ends without :func:`finish` leaves
the caller to the dialplan, which puts them into Asterisk's own queue.
"""

from collections.abc import Awaitable, Callable

from ..records import dialplan, kinds
from .channel import Channel
from .line import Line

MARGIN = 4  # seconds that a lease outlives what it is for
Seek = Callable[[Channel, Line, str], Awaitable[None]]


async def take(channel: Channel, line: Line, seek: Seek) -> None:
    """Serve one caller from the first ring to the end."""
    await identify(channel, line)
    if not line.open:
        return await dismiss(channel, line, "closed", "closed")
    await channel.answer()
    key = await greet(channel, line)
    queue = await choose(channel, line, key)
    channel.remember(**{dialplan.QUEUE: queue})
    await seek(channel, line, queue)


async def identify(channel: Channel, line: Line) -> None:
    """The number is read once, here, and only its token goes on."""
    caller = line.caller_of(await channel.from_header())
    await channel.note(kinds.KNOWN, *([caller] if caller else []))


async def greet(channel: Channel, line: Line) -> str:
    """Say who we are; the key of a caller who knows the menu already, or nothing."""
    keys = "".join(choice.key for choice in line.hotline.menu.choices)
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


async def choose(channel: Channel, line: Line, key: str) -> str:
    """The queue for the key that was pressed; pressing nothing leads to a human, too."""
    menu = line.hotline.menu
    queues = {choice.key: choice.queue for choice in menu.choices}
    if queues:
        await channel.note(kinds.ASKED)
    for _ in range(menu.repeat if queues else 0):
        key = key or await ask(channel, line, "menu", menu.patience)
        if key in queues:
            await channel.note(kinds.CHOSE, key, queues[key])
            return queues[key]
        key = ""
    return menu.default


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
