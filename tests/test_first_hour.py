"""docs/first-hour.md, typed as written: from ``init`` to a call that an imported agent answers.

What differs from the page, and why: what ``sudo`` installs is unpacked for the tests instead; ports
are free ones, because other tests run on the same machine; PASSWORD is what was printed.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from decroche.asterisk.release import Release

from .ports import SOUND, free_port
from .terminal import Terminal

pytestmark = pytest.mark.pbx

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "first-hour.md"
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OWN = ("./run up", "baresip ")  # what stays in the foreground has a terminal of its own
MODULES = "/usr/lib/baresip/modules"


def blocks(*chapters: str) -> list[str]:
    """What is to be typed in some chapters: the blocks without a language, in order."""
    parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    found = [part for part in parts if part.startswith(chapters)]
    assert len(found) == len(chapters)
    return [block for part in found for block in FENCE.findall(part)]


def commands(block: str) -> list[str]:
    """The commands of a block; a here-document goes with the line that begins it."""
    found: list[str] = []
    ends = ""
    for line in block.splitlines():
        if ends:
            found[-1] += f"\n{line}"
            ends = "" if line == ends else ends
            continue
        found.append(line)
        if begins := re.search(r"<<'(\w+)'", line):
            ends = begins[1]
    return [command for command in found if command.strip()]


class Hour:
    """A newcomer's machine: a home, terminals, and what they read so far."""

    def __init__(self, home: Path, ports: dict[str, int], baresip: Path) -> None:
        self.home = home
        self.ports = ports
        self._tools = baresip
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "DECROCHE_DIR": str(home / "line"),
            "PATH": f"{baresip / 'bin'}:{os.environ['PATH']}",
        }
        self.terminals = [self.terminal()]
        self.up: Terminal | None = None
        self.phones: list[Terminal] = []
        self.password = "PASSWORD"

    def terminal(self) -> Terminal:
        found = Terminal(ROOT, self._environment)
        return found

    def type(self, command: str) -> None:
        """Type one command of the page."""
        if command.startswith("sudo "):
            return
        text = self._here(command)
        if not command.startswith(OWN):
            said = self.terminals[0].run(text, 120)
            if found := re.search(r"^ *password +(\S+)$", said, re.MULTILINE):
                self.password = found[1]
            if command == "./run init":
                self._free_ports()
            return
        own = self.terminal()
        self.terminals.append(own)
        own.type(text + "\n")
        if command == "./run up":
            self.up = own
            own.until(r"Call 100: ", 120)
        else:
            self.phones.append(own)

    def _here(self, command: str) -> str:
        sip = self.ports["sip"]
        text = command.replace("@127.0.0.1", f"@127.0.0.1:{sip}").replace("PASSWORD", self.password)
        for written, port in (("5070", "camille"), ("5080", "caller")):
            text = text.replace(f":{written}", f":{self.ports[port]}")
        text = text.replace("volunteers.csv", str(self.home / "volunteers.csv"))
        return text.replace(MODULES, f"{self._tools}{MODULES}")

    def _free_ports(self) -> None:
        names = ("sip", "ami", "agi", "page")
        words = [f"network.{name}={self.ports[name]}" for name in names]
        first = self.ports["rtp"]
        words += [f"network.rtp_first={first}", f"network.rtp_last={first + 99}"]
        self.terminals[0].run(f"./run config set {' '.join(words)}")


@pytest.fixture
def hour(release: Release) -> Iterator[Hour]:
    found = os.environ.get("BARESIP") or shutil.which("baresip")
    if not found:
        pytest.fail("baresip is missing; run the tests through ./run test")
    home = Path(tempfile.mkdtemp(prefix="hour-"))  # short: a socket's path has a limit
    names = ("ami", "agi", "page", "sip", "camille", "caller")
    ports = {name: free_port() for name in names}
    ports["rtp"] = SOUND + os.getpid() % 100 * 20
    one = Hour(home, ports, Path(found).parent.parent)
    try:
        yield one
    finally:
        if one.up is not None:
            one.up.type("\x03")
            one.up.until(r"ready> $", 30)
        for terminal in one.terminals:
            terminal.close()
        shutil.rmtree(home)


def test_the_first_hour_as_it_is_written(hour: Hour) -> None:
    *before, after = blocks("3. A line", "4. The first")
    for block in before:
        for command in commands(block):
            hour.type(command)
    assert hour.password != "PASSWORD"
    camille, caller = hour.phones
    caller.until("established", 20)
    caller.type("1")
    camille.until(r"[Ii]ncoming call", 30)
    camille.type("a")
    camille.until("established", 10)
    hour.terminals[0].run(
        "until ./run journal show 1 | grep -q call.answered; do sleep 0.2; done", 20
    )
    caller.type("b")
    for command in commands(after):
        hour.type(command)
    story = hour.terminals[0].seen
    assert "call.answered" in story and "camille" in story
    for phone in hour.phones:
        phone.type("q")
        phone.until(r"ready> $", 20)


def test_every_command_of_the_page_is_typed_by_the_test_above() -> None:
    """The chapters in between hold what needs a provider, root or a network."""
    typed = [
        command for block in blocks("3. A line", "4. The first") for command in commands(block)
    ]
    assert [command for command in typed if "END" in command][0].count("\n") == 5
    assert sum(command.startswith(OWN) for command in typed) == 3
