"""``decroche privacy rotate``: new keys, also in Asterisk's dialplan; see records/rotate.py.

The dialplan encrypts with a key of its own the numbers of callers whom no flow takes. The old one
opens what is in the channel event log until the recorder has read it; then it is destroyed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta

from ..records import clocks, rotate, secrets
from ..records.events import instant
from ..records.folder import Folder, only_one
from ..records.rebuild import Progress, silent
from ..records.secrets import Secrets
from . import apply, control, quiet, settings, traces
from .control import NotRunning
from .sealed import reseal

DIALPLAN = "extensions.conf"
GRACE = 5.0  # seconds in which a service may still write down who called under the old key


class PrivacyError(Exception):
    """It cannot be done now; the text says why, and what to do."""


@dataclass(frozen=True)
class Rotation:
    """What has been done; ``unread``: numbers for which the old keys are still kept, in Asterisk's
    record or of callers who are being called back just now.
    """

    moved: int
    unread: int

    def lines(self) -> Iterator[str]:
        """For a person at a terminal."""
        yield f"the line has new keys; {self.moved} callers who are owed a call moved over to them"
        if self.unread:
            yield (
                f"the old ones are kept for {self.unread} numbers that the recorder has not read "
                "in Asterisk's record, or that are being called: the services finish this"
            )


def due(folder: Folder, at: int) -> bool:
    """Whether the keys are over their clock as of ``at``, or a rotation is unfinished.

    :raises SecretsError: they cannot be read.
    """
    found = secrets.load(folder.secrets)
    age = timedelta(days=clocks.KEYS)
    late = found.renewed is not None and found.renewed.astimezone(UTC) + age <= instant(at)
    return found.previous is not None or late


def unfinished(folder: Folder) -> bool:
    """Whether a rotation was begun. :raises SecretsError: the keys cannot be read."""
    return secrets.load(folder.secrets).previous is not None


def renew_keys(folder: Folder, progress: Progress = silent, grace: float | None = None) -> Rotation:
    """A whole rotation, or what is left of one.

    :raises PrivacyError: a call is up, another rotation is under way.
    :raises SecretsError, ApplyError, sqlite3.Error: begun and not finished; try again.
    """
    with only_one(folder.root, "privacy") as alone:
        if not alone:
            raise PrivacyError("another rotation or erasure is under way; try again in a moment")
        *_, last = steps(folder, progress, GRACE if grace is None else grace)
    return last


def steps(folder: Folder, progress: Progress = silent, grace: float = GRACE) -> Iterator[Rotation]:
    """The steps; each may be the last before the machine dies."""
    found = secrets.load(folder.secrets)
    begins = found.previous is None
    if begins:
        if up := quiet.calls(folder):
            raise PrivacyError(f"calls are up ({up}): the keys are rotated at a quiet moment")
        found = secrets.renew(folder.secrets)
    yield Rotation(0, 0)
    _rekey(folder, found)
    yield Rotation(0, 0)
    moved = rotate.move(folder.database, found, progress, always=begins)
    yield Rotation(moved, 0)
    while True:
        time.sleep(grace)  # what was under way when the keys changed is in the journal by now
        late = rotate.move(folder.database, found, progress)
        moved += late
        if not late:
            break
    if unread := traces.unread(folder) + rotate.left(folder.database, found):
        yield Rotation(moved, unread)
        return
    secrets.destroy_previous(folder.secrets)
    yield Rotation(moved, 0)


def _rekey(folder: Folder, found: Secrets) -> None:
    """The key in the dialplan in force, and what is sealed under it; nothing else of it.

    :raises ApplyError: Asterisk does not take it; the old one is in force, and still known.
    """
    assert found.previous is not None
    with apply.alone(folder):
        files = settings.current(folder)
        old, new = found.previous.fallback_key, found.fallback_key
        if old in files.get(DIALPLAN, ""):
            files[DIALPLAN] = reseal(files[DIALPLAN], old, new)
            settings.switch(folder, files, _ask(folder))
        settings.sweep(folder)


def _ask(folder: Folder) -> settings.Ask | None:
    """Asterisk's command line; None when it does not run."""
    try:
        control.ask(quiet.socket(folder), "core show version")
    except NotRunning:
        return None
    return lambda command: control.ask(quiet.socket(folder), command).text
