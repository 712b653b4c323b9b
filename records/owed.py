"""The ledger: whoever reached nobody is in it until somebody has talked to them.

One row for each caller (token). Pure folds, used by records/projections.py:

1. A call that ended without a human, on a line that was open, raises its caller's entry, or
   opens one. It counts once, whatever is learnt of it later.
2. A human who talks to them closes it, whether they called again or were called.
3. So does a person with a reason. The next attempt that reaches nobody opens it anew.
"""

from typing import Any

from . import kinds
from .changes import Change, Changes, Row, State
from .events import Event
from .promised import cancel

SPOKEN = ("answered", "talked")  # of the reasons that close an entry: somebody talked to them
UNCLAIMED = {"claimed_by": None, "claimed_until": 0}


def missed(state: State, call_id: str, call: Row, at: int, stage: str) -> Changes:
    """A call has ended at ``at`` in ``stage``; ``call`` is its row with the end in it."""
    caller = call["caller"]
    if not caller or call["outcome"] not in kinds.MISSED or call["missed"]:
        return []
    arrived = call["arrived"]
    waited = max(0, at - (call["queued"] or arrived))
    entry = state.row("ledger", caller)
    if entry is not None and entry["closed"] is not None and entry["closed"] > at:
        return []  # learnt late: somebody has talked to them since
    values = {"last": arrived, "stage": stage, "queue": call["queue"]}
    if entry is None or entry["closed"] is not None:
        values |= {"first": arrived, "attempts": 1, "waited": waited, "tries": 0, "tried": None}
        values |= {"closed": None, "reason": None, "closed_by": None} | UNCLAIMED
    else:
        values |= {
            "first": min(arrived, entry["first"]),
            "last": max(arrived, entry["last"]),
            "attempts": entry["attempts"] + 1,
            "waited": max(waited, entry["waited"]),
        }
    return [Change("calls", call_id, {"missed": 1}), Change("ledger", caller, values)]


def not_missed(state: State, call_id: str, call: Row, at: int) -> Changes:
    """A call that was counted turns out to have met a closed line."""
    entry = state.row("ledger", call["caller"]) if call["missed"] else None
    if entry is None or entry["closed"] is not None:
        return []
    values = {"attempts": entry["attempts"] - 1}
    if not values["attempts"]:
        values |= {"closed": at, "reason": "closed", "attempts": 1} | UNCLAIMED
    return [Change("calls", call_id, {"missed": 0}), Change("ledger", call["caller"], values)]


def talked(state: State, caller: str, at: int, agent: str) -> Changes:
    """A human talks to a caller: their entry, if there is one, is closed."""
    if not state.owed(caller):
        return []
    values = {"closed": at, "reason": "answered", "closed_by": agent} | UNCLAIMED
    return [Change("ledger", caller, values), *_kept(state, caller, at)]


def _kept(state: State, caller: str, at: int) -> Changes:
    """Whoever is owed nothing any more need not be called back."""
    promise = state.row("callbacks", caller)
    return [] if promise is None else cancel(promise, at, "talked")


def fold_ledger(state: State, event: Event) -> Changes:
    """What people do with an entry. One that is closed can only be opened again."""
    caller = str(event.body["caller"])
    entry = state.row("ledger", caller)
    if entry is None or (entry["closed"] is None) == (event.kind == kinds.OWED_REOPENED):
        return []
    values: dict[str, Any]
    match event.kind:
        case kinds.OWED_CLAIMED:
            values = {"claimed_by": event.actor, "claimed_until": int(event.body["until"])}
        case kinds.OWED_RELEASED:
            values = UNCLAIMED
        case kinds.OWED_REOPENED:
            values = {"claimed_by": event.actor, "claimed_until": int(event.body["until"])}
            values |= {"closed": None, "reason": None, "closed_by": None}
        case kinds.OWED_TRIED:
            values = {"tries": entry["tries"] + 1, "tried": event.at} | UNCLAIMED
        case _:
            reason = str(event.body["reason"])
            values = {"closed": event.at, "reason": reason, "closed_by": event.actor} | UNCLAIMED
            return [Change("ledger", caller, values), *_kept(state, caller, event.at)]
    return [Change("ledger", caller, values)]
