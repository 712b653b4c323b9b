"""What the flows need of AMI: phones asked, watched and rung, the roster equal, sentences cut."""

import asyncio
from pathlib import Path
from typing import Protocol

from ..records.rings import Ring
from .contacts import ask_phones
from .devices import watch_devices
from .held import keep_held
from .link import stay_connected
from .originate import Originator, end_ghosts
from .roster import Members, end_sentences, keep_equal
from .session import Session


class Needs(Protocol):
    """What the flows tell Asterisk and hear from it (agi/service.py)."""

    changed: asyncio.Event  # the roster may differ
    hush: asyncio.Queue[str]  # channels whose sentence is to end
    turned: asyncio.Event  # a switch was thrown

    @property
    def rings(self) -> asyncio.Queue[Ring]: ...

    def phones(self, states: dict[str, str]) -> None: ...

    def device(self, name: str, state: str) -> None: ...

    def roster(self) -> Members: ...

    def held(self) -> dict[str, str]: ...

    def under_way(self) -> frozenset[str]: ...

    def lost(self, channel: str, kept: bool) -> None: ...


async def attend(port: int, secret: str, flows: Needs, cel: Path) -> None:
    """Serve the flows over AMI until cancelled. ``cel``: Asterisk's channel event log."""
    originator = Originator(flows.rings)

    async def use(session: Session) -> None:
        await end_ghosts(session, cel, flows.under_way, flows.lost)
        equal = keep_equal(session, flows.roster, flows.changed)
        helpers = [
            asyncio.create_task(equal, name="roster"),
            asyncio.create_task(end_sentences(session, flows.hush), name="hush"),
            asyncio.create_task(originator.run(session), name="originate"),
            asyncio.create_task(ask_phones(session), name="contacts"),
            asyncio.create_task(keep_held(session, flows.held, flows.turned), name="switch"),
        ]
        try:
            await watch_devices(session, flows.phones, flows.device, originator.heard)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def lost(reason: str) -> None:
        """The phones' last known states stand until the connection is back."""

    await stay_connected(port, "flows", secret, use, lost)
