"""What the recorder does at night: the clocks, and every thirty days new keys.

At a quiet moment between two and five, by the line's own time, once a night. A rotation that was
begun is finished at the next quiet moment, whatever the hour.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime

import structlog

from ..hotline import Hotline
from ..records.events import now
from ..records.folder import Folder
from . import apply, privacy, quiet, rotation
from .release import default_home, find_release

log = structlog.get_logger(__name__)

LOOK = 15.0  # seconds between two looks whether it is time
FIRST, LAST = 2, 5  # o'clock; the last hour is not included


async def keep_clocks(folder: Folder, hotline: Callable[[], Hotline]) -> None:
    """Carry the clocks out every night until cancelled."""
    done: date | None = None
    while True:
        await asyncio.sleep(LOOK)
        local = datetime.now(hotline().zone)
        try:
            if await asyncio.to_thread(tend, folder, is_time(local, done)):
                done = local.date()
        except Exception:  # the record goes on; `decroche privacy report` says what is overdue
            log.exception("the clocks are not carried out; trying again")


def is_time(local: datetime, done: date | None) -> bool:
    """Whether tonight's turn is now."""
    return FIRST <= local.hour < LAST and local.date() != done


def tend(folder: Folder, night: bool) -> bool:
    """Whether tonight's work is done; nothing is done while anybody is on the phone."""
    due = rotation.due(folder, now()) if night else rotation.unfinished(folder)
    if not (night or due) or quiet.calls(folder):
        return False
    if due:
        found = rotation.renew_keys(folder)
        log.info("the keys are rotated", moved=found.moved, unread=found.unread)
    if night:
        done = privacy.purge(folder, now())
        log.info("purged", **{one.clock: one.count for one in done if one.count})
        _write_the_year(folder)
    return night


def _write_the_year(folder: Folder) -> None:
    """What Asterisk knows of holidays reaches ahead some years: a new one is written anew."""
    release = find_release(default_home())
    if release is not None and not apply.is_of_this_year(folder):
        log.info("a new year of holidays", done="; ".join(apply.renew(folder, release)))
