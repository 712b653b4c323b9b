"""What the phones do now: Asterisk's device states, live."""

import re
from collections.abc import Callable, Mapping

from ..records import dialplan
from .decoder import Packet
from .session import Session

NAME = r"[a-z0-9][a-z0-9_-]{0,39}"
DEVICE = re.compile(rf"PJSIP/({NAME})|Local/({NAME}@{dialplan.OUTSIDE})")


async def watch_devices(
    session: Session,
    phones: Callable[[dict[str, str]], None],
    changed: Callable[[str, str], None],
    other: Callable[[Packet], None] = lambda packet: None,
) -> None:
    """Call ``phones`` with all states known now, then ``changed(phone, state)`` at each change,
    and ``other`` with every other event.

    Returns when the session is lost. Source: AMI action DeviceStateList, event
    DeviceStateChange; states as in Asterisk: NOT_INUSE, INUSE, RINGING ...
    """
    answers = await session.collect("DeviceStateList")
    phones(dict(filter(None, map(_state, answers))))
    while (packet := await session.next_event()) is not None:
        if found := _state(packet):
            changed(*found)
        else:
            other(packet)


def _state(packet: Mapping[str, str]) -> tuple[str, str] | None:
    """(phone, state) of a DeviceStateChange that concerns one."""
    if packet.get("Event") != "DeviceStateChange":
        return None
    found = DEVICE.fullmatch(packet.get("Device", ""))
    return (found[1] or found[2], packet.get("State", "")) if found else None
