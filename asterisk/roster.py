"""The roster in Asterisk's own queues: who would ring if our service were gone.

The members of ``Queue()`` are made equal to the agents who are there: available
ones are members, paused ones paused members, all others none. Equal again after
every change and after a restart of either side.
"""

import asyncio
from collections.abc import Callable

import structlog

from ..records import dialplan
from .contacts import ask_phones
from .devices import watch_devices
from .link import stay_connected
from .session import AmiError, Session

log = structlog.get_logger(__name__)

AGAIN = 30.0  # seconds: compared even without a change, in case Asterisk lost some

Members = dict[tuple[str, str], bool]  # (queue, agent) -> paused


def steps(present: Members, target: Members) -> list[tuple[str, dict[str, str]]]:
    """AMI actions (name, headers) that turn ``present`` into ``target``."""
    found = []
    for queue, agent in sorted(present.keys() - target.keys()):
        found.append(("QueueRemove", {"Queue": queue, "Interface": f"PJSIP/{agent}"}))
    for (queue, agent), paused in sorted(target.items()):
        headers = {"Queue": queue, "Interface": f"PJSIP/{agent}", "Paused": str(paused).lower()}
        if (queue, agent) not in present:
            name = {"MemberName": agent, "StateInterface": f"PJSIP/{agent}"}
            found.append(("QueueAdd", headers | name))
        elif present[queue, agent] != paused:
            found.append(("QueuePause", headers))
    return found


async def keep_equal(
    session: Session, target: Callable[[], Members], changed: asyncio.Event
) -> None:
    """Make app_queue's members equal to ``target()``, now and after each change.

    Returns when the session is lost.
    """
    while not session.lost.is_set():
        changed.clear()
        try:
            for action, headers in steps(await members(session), target()):
                await session.send(action, **headers)
        except AmiError as error:
            log.warning("the fallback's roster is not equal yet", reason=str(error))
        try:
            async with asyncio.timeout(AGAIN):
                await changed.wait()
        except TimeoutError:
            pass


async def members(session: Session) -> Members:
    """The dynamic members of every queue (AMI action QueueStatus)."""
    return {
        (answer["Queue"], answer["Location"].removeprefix("PJSIP/")): answer["Paused"] == "1"
        for answer in await session.collect("QueueStatus")
        if answer.get("Event") == "QueueMember"
    }


async def end_sentences(session: Session, channels: asyncio.Queue[str]) -> None:
    """Press the key that ends a sentence on each of ``channels`` as they come (PlayDTMF)."""
    while not session.lost.is_set():
        channel = await channels.get()
        try:
            await session.send("PlayDTMF", Channel=channel, Digit=dialplan.STOP, Receive="true")
        except AmiError as error:  # the sentence ends by itself, seconds later
            log.info("a sentence could not be cut short", reason=str(error))


async def attend(
    port: int,
    secret: str,
    phones: Callable[[dict[str, str]], None],
    device: Callable[[str, str], None],
    target: Callable[[], Members],
    changed: asyncio.Event,
    hush: asyncio.Queue[str],
) -> None:
    """What the flows need of AMI, until cancelled: phones asked and watched, roster equal,
    sentences cut.
    """

    async def use(session: Session) -> None:
        helpers = [
            asyncio.create_task(keep_equal(session, target, changed), name="roster"),
            asyncio.create_task(end_sentences(session, hush), name="hush"),
            asyncio.create_task(ask_phones(session), name="contacts"),
        ]
        try:
            await watch_devices(session, phones, device)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def lost(reason: str) -> None:
        """The phones' last known states stand until the connection is back."""

    await stay_connected(port, "flows", secret, use, lost)
