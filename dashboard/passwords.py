"""argon2id. A hash takes 64 MiB and about 0.1 s: only HASHES_AT_ONCE run together."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .settings import HASHES_AT_ONCE

_hasher = PasswordHasher()
_turn = threading.BoundedSemaphore(HASHES_AT_ONCE)


def hashed(password: str) -> str:
    with _turn:
        return _hasher.hash(password)


def fits(password: str, known: str | None) -> bool:
    """Whether a password is the one of ``known``; None takes as long and is False."""
    against = known if known is not None else _nobodys()
    with _turn:
        try:
            return _hasher.verify(against, password) and known is not None
        except (VerificationError, InvalidHashError):
            return False


def is_old(known: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(known)


@cache
def _nobodys() -> str:
    return hashed("")
