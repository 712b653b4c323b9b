"""Whether anybody is on the phone: what is done at a quiet moment asks here."""

from contextlib import closing
from pathlib import Path

from ..records import callbacks, views
from ..records.folder import Folder
from ..records.schema import reader
from . import control
from .control import NotRunning
from .pbx import parse_count


def channels(folder: Folder) -> int:
    """How many channels are up in Asterisk; none when it does not run.

    :raises TimeoutError: it does not answer.
    """
    try:
        reply = control.ask(socket(folder), "core show channels count")
    except NotRunning:
        return 0
    return parse_count(reply.text)[1]


def calls(folder: Folder) -> int:
    """How many calls are up, by Asterisk's account or the record's, whichever is more; those of
    our own, too.
    """
    with closing(reader(folder.database)) as connection:
        known = len(views.open_calls(connection)) + len(callbacks.under_way(connection))
    return max(channels(folder), known)


def socket(folder: Folder) -> Path:
    return folder.pbx.absolute() / "run" / "asterisk.ctl"
