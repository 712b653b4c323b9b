"""argon2id. A hash takes 64 MiB and about 0.1 s: only HASHES_AT_ONCE run together."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .settings import HASHES_AT_ONCE

T = TypeVar("T")

_hasher = PasswordHasher()
_threads = ThreadPoolExecutor(HASHES_AT_ONCE, "passwords")
_turn = threading.BoundedSemaphore(HASHES_AT_ONCE)


async def aside(work: Callable[[], T]) -> T:
    """Do what hashes off the event loop, in threads of its own: a hundred people who sign in at
    nine o'clock keep waiting neither other pages nor what calls read and write.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


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
