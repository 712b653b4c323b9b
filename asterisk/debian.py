"""Asterisk from Debian's signed packages, in a folder of its own; the system stays untouched.

It comes from suite sid (Debian 12 and 13 ship none) with its libraries down to the C library.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .apt import Apt, Package, Progress
from .remedies import InstallError
from .unpack import unpack, wrap

SUITE = "sid"
# French digits and dates in wide band (they are heard); English only completes what is not
# translated; music; a voice for drafts of prompts; a converter of sound files.
PACKAGES = (
    "asterisk",
    "asterisk-core-sounds-fr-g722",
    "asterisk-core-sounds-en-gsm",
    "asterisk-moh-opsound-g722",
    "espeak-ng",
    "sox",
)
# Libraries of modules that no line loads (modules.py): taken for present, they and all that only
# they need are not fetched, which halves the download. A name that Debian changes is fetched.
LEFT_OUT = (
    "adduser",
    "libcodec2-1.2",
    "libcurl4t64",
    "libgmime-3.0-0t64",
    "libical3t64",
    "libiksemel3",
    "libjack-jackd2-0",
    "libjwt2",
    "libldap2",
    "liblua5.1-0",
    "libneon27t64",
    "libodbc2",
    "libportaudio2",
    "libpq5",
    "libradcli4",
    "libsnmp45",
    "libsybdb5",
    "libunbound8",
)
PROGRAMS = {
    "asterisk": "usr/sbin/asterisk",
    "espeak-ng": "usr/bin/espeak-ng",
    "sox": "usr/bin/sox",
}
VARIABLES = {"LC_ALL": "C.UTF-8", "ESPEAK_DATA_PATH": "{lib}"}
UNPACKED = 4  # a package takes at most about four times its size once unpacked


def fetch_asterisk(home: Path, progress: Progress) -> Path:
    """Fetch Asterisk and unpack it below home/releases; the folder is named for what is in it.

    The same packages give the same name, so a release that is there already is only returned.
    An install that was cut off goes on from what lies in home/work. Errors: InstallError.
    """
    with alone(home):
        apt = Apt(home / "work/apt", suite=SUITE, present=LEFT_OUT)
        apt.update(part(progress, 0, 10))
        wanted = apt.wanted(PACKAGES)
        release = home / "releases" / _name(wanted)
        if not release.is_dir():
            require_room(home, wanted, apt)
            apt.download(PACKAGES, part(progress, 10, 65))
            draft = home / "work/unpacked"
            shutil.rmtree(draft, ignore_errors=True)
            unpack([apt.archives / p.file for p in wanted], draft, part(progress, 65, 100))
            _finish(draft, wanted)
            release.parent.mkdir(exist_ok=True)
            draft.rename(release)
        shutil.rmtree(home / "work", ignore_errors=True)
        progress(100, 100, "done")
        return release


@contextmanager
def alone(home: Path) -> Iterator[Path]:
    """One at a time in this folder. Errors: InstallError when another is at work here."""
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallError(
                f"Another installation is at work in {home}.", "Wait until it is done."
            ) from None
        yield home


def _name(wanted: Sequence[Package]) -> str:
    """A version for people and a fingerprint of all packages: a new library is a new release."""
    files = sorted(package.file for package in wanted)
    versions = (re.match(r"asterisk_(?:\d+%3a)?([\d.]+)", file) for file in files)
    version = next((found[1] for found in versions if found), "0")
    print_ = hashlib.sha256("\n".join(files).encode()).hexdigest()[:8]
    return f"{version}-{print_}"


def require_room(folder: Path, wanted: Sequence[Package], apt: Apt) -> None:
    """Errors: InstallError when the disk of `folder` has not room enough for these packages."""
    fetch = sum(p.size for p in wanted if not (apt.archives / p.file).exists())
    need = fetch + UNPACKED * sum(p.size for p in wanted)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise InstallError(
            f"{folder} has {free >> 20} MB free and about {need >> 20} MB are needed.",
            "Make room and start again.",
        )


def _finish(root: Path, wanted: Sequence[Package]) -> None:
    """Make the unpacked packages a release: programs that run, languages under their names."""
    lines = sorted(package.file for package in wanted)
    (root / "packages.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    wrap(root, PROGRAMS, VARIABLES)
    sounds = root / "usr/share/asterisk/sounds"
    for voice in sorted(sounds.glob("[a-z][a-z]_*")):
        link = sounds / voice.name[:2]  # Debian links sounds/fr when it configures a package
        if not link.is_symlink() and not link.exists():
            link.symlink_to(voice.name)


def part(progress: Progress, start: int, end: int) -> Progress:
    """A stretch of the whole bar, which runs from 0 to 100."""

    def scaled(done: int, total: int, what: str) -> None:
        progress(start + (end - start) * done // max(total, 1), 100, what)

    return scaled
