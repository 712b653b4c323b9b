"""Callers who are blocked, each until a date: a pure fold, used by records/projections.py.

Whoever is blocked is owed nothing any more: their entry in the ledger is closed, and what they
were promised is taken back. What people do with blocks: records/blocks.py.
"""

from . import kinds
from .changes import Change, Changes, State
from .events import Event
from .owed import UNCLAIMED
from .promised import cancel


def fold_block(state: State, event: Event) -> Changes:
    """What an event of kinds.BLOCK_KINDS changes; blocking again sets another end."""
    caller = str(event.body["caller"])
    row = state.row("blocks", caller)
    if event.kind == kinds.UNBLOCKED:
        over = row is None or row["ended"] is not None
        return [] if over else [Change("blocks", caller, {"ended": event.at})]
    values = {
        "since": event.at,
        "until": int(event.body["until"]),
        "blocked_by": event.actor,
        "reason": str(event.body["reason"]),
        "ended": None,
    }
    changes = [Change("blocks", caller, values)]
    if state.owed(caller):
        closed = {"closed": event.at, "reason": "blocked", "closed_by": event.actor} | UNCLAIMED
        changes.append(Change("ledger", caller, closed))
    promise = state.row("callbacks", caller)
    return changes + ([] if promise is None else cancel(promise, event.at, "blocked"))
