"""The line of the demonstration: its hotline.toml on free ports, and its agents.

Callers and phones are played by asterisk/street.py.
"""

import itertools
import os
import tomllib
from pathlib import Path

import tomlkit

from ..hotline import load, parse
from ..records import people, rota, shifts, signups
from ..records.events import instant, now
from ..records.folder import Folder, write_private
from . import control
from .control import LONGEST_PATH, NotRunning
from .line import LineError
from .ports import free_tcp, free_udp, free_udp_range

TRUNK = "street"  # the trunk that the callers of the demonstration come through
STREET_RTP = 200  # UDP ports of the street, right after the line's own

# name, alias, queues
AGENTS = (
    ("annabelle", "Annabelle", ("demarches", "visio")),
    ("driss", "Driss", ("demarches", "visio", "appareils")),
    ("ines", "Inès", ("visio", "demarches")),
    ("jennifer", "Jennifer", ("demarches", "appareils")),
    ("karim", "Karim", ("appareils", "demarches")),
    ("maelle", "Maëlle", ("demarches",)),
    ("odile", "Odile", ("demarches", "visio")),
    ("yann", "Yann", ("visio", "appareils")),
)


def street_of(folder: Folder) -> Path:
    """The folder of the street: the second Asterisk, and the phones' passwords."""
    return folder.root / "street"


def prepare(folder: Folder, examples: Path) -> None:
    """Write the example's hotline.toml if there is none, and replace ports that are taken.

    :raises LineError: the folder holds a line that is no demonstration, or its path is too long.
    :raises HotlineError: its hotline.toml cannot be read.
    """
    there = folder.hotline.exists()
    if there and TRUNK not in load(folder.hotline).trunks:
        raise LineError(
            f"{folder.hotline} is a line of your own: it has no trunk {TRUNK!r}. Choose another "
            "folder for the demonstration: decroche --dir FOLDER up --demo"
        )
    if len(os.fsencode(street_of(folder) / "run" / "asterisk.ctl")) > LONGEST_PATH:
        raise LineError(f"{folder.root}: the path is too long for Asterisk; choose a shorter one")
    text = (folder.hotline if there else examples / "demo.toml").read_text("utf-8")
    fresh = text if _runs(folder) else free_ports(text)
    if not there or fresh != text:
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder.hotline, fresh)


def _runs(folder: Folder) -> bool:
    """Whether the line's Asterisk is up: then the ports are taken by the line itself."""
    try:
        control.ask(folder.pbx / "run" / "asterisk.ctl", "core show version", 1.0)
    except (NotRunning, TimeoutError):
        return False
    return True


def free_ports(text: str) -> str:
    """A hotline.toml with every port that is taken replaced by a free one."""
    hotline = parse(text)
    network = hotline.network
    fresh: dict[str, int] = {}
    for key in ("ami", "agi", "page"):
        fresh[key] = free_tcp(getattr(network, key), fresh.values())
    fresh["sip"] = free_udp(network.sip)
    size = network.rtp_last - network.rtp_first + 1
    fresh["rtp_first"] = free_udp_range(network.rtp_first, size + STREET_RTP)
    fresh["rtp_last"] = fresh["rtp_first"] + size - 1
    document = tomlkit.parse(text)
    table = document.setdefault("network", tomlkit.table())
    for key, port in fresh.items():
        if port != getattr(network, key):
            table[key] = port
    trunk = hotline.trunks[TRUNK].port
    if (port := free_udp(trunk, {fresh["sip"]})) != trunk:
        document["trunks"][TRUNK]["port"] = port
    return tomlkit.dumps(document)


def staff(folder: Folder) -> None:
    """Add the agents once, and keep their phones' passwords for the street (mode 0600).

    The file is written last: where it is missing, nobody has been added for good.
    """
    file = street_of(folder) / "phones.toml"
    if file.exists():
        return
    passwords = tomlkit.document()
    queues = load(folder.hotline).queues
    known = {agent.name for agent in people.list_agents(folder.database)}
    for name, label, wanted in AGENTS:
        if name in known:
            people.remove_agent(folder.database, name)
        members = [queue for queue in wanted if queue in queues] or list(queues)
        passwords[name] = people.add_agent(folder.database, name, label, members)
    plan(folder)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(file, tomlkit.dumps(passwords))


def plan(folder: Folder) -> None:
    """Shifts on every weekday, and who comes: places are left. Not for a line that has some."""
    zone = load(folder.hotline).zone
    today = instant(now()).astimezone(zone).date()
    if shifts.read_from(folder.database).shifts:
        return
    names = [name for name, _, _ in AGENTS]
    for day, hours in itertools.product(range(5), ("09:00-12:00", "14:00-18:00")):
        id = shifts.add(folder.database, day, rota.read_hours(hours), 3, today)
        ahead = today + (7 + (day - today.weekday()) % 7) * rota.DAY
        for name in (names[day % len(names)], names[(day + 3) % len(names)]):
            signups.sign_up(folder.database, id, name, ahead, zone, weekly=True)


def phones(folder: Folder) -> dict[str, str]:
    """The street's phones: agents that are on the line still -> SIP password."""
    text = (street_of(folder) / "phones.toml").read_text("utf-8")
    known = {agent.name for agent in people.list_agents(folder.database)}
    return {name: word for name, word in tomllib.loads(text).items() if name in known}
