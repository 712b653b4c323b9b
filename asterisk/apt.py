"""A private apt: the machine's own apt, mirror and proxies, with a folder of our own for its state.

Nothing of the system is written, so no root is needed. The machine's apt configuration is read
first and inherited; what is set on top only moves folders, switches off what is not needed, and
insists on signatures even where the machine would not. Progress comes from APT::Status-Fd.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .remedies import InstallError, explain

# (done, total, what): done and total on one scale of the caller's, what is a word for people.
Progress = Callable[[int, int, str], None]

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
LONGEST = 1800.0  # seconds for one apt command: a slow line needs ten minutes for 120 MB

# Hooks of the machine that run after an update concern its own lists, not ours.
SETTINGS = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
Dir::State "{state}";
Dir::State::lists "{state}/lists";
Dir::Cache "{cache}";
Dir::Cache::archives "{cache}/archives";
Dir::Cache::pkgcache "packages.bin";
Dir::Cache::srcpkgcache "sources.bin";
Dir::Log "{state}/log";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::Assume-Yes "true";
APT::Get::AllowUnauthenticated "false";
APT::Keep-Downloaded-Packages "true";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::PDiffs "false";
"""
# One suite of our own instead of the machine's: pins speak of the system and do not apply.
OWN_SUITE = """\
Dir::State::status "{state}/status";
Dir::Etc::SourceList "{state}/suite.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Update::Error-Mode "any";
"""
# The machine's suites and what is installed there, read only: only what is missing is fetched.
MACHINES_SUITES = 'Dir::State::status "/var/lib/dpkg/status";\nDebug::NoLocking "1";\n'


@dataclass(frozen=True)
class Package:
    """One file that apt would fetch."""

    file: str
    size: int  # bytes


class Apt:
    """The apt of one folder. With no suite it follows the machine's own sources."""

    def __init__(self, folder: Path, suite: str | None = None, present: Iterable[str] = ()) -> None:
        """`present` names packages to take for installed already, so that they are not fetched."""
        require_apt()
        self.folder = folder
        self.archives = folder / "cache/archives"
        self.log = folder / "apt.log"
        for part in ("state/lists/partial", "cache/archives/partial", "state/log"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        text = SETTINGS + (OWN_SUITE if suite else MACHINES_SUITES)
        places = {"state": folder / "state", "cache": folder / "cache"}
        self.settings = folder / "apt.conf"
        self.settings.write_text(text.format(**places), encoding="utf-8")
        if suite:
            (folder / "state/suite.sources").write_text(stanza(suite), encoding="utf-8")
            (folder / "state/status").write_text(as_installed(present), encoding="utf-8")

    def update(self, progress: Progress) -> None:
        self._run(["update"], "package lists", progress)

    def wanted(self, packages: Iterable[str]) -> list[Package]:
        """What an install of these packages consists of, whether fetched already or not."""
        nowhere = self.folder / "cache/none"
        (nowhere / "partial").mkdir(parents=True, exist_ok=True)
        aside = ["-o", f"Dir::Cache::archives={nowhere}"]
        text = self._ask([*aside, "install", "--print-uris", "-qq", *packages])
        lines = re.findall(r"^'[^']+' (\S+\.deb) (\d+)", text, re.MULTILINE)
        return [Package(file, int(size)) for file, size in lines]

    def download(self, packages: Iterable[str], progress: Progress) -> None:
        """Fetch into `archives`; a partial download is taken up where it stopped."""
        self._run(["install", "--download-only", *packages], "packages", progress)

    def _command(self, arguments: list[str]) -> list[str]:
        return ["apt-get", "-c", str(self.settings), *arguments]

    def _ask(self, arguments: list[str]) -> str:
        done = subprocess.run(
            self._command(arguments), capture_output=True, text=True, env=plain(), timeout=120
        )
        if done.returncode:
            self.log.write_text(done.stdout + done.stderr, encoding="utf-8")
            raise explain(done.stderr, self.log)
        return done.stdout

    def _run(self, arguments: list[str], what: str, progress: Progress) -> None:
        reading, writing = os.pipe()
        command = self._command(["-o", f"APT::Status-Fd={writing}", "-q", *arguments])
        with open(self.log, "wb") as log, open(reading, encoding="utf-8") as status:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=plain(),
                pass_fds=(writing,),
            )
            os.close(writing)
            with ended_after(process, LONGEST):
                for percent in percentages(status):
                    progress(percent, 100, what)
                code = process.wait()
        if code:
            raise explain(self.log.read_text(encoding="utf-8", errors="replace"), self.log)


