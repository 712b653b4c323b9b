"""What Asterisk holds of the switch, so that the line stays closed when it is alone.

One entry of its database (AstDB, on the disk) for each queue, in the family FAMILY; the dialplan
compares the end of each with its own clock. Written by the flows over AMI whenever a switch is
thrown, and by the command line on the spot, so that it works without any of our services.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from ..records import dialplan
from .control import NotRunning
from .pbx import Pbx
from .session import AmiError, Session

log = structlog.get_logger(__name__)

AGAIN = 60.0  # seconds: written again even without a change, in case Asterisk lost it


async def keep_held(
    session: Session, target: Callable[[], Mapping[str, str]], turned: asyncio.Event
) -> None:
    """Have Asterisk know ``target()``, now and after each change; returns when it is gone."""
    held: Mapping[str, str] = {}
    while not session.lost.is_set():
        turned.clear()
        try:
            for queue, words in target().items():
                if held.get(queue) != words:
                    place = {"Family": dialplan.SWITCHES, "Key": queue}
                    await session.send("DBPut", **place, Val=words or NONE)
            held = dict(target())
        except AmiError as error:
            log.warning("Asterisk does not know the switch yet", reason=str(error))
        try:
            async with asyncio.timeout(AGAIN):
                await turned.wait()
        except TimeoutError:
            held = {}


NONE = "auto:0::"  # a value cannot be empty


def hold(pbx: Pbx, target: Mapping[str, str]) -> bool:
    """The same at once, from the command line; False when Asterisk does not run."""
    try:
        for queue, words in target.items():
            pbx.ask(f"database put {dialplan.SWITCHES} {queue} {words or NONE}")
    except (NotRunning, TimeoutError):
        return False
    return True


def holds(ask: Callable[[str], str]) -> dict[str, str]:
    """Queue -> what Asterisk knows. ``ask`` types a command.

    :raises NotRunning, TimeoutError: it cannot be asked.
    """
    found = {}
    for text in ask(f"database show {dialplan.SWITCHES}").splitlines():
        key, _, words = text.partition(": ")
        if key.startswith(f"/{dialplan.SWITCHES}/"):
            found[key.split("/")[2].strip()] = words.strip().removeprefix(NONE)
    return found
