"""The other door: the same flow as a plain AGI executable, for a PBX without the service.

``AGI(decroche-agi,call)`` runs one process for one call (pyst2 speaks the
protocol). There is no hunt in it: after the menu the caller's queue stands in
the channel variable DECROCHE_QUEUE, and the dialplan's ``Queue()`` goes on.
Measured cost: a forked Python per call, about 70 ms; the service is FastAGI.
"""

import asyncio
import os
import signal
import sys
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import FrameType

from asterisk.agi import AGI, AGIException, AGIHangup, AGIInvalidCommand, AGIUsageError

from ..records import blocks, switch
from ..records.applied import Applied
from ..records.events import Event, now
from ..records.folder import Folder
from ..records.people import list_agents
from ..records.schema import reader
from ..records.secrets import load
from ..records.store import Store
from . import flow, presence
from .call import AgiChannel
from .channel import Channel, ChannelError, HungUp
from .line import Line, Who
from .message import turn_away
from .promise import promise
from .wire import Reply


class Overdue(BaseException):
    """A command got no reply in time; pyst2 catches no BaseException."""


class Process:
    """pyst2's AGI as a wire: one command at a time, each with a deadline (SIGALRM)."""

    def __init__(self, agi: AGI) -> None:
        self._agi = agi
        self.environment = agi.env
        self.hung_up = asyncio.Event()

    async def command(self, line: str, bound: float) -> Reply:
        """Like :meth:`~.wire.Wire.command`; blocks, since a process has one call."""
        signal.signal(signal.SIGALRM, _overdue)
        signal.setitimer(signal.ITIMER_REAL, bound)
        try:
            found = self._agi.execute(line)
        except (AGIInvalidCommand, AGIUsageError) as error:
            raise ChannelError(f"Asterisk refused {line.split()[0]}") from error
        except Overdue:
            raise ChannelError(f"no reply to {line.split()[0]} within {bound:g} s") from None
        except (AGIHangup, AGIException, ValueError, OSError):
            # pyst2 knows a hang-up by five shapes: an end of file is a ValueError, a 511 unknown.
            self.hung_up.set()
            raise HungUp from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return Reply(*found["result"])


def _overdue(number: int, frame: FrameType | None) -> None:
    raise Overdue


def main(arguments: list[str] | None = None) -> int:
    """``decroche-agi call`` or ``decroche-agi presence STATE``; the line is in DECROCHE_DIR."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in ("call", "presence"):
        print("usage: decroche-agi call | presence available|paused|away|free-20", file=sys.stderr)
        return 2
    folder = Folder(Path(os.environ.get("DECROCHE_DIR", ".")).absolute())
    with ExitStack() as stack:
        # pyst2 writes every variable to stderr, the caller's number among them: nowhere.
        quiet = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        channel = AgiChannel(Process(AGI(stderr=quiet)), folder.prompts)
        try:
            asyncio.run(_run(name, rest, channel, folder))
        except HungUp:
            return 0
        except ChannelError as error:
            print(f"call left to the dialplan: {error}", file=sys.stderr)
            return 1
    return 0


async def _run(name: str, rest: list[str], channel: Channel, folder: Folder) -> None:
    names = {agent.name for agent in list_agents(folder.database)}

    async def append(event: Event) -> None:
        store = Store(folder.database)
        try:
            store.append([event])
        finally:
            store.close()

    key = load(folder.secrets).token_key
    made = (Applied(folder)(), folder.prompts, key, names.__contains__, append)
    thrown, enter = switch.read_from(folder.database), partial(_enter, folder)
    line = Line(*made, folder=folder, switches=thrown, enter=enter)
    if name == "presence":
        await presence.declare(channel, line, *rest[:1])
    else:
        await flow.take(channel, line, _leave_to_the_dialplan, promise, turn_away)


def _enter(folder: Folder, call: str, caller: str) -> str:
    """One call knows nothing of the others: who is blocked is refused, nobody is limited."""
    with closing(reader(folder.database)) as connection:
        return "blocked" if caller in blocks.active(connection, now()) else ""


async def _leave_to_the_dialplan(channel: Channel, line: Line, queue: str, who: Who) -> None:
    """The queue is in DECROCHE_QUEUE; without the token the dialplan goes on."""
    await channel.settle()
