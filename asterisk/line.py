"""A line as an admin handles it: made, staffed, and how to reach it."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time
from pathlib import Path

from ..hotline import Network, load
from ..records import ballast, messages, people, schema, secrets
from ..records.check import Finding
from ..records.check import check as in_itself
from ..records.events import MICRO
from ..records.folder import Folder
from .check import check as against_asterisk
from .control import LONGEST_PATH
from .pbx import Pbx, Status
from .ports import taken

SAFE = re.compile(r"[A-Za-z0-9/._+-]+")


class LineError(Exception):
    """What was asked cannot be done; the text says what to do."""


def create(folder: Folder, examples: Path) -> list[str]:
    """Make what is missing of a line; what is there is kept. Returns what was made.

    :raises LineError: a folder whose name Asterisk's files cannot hold.
    """
    socket = folder.pbx / "run" / "asterisk.ctl"
    if not SAFE.fullmatch(str(folder.root)):
        raise LineError(
            f"{folder.root}: the folder's path may contain only letters, digits and / . _ + -"
        )
    if len(str(socket)) >= LONGEST_PATH:
        raise LineError(f"{folder.root}: the path is too long for Asterisk; choose a shorter one")
    reserve = ballast.beside(folder.database)
    kept = (folder.hotline, folder.secrets, folder.database)
    made = [path for path in kept if not path.exists()]
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.hotline.exists():
        shutil.copyfile(examples / "hotline.toml", folder.hotline)
    secrets.create(folder.secrets)
    schema.prepare(folder.database)
    messages.prepare(folder)
    if not reserve.exists() and ballast.make(reserve):
        made.append(reserve)
    return [f"made {path}" for path in made]


def start(folder: Folder, pbx: Pbx) -> Status:
    """Start Asterisk on what is in force.

    :raises LineError: a port is taken. :raises StartError: it does not come up.
    """
    applied = folder.applied.exists() and pbx.pid() is None
    if applied and (problems := taken(load(folder.applied).network)):
        raise LineError("; ".join(problems))
    return pbx.start()


def check_queues(folder: Folder, queues: Sequence[str]) -> None:
    """:raises LineError: one of them is none of hotline.toml's."""
    known = load(folder.hotline).queues
    for queue in queues:
        if queue not in known:
            raise LineError(f"no queue {queue!r}; there are: {', '.join(known)}")


def add_agent(
    folder: Folder, name: str, label: str, queues: Sequence[str], email: str = ""
) -> list[str]:
    """Add an agent and say what to type into the phone.

    :raises LineError, PeopleError: an unknown queue, a bad or taken name or address.
    """
    hotline = load(folder.hotline)
    check_queues(folder, queues)
    joined = queues or list(hotline.queues)
    password = people.add_agent(folder.database, name, label, joined, email=email)
    added = f"{label} is added. Type this into the phone; the password is not shown again:"
    return [added, *phone_settings(hotline.network, name, password)]


def phone_settings(network: Network, name: str, password: str) -> list[str]:
    """What an agent types into a phone, and what they dial then."""
    host = "the address of this machine" if network.bind == "0.0.0.0" else network.bind
    return [
        f"  server    {host}  port {network.sip}  transport UDP",
        f"  user      {name}",
        f"  password  {password}",
        "Then dial *16 (hear yourself), *11 (available), *12 (pause) or *10 (away).",
    ]


def how_to_call(folder: Folder, demo: bool) -> list[str]:
    """Which number reaches the line, or what is missing for that."""
    hotline = load(folder.applied)
    if not hotline.trunks:
        return ["No trunk yet: write a [trunks.NAME] into hotline.toml, then: decroche apply"]
    network = hotline.network
    lines = []
    for trunk in hotline.trunks.values():
        for did in trunk.dids:
            lines.append(f"Call {did}: sip:{did}@{network.bind}:{network.sip} from {trunk.host}")
    return lines + (["Callers and agents of the demo play by themselves."] if demo else [])


def check(folder: Folder, progress: Callable[[int, int], None]) -> Iterator[Finding]:
    """Every invariant of the record, one after the other; changes nothing.

    :raises LineError: there is no line here.
    """
    if not folder.database.exists():
        raise LineError(f"there is no line in {folder.root}; 'decroche init' makes one")
    zone = load(folder.hotline).zone
    midnight = datetime.combine(datetime.now(zone).date(), time(), zone)
    yield from against_asterisk(folder)
    yield from in_itself(folder.database, int(midnight.timestamp()) * MICRO, progress)
