"""What the phones do now: Asterisk's device states, live."""

import re
from collections.abc import Callable

from .session import Session

DEVICE = re.compile(r"PJSIP/([a-z0-9][a-z0-9_-]{0,39})")


async def watch_devices(session: Session, changed: Callable[[str, str], None]) -> None:
    """Call ``changed(endpoint, state)`` for every phone now and at each change.

    Returns when the session is lost. Source: AMI action DeviceStateList, event
    DeviceStateChange; states as in Asterisk: NOT_INUSE, INUSE, RINGING ...
    """
    for answer in await session.collect("DeviceStateList"):
        if answer.get("Event") == "DeviceStateChange":
            _tell(answer["Device"], answer["State"], changed)
    while (packet := await session.next_event()) is not None:
        if packet["Event"] == "DeviceStateChange":
            _tell(packet.get("Device", ""), packet.get("State", ""), changed)


def _tell(device: str, state: str, changed: Callable[[str, str], None]) -> None:
    if found := DEVICE.fullmatch(device):
        changed(found[1], state)
