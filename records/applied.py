"""The hotline in force: read again when ``decroche apply`` has switched."""

import os
import time
from collections.abc import Callable

import structlog

from ..hotline import Hotline, HotlineError, load
from .folder import Folder

log = structlog.get_logger(__name__)

LOOK = 0.5  # seconds between two looks at the link


class Applied:
    """``applied()`` gives the model in force; cheap enough to ask for each call."""

    def __init__(self, folder: Folder, clock: Callable[[], float] = time.monotonic) -> None:
        """:raises HotlineError: nothing has been applied yet, or it cannot be read."""
        self._folder = folder
        self._clock = clock
        if not folder.applied.exists():
            raise HotlineError(f"{folder.root}: nothing is in force yet; type: decroche apply")
        self._target = self._link()
        self._hotline = load(folder.applied)
        self._looked = clock()

    def __call__(self) -> Hotline:
        if self._clock() - self._looked > LOOK:
            self._looked = self._clock()
            target = self._link()
            if target != self._target:
                self._read(target)
        return self._hotline

    def _read(self, target: str) -> None:
        try:
            self._hotline, self._target = load(self._folder.applied), target
        except HotlineError as error:  # the old model goes on
            log.error("the applied hotline cannot be read", reason=str(error))

    def _link(self) -> str:
        try:
            return os.readlink(self._folder.etc)
        except OSError:
            return ""
