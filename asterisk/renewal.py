"""A line moves to another Asterisk: the release is switched, then started anew."""

from pathlib import Path

from .apt import Progress
from .pbx import Pbx
from .release import Release, default_home, find_release
from .remedies import InstallError
from .update import rollback, update, wait_until_idle


def renew(root: Path, progress: Progress, patience: float) -> list[str]:
    """Get the newest release, try it out, and run it when no call is up.

    :raises InstallError, LineBusy: the line goes on with what it had.
    """
    home = default_home()
    old = find_release(home)
    if old is None:
        raise InstallError("There is no Asterisk yet.", "Type: decroche pbx install")
    new = update(home, progress, calls=Pbx(old, root).calls, patience=patience)
    if new.root == old.root:
        return [f"Asterisk {old.version} is the newest; nothing to do"]
    return [f"Asterisk {old.name} -> {new.name}", *_restart(root, old, new)]


def go_back(root: Path) -> list[str]:
    """Run the release before the last update again.

    :raises InstallError, LineBusy: nothing has changed.
    """
    home = default_home()
    old = find_release(home)
    if old is None:
        raise InstallError("There is no Asterisk yet.", "Type: decroche pbx install")
    wait_until_idle(Pbx(old, root).calls, 0.0)
    new = rollback(home)
    return [f"Asterisk {old.name} -> {new.name}", *_restart(root, old, new)]


def _restart(root: Path, old: Release, new: Release) -> list[str]:
    pbx = Pbx(old, root)
    if pbx.pid() is None:
        return ["it runs from the next 'decroche pbx start'"]
    pbx.stop()
    status = Pbx(new, root).start()
    return [f"restarted: process {status.pid}"]
