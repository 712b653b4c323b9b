"""Promised call-backs: one open promise for each caller, until the two have talked.

Pure folds, used by records/projections.py:

1. A promise is made once: a caller who asks again keeps the place that they have.
2. What happens on an attempt's channels moves it on, whoever saw it first. What belongs to an
   attempt that is over changes nothing but the agent's presence; that the two have talked counts
   even when it is learnt late.
3. A caller who does not answer is tried again after a pause that doubles; after the last try the
   promise has failed, and the caller's entry in the ledger stays for a person to work.
4. An agent who does not answer costs the caller nothing: the promise waits on.
"""

import re
from typing import Any

from . import kinds
from .changes import Change, Changes, Row, State, busy
from .events import MICRO, Event

OUT = ("ringing", "dialling", "talking")  # stages in which a call is under way for it
CHANNEL = re.compile(r"callback-([0-9a-f]{32})-\d{1,18}")  # unique id of the agent's channel
AGENT, CALLER = "agent", "caller"  # sides of such a call


def channel_of(caller: str, at: int) -> str:
    """The id of an attempt, which is also that of its channel."""
    return f"callback-{caller}-{at}"


def of_attempt(channel: str, kind: str, at: int, **body: Any) -> Event:
    """A fact about an attempt, whoever saw it: the same fact has the same id."""
    caller = channel.split("-")[1]
    side = (str(body["side"]),) if "side" in body else ()
    key, actor = ":".join((channel, kind, *side)), str(body.get("agent", ""))
    body = {"caller": caller} | body
    return Event(
        id=key, at=at, kind=kind, call=channel, actor=actor, body={"caller": caller} | body
    )


def fold_callback(state: State, event: Event) -> Changes:
    """What an event of kinds.BACK_KINDS changes in ``callbacks`` and in ``presence``."""
    caller = str(event.body["caller"])
    row = state.row("callbacks", caller)
    if event.kind == kinds.PROMISED:
        return _promised(event, caller, row)
    changes = _presence(state, event, row)
    if row is None or row["ended"] is not None:
        return changes
    if event.kind == kinds.BACK_CANCELLED:
        return changes + cancel(row, event.at, str(event.body["reason"]))
    if event.kind == kinds.BACK_RANG:
        if row["stage"] not in OUT:
            values = {"stage": "ringing", "channel": event.call, "taken_by": event.actor}
            changes.append(_step(caller, event.at, values))
        return changes
    if row["channel"] == event.call and row["stage"] in OUT:
        return changes + _moved(row, caller, event)
    if event.kind == kinds.BACK_KEPT and row["stage"] not in OUT:
        changes.append(_step(caller, event.at, {"stage": "kept", "ended": event.at}))
    return changes


def _promised(event: Event, caller: str, row: Row | None) -> Changes:
    body = event.body
    since, due = int(body["since"]), int(body["due"])
    if row is not None and row["ended"] is None:
        if row["stage"] in OUT:
            return []
        values: dict[str, Any] = {"since": min(since, row["since"]), "due": min(due, row["due"])}
        wish = {key: body[key] for key in ("agent", "only", "reason") if key in body}
        return [Change("callbacks", caller, values | wish)]
    values = {
        "call": event.call,
        "queue": str(body["queue"]),
        "trunk": str(body["trunk"]),
        "did": str(body["did"]),
        "since": since,
        "due": due,
        "agent": body.get("agent"),
        "only": int(body.get("only", 0)),
        "reason": str(body.get("reason", "")),
        "stage": "waiting",
        "stage_since": event.at,
        "channel": None,
        "taken_by": None,
        "tries": 0,
        "tries_max": int(body["tries"]),
        "pause": int(body["pause"]),
        "ended": None,
    }
    return [Change("callbacks", caller, values)]


def _moved(row: Row, caller: str, event: Event) -> Changes:
    """The next step of the attempt that is under way."""
    talks = row["stage"] == "talking"
    match event.kind:
        case kinds.BACK_DIALLED:
            return [] if talks else [_step(caller, event.at, {"stage": "dialling"})]
        case kinds.BACK_KEPT:
            return [_step(caller, event.at, {"stage": "talking"})]
    if talks:
        return [_step(caller, event.at, {"stage": "kept", "ended": event.at})]
    if row["stage"] == "dialling" and event.kind == kinds.BACK_LEFT:
        return [_unanswered(row, caller, event.at)]  # whichever side was first
    return [_step(caller, event.at, {"stage": "waiting", "taken_by": None, "channel": None})]


def _unanswered(row: Row, caller: str, at: int) -> Change:
    tries = row["tries"] + 1
    if tries >= row["tries_max"]:
        return _step(caller, at, {"stage": "failed", "tries": tries, "ended": at})
    due = at + row["pause"] * MICRO * 2 ** (tries - 1)
    values = {"stage": "waiting", "tries": tries, "due": due, "taken_by": None, "channel": None}
    return _step(caller, at, values)


def cancel(row: Row, at: int, reason: str) -> Changes:
    """The promise is no more needed; a call that is under way for it goes on."""
    if row["ended"] is not None or row["stage"] in OUT:
        return []
    return [_step(row["caller"], at, {"stage": "cancelled", "ended": at, "reason": reason})]


def _step(caller: str, at: int, values: dict[str, Any]) -> Change:
    return Change("callbacks", caller, values | {"stage_since": at})


def _presence(state: State, event: Event, row: Row | None) -> Changes:
    """The agent on whose phone the attempt is."""
    if event.kind == kinds.BACK_RANG:
        return [busy(state, event.actor, "ringing", event)]
    agent = row["taken_by"] if row and row["channel"] == event.call else None
    if event.kind in (kinds.BACK_DIALLED, kinds.BACK_KEPT):
        found = state.row("presence", agent) if agent else None
        if agent and found and found["stage"] != "talking" and found["call"] == event.call:
            return [busy(state, agent, "talking", event)]
    agents_end = event.kind == kinds.BACK_LEFT and event.body["side"] == AGENT
    if agents_end or event.kind == kinds.BACK_LOST:
        agent = str(event.body.get("agent") or agent or "")
        found = state.row("presence", agent) if agent else None
        if found and found["call"] == event.call:
            return [busy(state, agent, "idle", event)]
    return []
