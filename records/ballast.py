"""A file that holds room on the disk: given up when the disk is full, so that the journal goes on.

Not even deleting rows works on a full disk. The ballast is given up by making it empty, which
frees its room and says so to every process; it is made again when there is room.
"""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

SIZE = 32 << 20  # bytes: days of a journal
ROOM = 4 * SIZE  # bytes that must be left besides
LOOK = 30.0  # seconds between two looks whether there is room again
SPENT = "the disk is full: the journal lives on its reserve; make room"


def beside(database: Path) -> Path:
    """Where the ballast of a line is."""
    return database.with_name("ballast")


def make(path: Path, size: int = SIZE, room: int = ROOM) -> bool:
    """Make the ballast, or make it again, if there is room; whether it is whole now.

    :raises OSError: it cannot be made for another reason.
    """
    if path.exists() and path.stat().st_size >= size:
        return True
    found = os.statvfs(path.parent)
    if found.f_bavail * found.f_frsize < size + room:
        return False
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)  # really there, not a hole
    except OSError:
        os.ftruncate(handle, 0)
        raise
    finally:
        os.close(handle)
    return True


def release(path: Path) -> bool:
    """Give the room back; False when there is nothing to give."""
    try:
        if not path.stat().st_size:
            return False
        os.truncate(path, 0)
    except OSError:
        return False
    return True


def trouble(path: Path) -> str:
    """What a person must know while it is given up; empty when it is whole, or was never made."""
    with suppress(OSError):
        return "" if path.stat().st_size else SPENT
    return ""


async def keep(path: Path) -> None:
    """Have the ballast, whenever there is room; until cancelled."""
    while True:
        try:
            await asyncio.to_thread(make, path)
        except OSError as error:
            log.warning("no reserve on the disk", reason=str(error))
        await asyncio.sleep(LOOK)
