"""The line's secrets for a service that runs on: read again when the keys were changed."""

from pathlib import Path

import structlog

from .secrets import Secrets, SecretsError, load

log = structlog.get_logger(__name__)


class Keys:
    """``keys()`` gives the secrets in force: one look at the file's place and time for each use."""

    def __init__(self, path: Path) -> None:
        """:raises SecretsError: with the remedy."""
        self._path = path
        self._mark = self._look()
        self._secrets = load(path)

    def __call__(self) -> Secrets:
        mark = self._look()
        if mark != self._mark:
            self._read(mark)
        return self._secrets

    def _read(self, mark: tuple[int, int]) -> None:
        self._mark = mark
        try:
            self._secrets = load(self._path)
        except SecretsError as error:  # the ones that were read last go on
            log.error("the secrets cannot be read", reason=str(error))

    def _look(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns
