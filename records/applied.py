"""The hotline in force: read again when ``decroche apply`` has switched."""

import os

import structlog

from ..hotline import Hotline, HotlineError, load
from .folder import Folder

log = structlog.get_logger(__name__)


class Applied:
    """``applied()`` gives the model in force; cheap enough to ask for each call.

    What tells one from the next is the link's target: 2 microseconds to read, so that
    the first call after an ``apply`` already meets the new line.
    """

    def __init__(self, folder: Folder) -> None:
        """:raises HotlineError: nothing has been applied yet, or it cannot be read."""
        self._folder = folder
        if not folder.applied.exists():
            raise HotlineError(f"{folder.root}: nothing is in force yet; type: decroche apply")
        self._target = self._link()
        self._hotline = load(folder.applied)

    def __call__(self) -> Hotline:
        target = self._link()
        if target != self._target:
            self._read(target)
        return self._hotline

    def _read(self, target: str) -> None:
        self._target = target
        try:
            self._hotline = load(self._folder.applied)
        except HotlineError as error:  # the old model goes on
            log.error("the applied hotline cannot be read", reason=str(error))

    def _link(self) -> str:
        try:
            return os.readlink(self._folder.etc)
        except OSError:
            return ""
