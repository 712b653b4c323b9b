"""The FastAGI server: one coroutine per call, behind bounds.

A connection must send its environment within two seconds; there are at most
``SESSIONS`` at once. Whatever goes wrong in a flow ends the connection, and
Asterisk goes on in the dialplan, in the fallback queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from .call import AgiChannel, Notes
from .channel import ChannelError, HungUp
from .wire import Wire, acknowledge

log = structlog.get_logger(__name__)

SESSIONS = 1000
ENVIRONMENT_TIME = 2.0  # seconds
LOOK = 0.5  # seconds between two looks for commands that are overdue

Flow = Callable[[AgiChannel], Awaitable[None]]


class FastAgi:
    """Serves flows by the name in the URL: ``agi://127.0.0.1:4573/NAME``."""

    def __init__(
        self, flows: Mapping[str, Flow], prompts: Path, notes: Notes | None = None
    ) -> None:
        self._flows = flows
        self._prompts = prompts
        self._notes = notes
        self._sessions: dict[asyncio.Task[None], Wire] = {}

    async def serve(self, port: int, ready: Callable[[int], None] = lambda port: None) -> None:
        """Serve on loopback until cancelled; then let go of every call at once."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, "127.0.0.1", port, backlog=SESSIONS)
        acknowledge(server.sockets[0], False)
        ready(server.sockets[0].getsockname()[1])
        try:
            while True:
                await asyncio.sleep(LOOK)
                for wire in list(self._sessions.values()):
                    wire.look(loop.time())
        finally:
            server.close()
            for task in self._sessions:
                task.cancel()
            await asyncio.gather(*self._sessions, return_exceptions=True)

    def _accept(self) -> Wire:
        wire = Wire()
        task = asyncio.create_task(self._session(wire))
        self._sessions[task] = wire
        task.add_done_callback(self._sessions.pop)
        return wire

    async def _session(self, wire: Wire) -> None:
        try:
            if len(self._sessions) > SESSIONS:
                raise ChannelError(f"more than {SESSIONS} calls at once")
            async with asyncio.timeout(ENVIRONMENT_TIME):
                await wire.ready
            await self._run(wire)
        except HungUp:
            pass
        except (ChannelError, TimeoutError) as error:
            log.warning("call left to the dialplan", reason=str(error) or "no environment in time")
        except Exception:  # the edge of one call: the dialplan takes it from here
            log.exception("flow failed; call left to the dialplan")
        finally:
            wire.close()

    async def _run(self, wire: Wire) -> None:
        name = wire.environment.get("agi_network_script", "")
        flow = self._flows.get(name)
        if flow is None:
            raise ChannelError(f"no flow {name!r}")
        await flow(AgiChannel(wire, self._prompts, self._notes))
