"""What a fold reads and returns: rows as they stand, and changes of rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .events import Event

Row = Mapping[str, Any]
UNTIL = "until"  # in ``by``: nobody said so, the time of an availability was over


class State(Protocol):
    """The rows as they stand before the event."""

    def row(self, table: str, key: str) -> Row | None: ...

    def next_number(self) -> int: ...

    def offers_of(self, call: str) -> Iterable[Row]: ...

    def owed(self, caller: str) -> bool:
        """Whether a caller has an open entry in the ledger."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """Insert or update one row: ``values`` without its key."""

    table: str
    key: str
    values: dict[str, Any]


Changes = list[Change]


def busy(state: State, agent: str, stage: str, event: Event) -> Change:
    """What an agent's phone does from now on: ringing, talking, or idle."""
    call = None if stage == "idle" else event.call
    values: dict[str, Any] = {"stage": stage, "stage_since": event.at, "call": call}
    if state.row("presence", agent) is None:
        values |= {"state": "away", "since": event.at}
    return Change("presence", agent, values)