def require_apt() -> None:
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise InstallError(
                f"{program} is not on this machine, so Debian's packages cannot be fetched.",
                "Install Asterisk 20 or later with this system's own means: it is then used.",
            )


def stanza(suite: str) -> str:
    """The source of one suite on the machine's own Debian mirror, bound to Debian's keys."""
    keyring = next((path for path in KEYRINGS if path.is_file()), None)
    if keyring is None:
        raise InstallError(
            "Debian's archive keys are not on this machine, so nothing could be verified.",
            "Install the package debian-archive-keyring.",
        )
    return (
        f"Types: deb\nURIs: {copied(mirror())}\nSuites: {suite}\nComponents: main\n"
        f"Architectures: {architecture()}\nTargets: Packages\nSigned-By: {keyring}\n"
    )


def mirror() -> str:
    """The address of the machine's Debian archive: where apt takes the machine's own suite from."""
    command = ["apt-get", "-o", "Debug::NoLocking=1", "update", "--print-uris"]
    done = subprocess.run(command, capture_output=True, text=True, env=plain(), timeout=60)
    if done.returncode:
        raise InstallError(
            f"apt cannot read this machine's sources: {done.stderr.strip()[-300:]}",
            "Mend the files below /etc/apt.",
        )
    return mirror_among(done.stdout, codename())


def copied(address: str) -> str:
    """From a mirror on a local disk apt shall copy the packages, not use them where they lie."""
    return address.replace("file:", "copy:", 1) if address.startswith("file:") else address


def mirror_among(uris: str, suite: str) -> str:
    """Pick from `apt-get update --print-uris` the archive that carries the machine's suite."""
    names = (suite, "stable", "testing", "unstable", "sid", "oldstable")
    found = re.findall(r"^'(\S+?/debian)/+dists/([^/']+)/(?:In)?Release'", uris, re.MULTILINE)
    for name in names:
        for address, carried in found:
            if carried == name:
                return str(address)
    raise InstallError(
        "apt on this machine has no Debian archive among its sources.",
        "On another system install Asterisk 20 or later with its own means: it is then used.",
    )


def codename() -> str:
    """The suite this machine runs, from os-release (for example bookworm)."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return "stable"
    found = re.search(r'^VERSION_CODENAME="?([a-z]+)', text, re.MULTILINE)
    return found[1] if found else "stable"


def architecture() -> str:
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def as_installed(names: Iterable[str]) -> str:
    """A dpkg status in which these packages stand as installed, in a version nobody asks beyond."""
    machine = architecture()
    lines = (
        f"Package: {name}\nStatus: install ok installed\nMaintainer: none\n"
        f"Architecture: {machine}\nMulti-Arch: same\nVersion: 999:1\nDescription: left out\n"
        for name in names
    )
    return "\n".join(lines)


def percentages(status: Iterable[str]) -> Iterator[int]:
    """Whole percents from APT::Status-Fd lines, `dlstatus:item:percent:text`; the rest is skipped.

    While a transfer idles apt reports -1 or falls back: the bar then stays where it was.
    """
    best = 0
    for line in status:
        part = line.split(":", 3)
        if part[0] == "dlstatus" and len(part) == 4:
            try:
                best = max(best, min(100, int(float(part[2]))))
            except ValueError:
                continue
            yield best


@contextmanager
def ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Nothing waits for ever: the process is ended when its time is over or the wait is left."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        timer.cancel()


def plain() -> dict[str, str]:
    """The environment with messages that `explain` can read, and no question asked."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
