import asyncio
from collections.abc import Callable
from typing import Any

from .ami_protocol import AMIProtocol

class Manager:
    protocol: AMIProtocol | None
    pinger: asyncio.TimerHandle | None
    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        protocol_factory: Callable[[], AMIProtocol],
        ping_delay: int = ...,
    ) -> None: ...
    def connection_made(self, f: asyncio.Future[Any]) -> None: ...
    def send_action(
        self, action: dict[str, str], as_list: bool | None = None
    ) -> asyncio.Future[Any]: ...
