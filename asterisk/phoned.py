"""An agent's phone is rung to record a sentence (agi/record.py does the rest).

Source: AMI action Originate, with the rights of the flows.
"""

import asyncio
import time
from collections.abc import Callable

from ..hotline import prompt_numbers
from ..records import dialplan, people, recordings, secrets
from ..records.folder import Folder
from ..records.recordings import Recording, SoundError
from .pbx import Pbx
from .prompts import in_force
from .render import CALLERID
from .session import Session

RINGS = 30  # seconds
REACHED = 5.0  # seconds in which a phone that can be reached begins to ring
LONGEST = 600.0  # seconds of a whole call
PAUSE = 0.2  # seconds between two looks


def code_of(name: str) -> str:
    """What an agent's phone dials to record a sentence."""
    return f"{dialplan.RECORD}{prompt_numbers()[name]}"


def ring(
    folder: Folder, pbx: Pbx, agent: str, name: str, say: Callable[[str], None]
) -> Recording | None:
    """Ring an agent's phone and follow the call to its end; None when nothing was kept.

    :raises SoundError: no such agent, or the phone cannot be reached.
    :raises AmiError, NotRunning, TimeoutError: Asterisk is not there.
    """
    if agent not in {one.name for one in people.list_agents(folder.database)}:
        raise SoundError(f"there is no agent {agent!r}; 'decroche agent list' shows them")
    before = recordings.notes(folder.prompts).get(name)
    asyncio.run(_originate(folder, agent, code_of(name)))
    if not _until(lambda: _on_the_phone(pbx, agent), REACHED):
        raise SoundError(f"{agent}'s phone cannot be reached, or it does not take the call")
    say(f"{agent}'s phone rings; what to do is said there")
    _until(lambda: not _on_the_phone(pbx, agent), LONGEST)
    after = recordings.notes(folder.prompts).get(name)
    return after if after != before else None


async def _originate(folder: Folder, agent: str, code: str) -> None:
    """Ring the phone; whoever picks up is where they would be after dialling the code."""
    port, secret = in_force(folder).network.ami, secrets.load(folder.secrets).ami_flows
    async with await Session.open(port, "flows", secret) as session:
        await session.send(
            "Originate",
            Channel=f"PJSIP/{agent}",
            Context=dialplan.AGENTS,
            Exten=code,
            Priority="1",
            Timeout=str(RINGS * 1000),
            CallerID=f'"Decroche" <{CALLERID}>',
            Async="true",
        )


def _on_the_phone(pbx: Pbx, agent: str) -> bool:
    return f"PJSIP/{agent}-" in pbx.ask("core show channels concise")


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True
