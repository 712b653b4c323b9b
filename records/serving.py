"""Serving on when the database had to be mended: everything begins anew, in the same process."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from .salvage import alone, mend
from .trouble import needs_mending

log = structlog.get_logger(__name__)

TIMES = 3  # in a row, each time within QUICK seconds: then mending does not help
QUICK = 5.0


def keep_serving(path: Path, serve: Callable[[], None], prepare: Callable[[], object]) -> None:
    """Run ``serve``; when it ends because the database is damaged, mend it and run it again.

    :param prepare: makes the tables that could not be saved; one process at a time.
    :raises Exception: what ended ``serve``, if it is anything else or happens again and again.
    """
    tries = 0
    while True:
        began = time.monotonic()
        try:
            return serve()
        except Exception as error:
            tries = tries + 1 if time.monotonic() - began < QUICK else 0
            if not needs_mending(error) or tries > TIMES:
                raise
            log.error("the database is damaged or was mended: beginning anew")
            mend(path)
            with alone(path):
                prepare()
