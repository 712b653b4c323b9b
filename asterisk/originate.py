"""Calls of our own: an agent's phone rings, and whoever picks up is in the dialplan.

Source: AMI action Originate (Async, ChannelId), event OriginateResponse.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from ..records import dialplan
from ..records.rings import Ring
from .cel import bridged
from .render import CALLERID
from .session import AmiError, Session

log = structlog.get_logger(__name__)

# OriginateResponse's Reason, a frame of Asterisk's control: what Dial would have said.
REASONS = {"4": "ANSWER", "5": "BUSY", "1": "NOANSWER", "3": "NOANSWER"}


class Originator:
    """Rings phones over one AMI session at a time; what has been asked outlives a session."""

    def __init__(self, asked: asyncio.Queue[Ring]) -> None:
        self._asked = asked
        self._ringing: dict[str, Ring] = {}

    async def run(self, session: Session) -> None:
        """Ring whoever is asked for, until the session is lost."""
        while not session.lost.is_set():
            ring = await self._asked.get()
            if not ring.status.done():
                await self._ring(session, ring)

    async def _ring(self, session: Session, ring: Ring) -> None:
        self._ringing[ring.channel] = ring
        ring.status.add_done_callback(lambda _: self._ringing.pop(ring.channel, None))
        try:
            await session.send(
                "Originate",
                ActionID=ring.channel,
                Channel=dialplan.device_of(ring.agent),
                ChannelId=ring.channel,
                Context=dialplan.BACK,
                Exten="s",
                Priority="1",
                Timeout=str(ring.seconds * 1000),
                CallerID=f'"Decroche" <{CALLERID}>',
                Async="true",
            )
        except AmiError as error:
            log.warning("a phone could not be rung", agent=ring.agent, reason=str(error))
            self._settle(ring.channel, "CHANUNAVAIL")

    def heard(self, packet: Mapping[str, str]) -> None:
        """An event of the session: how a ring has ended."""
        if packet.get("Event") == "OriginateResponse":
            status = REASONS.get(packet.get("Reason", ""), "CHANUNAVAIL")
            self._settle(packet.get("ActionID", ""), status)

    def _settle(self, channel: str, status: str) -> None:
        ring = self._ringing.get(channel)
        if ring is not None and not ring.status.done():
            ring.status.set_result(status)


async def end_ghosts(
    session: Session,
    path: Path,
    under_way: Callable[[], frozenset[str]],
    lost: Callable[[str, bool], None],
) -> None:
    """Say which calls of our own are over without anybody having seen it.

    The record is read before Asterisk is asked, as in asterisk/ghosts.py. Whether people had
    talked stands in the channel event log at ``path``.

    :raises AmiError: the connection is lost. Source: AMI action CoreShowChannels.
    """
    known = await asyncio.to_thread(under_way)
    if not known:
        return
    alive = {
        answer["Uniqueid"]
        for answer in await session.collect("CoreShowChannels")
        if answer.get("Event") == "CoreShowChannel"
    }
    for channel in sorted(known - alive):
        lost(channel, await asyncio.to_thread(bridged, path, channel))
