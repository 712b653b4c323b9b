"""One journal event, and instants."""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec

MICRO = 1_000_000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact. ``id`` derives from its source, so that the same fact has the same id.

    The id of a call's event begins with the call and a colon: one index finds both.
    ``at`` counts microseconds since 1970 in UTC. ``seq`` is the place in this
    journal, 0 before it is appended. ``actor`` is an agent, an account, or empty.
    """

    id: str
    at: int
    kind: str
    call: str = ""
    actor: str = ""
    node: str = ""
    body: dict[str, Any] = {}
    seq: int = 0


def now() -> int:
    """The present instant: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def instant(at: int) -> datetime:
    """An instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(at / MICRO, UTC)
