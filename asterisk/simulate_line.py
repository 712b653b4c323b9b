"""The line of a simulation: hotline.toml as it is, on a private Asterisk, with a street of callers.

Made like the line of a drill (drill_line.py): in a temporary folder, on free ports of the
loopback. The real line is read, and not touched.
"""

import os
import shutil
from pathlib import Path

import msgspec
import tomlkit

from ..hotline import load
from ..records import kinds, people
from ..records.folder import Folder, write_private
from . import street
from .demo import TRUNK, free_ports
from .drill_line import CALLER, PHONE, DrillLine
from .modules import MODULES, loadable
from .ports import free_tcp, free_udp_range
from .release import Release
from .simulate_people import Caller, Cast

OWN = Path(__file__).with_name("simulate_templates")
DID = "0199000100"  # of a line that has no trunk yet
PORTS = {"sip": 25160, "ami": 25138, "agi": 24673, "page": 28180}  # or the next free ones
SPARE = 100  # RTP ports above what all calls need
RTP = 30_000  # the first one, or above


class SimulationLine(DrillLine):
    """A private copy of a line, with its sentences, for a cast of callers and agents."""

    def __init__(self, release: Release, real: Folder, cast: Cast) -> None:
        super().__init__(release)
        self._real = real
        self._cast = cast
        self._sockets = 4 * (len(cast.callers) + len(cast.agents)) + SPARE

    def _make(self) -> None:
        self.folder.root.mkdir(mode=0o700)
        text = self._real.hotline.read_text("utf-8")
        write_private(self.folder.hotline, private(text, self._sockets))
        if self._real.prompts.is_dir():
            shutil.copytree(self._real.prompts, self.folder.prompts)
        self.command("init")
        for agent in self._cast.agents:
            database, label = self.folder.database, agent.name.upper()
            word = people.add_agent(database, agent.name, label, agent.queues)
            self._passwords[agent.name] = word
        self.command("apply")
        self._make_street()

    def _make_street(self) -> None:
        hotline = load(self.folder.hotline)
        etc = self.street.root / "etc"
        etc.mkdir(mode=0o700, parents=True)
        first = hotline.network.rtp_last + 1
        last = first + self._sockets - 1
        values = {
            "line": hotline.line,
            "network": msgspec.structs.replace(hotline.network, rtp_first=first, rtp_last=last),
            "port": hotline.trunks[TRUNK].port,
            "pbx": self.street.root,
            "modules": loadable(
                self._release.modules, [name for name in MODULES if name not in street.UNUSED]
            ),
            "phones": self._passwords,
            "agents": self._cast.agents,
            "callers": self._cast.callers,
            "caller_context": CALLER,
            "phone_context": PHONE,
            "ami": free_tcp(hotline.network.ami + 50),
            "login": "nobody",
            "secret": os.urandom(9).hex(),
        }
        for name, text in street.files(values, OWN, street.OWN).items():
            (etc / name).write_text(text, "utf-8")

    def open(self) -> None:
        """Everybody is there: from now on callers may come."""
        self.declare(kinds.AVAILABLE, *self._passwords)

    def dial(self, caller: Caller) -> None:
        """This caller calls."""
        did = load(self.folder.applied).trunks[TRUNK].dids[0]
        self.street.ask(f"channel originate PJSIP/{did}@{caller.name} extension s@{CALLER}")

    def give_up(self, *names: str) -> None:
        """These callers hang up."""
        self.hang_up(*[one.name for one in self.callers() if one.agent in names])


def private(text: str, sockets: int) -> str:
    """A hotline.toml as it is, but for its addresses: on loopback, on free ports, always open.

    :param sockets: RTP ports of the line; as many follow for the street.
    """
    document = tomlkit.parse(text)
    trunks = document.get("trunks") or {}
    dids = [did for trunk in trunks.values() for did in trunk["dids"]] or [DID]
    first = free_udp_range(RTP, 2 * sockets)
    network: dict[str, object] = {"bind": "127.0.0.1", **PORTS}
    network |= {"rtp_first": first, "rtp_last": first + sockets - 1}
    document["network"] = network
    document["trunks"] = {TRUNK: {"host": "127.0.0.1", "port": 25170, "dids": dids[:1]}}
    document.pop("hours", None)
    for queue in document["queues"].values():
        queue.pop("hours", None)
    return free_ports(tomlkit.dumps(document))
