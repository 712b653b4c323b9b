"""An Asterisk to run: the one in our private folder, or the machine's own when it is good enough.

A private home holds `releases/NAME/`, and two links: `current`, what the next start takes, and
`previous`, the way back. A running Asterisk keeps the release that it was started with, because
each line's folder is linked to the release itself (pbx.py), not to `current`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .apt import Progress
from .debian import fetch_asterisk
from .modules import missing
from .remedies import InstallError

OLDEST = 20  # the first major version with all that a line uses
MACHINES_PROGRAM = "/usr/sbin/asterisk"
MACHINES_MODULES = ("usr/lib/*-linux-gnu*", "usr/lib", "usr/lib64", "usr/local/lib")
MACHINES_DATA = ("usr/share/asterisk", "var/lib/asterisk")


@dataclass(frozen=True)
class Release:
    """One Asterisk with its modules and sounds; `root` is / for the machine's own."""

    root: Path
    version: str  # as `asterisk -V` says, for example 22.10.1
    attached: bool  # True: the machine's own, which others keep up to date
    modules: Path
    data: Path  # astdatadir: documentation, sounds, music

    @property
    def name(self) -> str:
        return f"{self.version} (this machine's)" if self.attached else self.root.name

    @property
    def sounds(self) -> Path:
        """Asterisk's own sounds, one folder per language (fr, en)."""
        return self.data / "sounds"

    def program(self, name: str) -> str | None:
        """The path of a program (asterisk, espeak-ng, sox), None where it is not to be had."""
        if self.attached:
            return shutil.which(name) or (MACHINES_PROGRAM if name == "asterisk" else None)
        script = self.root / "bin" / name
        return str(script) if script.exists() else None

    def command(self, name: str, *arguments: str) -> list[str]:
        """What to execute to run a program. Errors: InstallError when it is not to be had."""
        path = self.program(name)
        if path is None:
            raise InstallError(f"{name} is not on this machine.", f"Install the package {name}.")
        return [path, *arguments]

    def env(self) -> dict[str, str]:
        """The environment for its programs (the scripts of a private release add their own)."""
        return {**os.environ, "LC_ALL": "C.UTF-8"}


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where private releases are kept: DECROCHE_PBX, else below the user's data folder."""
    if own := environ.get("DECROCHE_PBX"):
        return Path(own).absolute()
    data = environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "decroche/pbx"


def find_release(home: Path) -> Release | None:
    """What a start would take: the private current one, else the machine's own, else nothing."""
    return linked(home, "current") or machines_own()


def linked(home: Path, link: str) -> Release | None:
    """The private release behind `current` or `previous`."""
    root = home / link
    return at(root.resolve()) if root.is_dir() else None


def at(root: Path) -> Release | None:
    """The private release unpacked in `root`."""
    for modules in root.glob("usr/lib/*/asterisk/modules"):
        version = root.name.rpartition("-")[0] or root.name
        return Release(root, version, False, modules, root / "usr/share/asterisk")
    return None


def machines_own(root: Path = Path("/")) -> Release | None:
    """The machine's Asterisk when its version and modules will do."""
    program = shutil.which("asterisk") or MACHINES_PROGRAM
    version = version_of(program)
    if version is None or int(version.split(".")[0]) < OLDEST:
        return None
    tops = [top for pattern in MACHINES_MODULES for top in sorted(root.glob(pattern))]
    modules = [top / "asterisk/modules" for top in tops]
    data = [root / below for below in MACHINES_DATA]
    whole = [folder for folder in modules if folder.is_dir() and not missing(folder)]
    there = [folder for folder in data if (folder / "documentation").is_dir()]
    return Release(root, version, True, whole[0], there[0]) if whole and there else None


def version_of(program: str) -> str | None:
    """The version of an Asterisk by its own word, None when it does not run."""
    try:
        done = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout)


def parse_version(text: str) -> str | None:
    """`Asterisk 22.10.1+dfsg…` or `Asterisk certified/20.7-cert1` gives 22.10.1 or 20.7."""
    found = re.match(r"Asterisk (?:certified/)?(\d+(?:\.\d+)*)", text)
    return found[1] if found else None


def install(home: Path, progress: Progress, *, private: bool = False) -> Release:
    """An Asterisk in any case: the one there is, else one from Debian's signed packages.

    With `private` the machine's own is not taken. Errors: InstallError.
    """
    found = linked(home, "current") if private else find_release(home)
    if found:
        return found
    release = at(fetch_asterisk(home, progress))
    if release is None:
        raise InstallError(f"{home} holds no Asterisk.", "Remove the folder and install again.")
    point(home, "current", release.root)
    return release


def point(home: Path, link: str, root: Path) -> None:
    """Set a link in one step: it leads to the old release or to the new one, never nowhere."""
    fresh = home / f".{link}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(root.relative_to(home))
    fresh.replace(home / link)
