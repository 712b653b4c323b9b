"""A person books a call-back: a number, a day, a part of the day, a reason, an agent.

Local days are decided in the line's own time zone.
"""

from datetime import UTC, date, datetime, time
from pathlib import Path

from ..hotline import Callbacks, Hotline
from . import callbacks, people
from .callbacks import CallbackError
from .events import MICRO, now
from .numbers import seal
from .outside import may_dial
from .secrets import Secrets
from .tokens import number_of, token

PARTS = {"morning": time(8), "afternoon": time(13), "evening": time(17)}  # local, the beginning
FURTHEST = 366  # days ahead


def rules_of(hotline: Hotline) -> Callbacks:
    """:raises CallbackError: this line does not call back, or has no trunk to call over."""
    if hotline.callbacks is None or not hotline.trunks:
        raise CallbackError(
            "this line calls nobody back: write a [callbacks] table into hotline.toml, then: "
            "decroche apply"
        )
    return hotline.callbacks


def due(hotline: Hotline, day: date | None, part: str = "") -> int:
    """When a booking comes due, microseconds UTC; without a day: now.

    :raises CallbackError: a day that is over, or too far ahead.
    """
    if day is None and not part:
        return now()
    at = datetime.now(UTC).astimezone(hotline.zone)
    day = day or at.date()
    if not 0 <= (day - at.date()).days <= FURTHEST:
        raise CallbackError(f"{day} is over, or more than {FURTHEST} days ahead")
    begins = datetime.combine(day, PARTS[part] if part else time(), hotline.zone)
    return max(now(), int(begins.timestamp()) * MICRO)


def place(hotline: Hotline, queue: str = "", trunk: str = "") -> tuple[str, str, str]:
    """Queue, trunk and number of ours for a call-back: what is asked for, else the line's first.

    :raises CallbackError: no such queue.
    """
    queue = queue or hotline.menu.default
    if queue not in hotline.queues:
        raise CallbackError(f"no queue {queue!r}; there are: {', '.join(hotline.queues)}")
    name = trunk if trunk in hotline.trunks else next(iter(hotline.trunks))
    return queue, name, hotline.trunks[name].dids[0]


def book(
    path: Path,
    hotline: Hotline,
    secrets: Secrets,
    number: str,
    by: str,
    when: int,
    queue: str = "",
    agent: str = "",
    reason: str = "",
) -> str:
    """Book a call-back to a number; returns the caller's token.

    :param number: as people write it. :param when: see :func:`due`.
    :raises CallbackError: no number that this line may call, an unknown queue or agent.
    """
    rules = rules_of(hotline)
    known = number_of("sip:" + "".join(number.split()) + "@booking")
    if known is None or not may_dial(known, rules.prefixes):
        raise CallbackError(
            f"{number!r} is not a number that this line may call; it may call those that begin "
            f"with {' or '.join(rules.prefixes)}"
        )
    check_agent(path, agent)
    caller = token(known, secrets.token_key)
    sealed = seal(known, caller, secrets.number_key)
    where = place(hotline, queue)
    callbacks.schedule(path, rules, caller, by, where, when, agent, False, reason, sealed)
    return caller


def check_agent(path: Path, agent: str) -> None:
    """:raises CallbackError: there is no such agent."""
    names = [one.name for one in people.list_agents(path)]
    if agent and agent not in names:
        raise CallbackError(f"there is no agent {agent!r}; there are: {', '.join(names)}")
