"""A newer Asterisk, and the way back: fetch, try, switch when nobody talks, keep the old one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from .apt import Progress
from .debian import alone, fetch_asterisk
from .release import Release, at, linked, machines_own, point
from .remedies import InstallError
from .trial import try_out

PAUSE = 0.5  # seconds between two looks at whether calls are up


class LineBusy(Exception):
    """Calls are up, so nothing was switched; the new release waits and is not fetched again."""


def update(
    home: Path, progress: Progress, calls: Callable[[], int] = lambda: 0, patience: float = 0.0
) -> Release:
    """Bring `current` to what Debian offers now; returns it, unchanged when nothing is newer.

    1. Fetch and unpack beside the current release.
    2. Boot it on trial: every module, and a call to itself.
    3. Wait at most `patience` seconds until `calls()` says that none is up.
    4. Switch `current`; the old one becomes `previous`; older ones go.
    A running Asterisk takes it at its next start. Errors: InstallError, LineBusy.
    """
    old = linked(home, "current")
    if old is None and machines_own():
        raise InstallError(
            "The line uses this machine's own Asterisk.", "Update it as this machine is updated."
        )
    new = at(fetch_asterisk(home, progress))
    if new is None:
        raise InstallError(f"{home} holds no Asterisk.", "Remove the folder and install again.")
    if old and new.root == old.root:
        return old
    try_out(new)
    wait_until_idle(calls, patience)
    switch(home, new)
    return new


def wait_until_idle(calls: Callable[[], int], patience: float) -> None:
    """Errors: LineBusy when calls are still up after `patience` seconds."""
    end = time.monotonic() + patience
    while up := calls():
        if time.monotonic() >= end:
            raise LineBusy(f"{up} calls are up: nothing was switched. Try again later.")
        time.sleep(PAUSE)


def switch(home: Path, new: Release) -> None:
    """Make `new` current and what was current previous, then drop what is neither."""
    with alone(home):
        old = linked(home, "current")
        if old and old.root != new.root:
            point(home, "previous", old.root)
        point(home, "current", new.root)
        _prune(home)


def rollback(home: Path) -> Release:
    """Exchange `current` and `previous`. Errors: InstallError when there is no previous one."""
    previous = linked(home, "previous")
    if previous is None:
        raise InstallError("There is no previous release to go back to.", "Nothing was changed.")
    switch(home, previous)
    return previous


def _prune(home: Path) -> None:
    """Remove releases that no link leads to, unless a program still runs from them."""
    kept = {(home / link).resolve() for link in ("current", "previous")}
    for folder in (home / "releases").iterdir():
        if folder.resolve() not in kept and not _in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    """Whether a process was started from this folder (/proc/PID/cmdline; ours are readable)."""
    start = str(folder.resolve()).encode() + b"/"
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if start in process.read_bytes():
                return True
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return False
