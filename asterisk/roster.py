"""The roster in Asterisk's own queues: who would ring if our service were gone.

The members of ``Queue()`` are made equal to the agents who are there: available
ones are members, paused ones (and who has reached a limit of the day) paused members, all others
none. Their levels are penalties. Equal again after every change and after a restart of either
side.
"""

import asyncio
from collections.abc import Callable

import structlog

from ..records import dialplan
from ..records.dialplan import device_of
from .session import AmiError, Session

log = structlog.get_logger(__name__)

AGAIN = 30.0  # seconds: compared even without a change, in case Asterisk lost some

Members = dict[tuple[str, str], tuple[bool, int]]  # (queue, phone) -> (paused, penalty)


def steps(present: Members, target: Members) -> list[tuple[str, dict[str, str]]]:
    """AMI actions (name, headers) that turn ``present`` into ``target``."""
    found = []
    for queue, phone in sorted(present.keys() - target.keys()):
        found.append(("QueueRemove", {"Queue": queue, "Interface": device_of(phone)}))
    for (queue, phone), (paused, penalty) in sorted(target.items()):
        device = device_of(phone)
        member = {"Queue": queue, "Interface": device}
        pause, level = {"Paused": str(paused).lower()}, {"Penalty": str(penalty)}
        if (queue, phone) not in present:
            state = device.removesuffix("/n")
            name = {"MemberName": phone.partition("@")[0], "StateInterface": state}
            found.append(("QueueAdd", member | pause | level | name))
            continue
        was_paused, was_penalty = present[queue, phone]
        if was_paused != paused:
            found.append(("QueuePause", member | pause))
        if was_penalty != penalty:
            found.append(("QueuePenalty", member | level))
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
    found: Members = {}
    for answer in await session.collect("QueueStatus"):
        if answer.get("Event") == "QueueMember":
            key = answer["Queue"], _phone(answer["Location"])
            found[key] = answer["Paused"] == "1", int(answer.get("Penalty", "0"))
    return found


def _phone(device: str) -> str:
    """The phone behind what Asterisk dials; see dialplan.device_of()."""
    return device.partition("/")[2].removesuffix("/n")


async def end_sentences(session: Session, channels: asyncio.Queue[str]) -> None:
    """Press the key that ends a sentence on each of ``channels`` as they come (PlayDTMF)."""
    while not session.lost.is_set():
        channel = await channels.get()
        try:
            await session.send("PlayDTMF", Channel=channel, Digit=dialplan.STOP, Receive="true")
        except AmiError as error:  # the sentence ends by itself, seconds later
            log.info("a sentence could not be cut short", reason=str(error))
