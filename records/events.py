"""One journal event, and instants."""

import time
from collections.abc import Callable
from contextvars import ContextVar
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


def of_call(call: str, unique: str, kind: str, at: int, body: dict[str, Any], *words: str) -> Event:
    """A fact about a call, whoever saw it: the same fact has the same id.

    :param call: the unique id of the caller's channel. :param unique: of the channel that it is
        about. :param words: of the body, where the kind may happen again with other ones.
    """
    channel = () if unique == call else (unique,)
    key, actor = ":".join((call, *channel, kind, *words)), str(body.get("agent", ""))
    return Event(id=key, at=at, kind=kind, call=call, actor=actor, body=body)


def now() -> int:
    """The present instant: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


_BEGAN = time.time_ns() // 1000 - time.monotonic_ns() // 1000


def _monotonic() -> int:
    return _BEGAN + time.monotonic_ns() // 1000


# A rehearsal (agi/rehearsal.py) brings a clock of its own for what it runs.
STEADY: ContextVar[Callable[[], int]] = ContextVar("steady", default=_monotonic)


def steady() -> int:
    """The present instant by a clock that never leaps while this process runs: for how long
    somebody waits or rests. It may differ from :func:`now` once the machine's clock was set.
    """
    return STEADY.get()()


def stepped() -> int:
    """By how much the machine's clock was set while this process runs: :func:`now` less
    :func:`steady`, in whole seconds of microseconds, so that nothing trembles without a step.
    """
    return round((now() - steady()) / MICRO) * MICRO


def instant(at: int) -> datetime:
    """An instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(at / MICRO, UTC)
