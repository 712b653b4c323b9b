"""What the journal means: pure functions from a state and one event to row changes.

``fold(state, event)`` returns the changes in order. It reads rows through
:class:`State` and touches nothing; the writer carries the changes out in the
event's own transaction, and ``decroche journal rebuild`` does so for all of them.
An event about a call that never arrived changes nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from . import kinds
from .blocked import fold_block
from .changes import UNTIL, Change, Changes, Row, State, busy
from .days import fold_day
from .events import Event
from .owed import fold_ledger, missed, not_missed, talked
from .promised import fold_callback
from .starting import fold_start
from .switched import fold_thrown

KEYS = {
    "calls": "call",
    "offers": "offer",
    "presence": "agent",
    "ledger": "caller",
    "callbacks": "caller",
    "messages": "call",
    "blocks": "caller",
    "days": "date",
    "starts": "agent",
    "switches": "place",
}
REJECTED = {"17", "21"}  # Q.850: user busy, call rejected
ELSEWHERE = "26"  # Q.850 non-selected user clearing: another phone was faster
PHONELESS = ("page", "coordinator", "command")  # in ``by``: said without a phone in hand
AT_ONCE = 1_000_000  # microseconds: a ring that ends with its call was cancelled by it


Fold = Callable[[State, Event, Row], Changes]


def fold(state: State, event: Event) -> Changes:
    """The changes that ``event`` makes to the projections."""
    if event.kind == kinds.ARRIVED:
        return _arrived(state, event)
    if event.kind in CALL_FOLDS:
        row = state.row("calls", event.call)
        return CALL_FOLDS[event.kind](state, event, row) if row else []
    if event.kind in AGENT_FOLDS:
        return AGENT_FOLDS[event.kind](state, event)
    if event.kind in kinds.LEDGER_KINDS:
        return fold_ledger(state, event)
    if event.kind in kinds.BACK_KINDS:
        return _back(state, event)
    if event.kind in kinds.BLOCK_KINDS:
        return fold_block(state, event)
    if event.kind in kinds.MESSAGE_KINDS:
        return _message(state, event)
    if event.kind in kinds.START_KINDS or event.kind == kinds.REMOVED:
        return fold_start(state, event)
    if event.kind == kinds.DAY_COUNTED:
        return fold_day(state, event)
    if event.kind in kinds.SWITCH:
        return fold_thrown(state, event)
    return []


def _message(state: State, event: Event) -> Changes:
    """A message that a caller left; their call has ended with it, and they are owed an answer."""
    row, call = state.row("messages", event.call), state.row("calls", event.call)
    if event.kind == kinds.LEFT:
        if row is not None or call is None:
            return []
        values = {"caller": call["caller"], "queue": event.body.get("queue"), "left": event.at}
        left = Change("messages", event.call, values | {"seconds": int(event.body["seconds"])})
        return [left, *_left_message(state, event, call)]
    if row is None:
        return []
    if event.kind == kinds.HEARD:
        values = {"heard": event.at, "heard_by": event.actor}
        return [Change("messages", event.call, values)] if row["heard"] is None else []
    return [Change("messages", event.call, {"removed": event.at})]


def _left_message(state: State, event: Event, call: Row) -> Changes:
    outcome = "message-left"
    changes = [Change("calls", event.call, {"dismissed": outcome})]
    if call["ended"] is None or call["answered"] is not None:
        return changes
    stage = "waiting" if call["queued"] else "greeting"
    values = {"outcome": outcome}
    missed_ = missed(state, event.call, {**call, **values}, call["ended"], stage)
    return [*changes, Change("calls", event.call, values), *missed_]


def _back(state: State, event: Event) -> Changes:
    """A promised call-back; that it is kept closes what is owed."""
    changes = fold_callback(state, event)
    if event.kind != kinds.BACK_KEPT:
        return changes
    row = state.row("callbacks", str(event.body["caller"]))
    agent = (row["taken_by"] if row else None) or event.actor
    return changes + talked(state, str(event.body["caller"]), event.at, agent)


def _arrived(state: State, event: Event) -> Changes:
    if state.row("calls", event.call):
        return []
    values = {
        "number": state.next_number(),
        "trunk": str(event.body.get("trunk", "")),
        "did": str(event.body.get("did", "")),
        "stage": "greeting",
        "since": event.at,
        "arrived": event.at,
    }
    return [Change("calls", event.call, values)]


def _known(state: State, event: Event, call: Row) -> Changes:
    caller = event.body.get("caller")
    changes = [Change("calls", event.call, {"caller": caller})]
    if caller and call["answered"] is not None:
        changes += talked(state, caller, call["answered"], call["agent"])
    elif caller and call["ended"] is not None:  # who it was is learnt after the end
        stage = "waiting" if call["queued"] else "greeting"
        changes += missed(state, event.call, {**call, "caller": caller}, call["ended"], stage)
    return changes


def _stage(event: Event, call: Row, stage: str, **values: Any) -> Change:
    """A step of the story; a call that has ended stays ended, but may have come further."""
    if call["ended"] is None:
        values = {"stage": stage, "since": event.at} | values
    elif stage in kinds.GAVE_UP and call["gave_up"] in kinds.GAVE_UP[: kinds.GAVE_UP.index(stage)]:
        values = {"gave_up": stage} | values
    return Change("calls", event.call, values)


def _in_order(row: Row, at: int, after: Sequence[str], before: Sequence[str] = ()) -> int:
    """``at``, moved so that the story goes forward: clocks are set, and two of them differ."""
    for name in before:
        if row[name] is not None and at > row[name]:
            at = row[name]
    for name in after:
        if row[name] is not None and at < row[name]:
            at = row[name]
    return int(at)


def _asked(state: State, event: Event, call: Row) -> Changes:
    return [_stage(event, call, "menu")]


def _chose(state: State, event: Event, call: Row) -> Changes:
    values = {"chosen": event.at, "choice": event.body.get("key"), "queue": event.body.get("queue")}
    return [Change("calls", event.call, values)]


def _queued(state: State, event: Event, call: Row) -> Changes:
    # An overflow goes on with the same wait.
    queued = call["queued"] or _in_order(call, event.at, ("arrived",), ("answered", "ended"))
    values = {"queue": event.body.get("queue"), "queued": queued}
    if call["stage"] in ("ringing", "talking"):
        return [Change("calls", event.call, values)]
    return [_stage(event, call, "waiting", since=queued, **values)]


def _fellback(state: State, event: Event, call: Row) -> Changes:
    # queue_log knows whole seconds
    queued = call["queued"] or _in_order(call, event.at, ("arrived",), ("answered", "ended"))
    values = {"fellback": 1, "queued": queued, "queue": event.body.get("queue") or call["queue"]}
    return [_stage(event, call, "waiting", since=queued, **values)]


def _rang(state: State, event: Event, call: Row) -> Changes:
    agent, offer = str(event.body["agent"]), str(event.body["offer"])
    ring = state.row("offers", offer)
    if ring is not None:  # its end, or its answer, was known first
        rang = _in_order(ring, event.at, (), ("answered", "ended"))
        return [Change("offers", offer, {"rang": rang})]
    offers = {"call": event.call, "agent": agent, "rang": event.at}
    changes = [Change("offers", offer, offers), busy(state, agent, "ringing", event)]
    if call["answered"] is None:
        changes.append(_stage(event, call, "ringing", agent=agent, rings=call["rings"] + 1))
    return changes


def _answered(state: State, event: Event, call: Row) -> Changes:
    answered = call["answered"] or event.at
    if "agent" not in event.body:  # half a year later: records/purge.py
        changes = [_stage(event, call, "talking", agent=None, answered=answered)]
        return changes + (talked(state, call["caller"], event.at, "") if call["caller"] else [])
    agent, offer = str(event.body["agent"]), str(event.body["offer"])
    values: dict[str, Any] = {"answered": event.at, "result": "answered"}
    ring = state.row("offers", offer)
    if ring is None:  # nobody saw it ring
        values |= {"call": event.call, "agent": agent, "rang": event.at}
    else:
        values["answered"] = _in_order(ring, event.at, ("rang",), ("ended",))
    at = _in_order(call, event.at, ("arrived", "queued"), ("ended",))
    changes = [
        Change("offers", offer, values),
        _stage(event, call, "talking", agent=agent, answered=call["answered"] or at),
    ]
    if ring is None or ring["ended"] is None:
        changes.append(busy(state, agent, "talking", event))
    else:  # the end of the talk was known first
        left = _in_order({"at": at}, ring["ended"], ("at",))
        changes.append(Change("calls", event.call, {"left": left}))
    if call["ended"] is not None:  # the end of the call was known first: they did talk
        changes.append(
            Change("calls", event.call, {"outcome": "answered", "missed": 0, "gave_up": None})
        )
    if call["caller"]:
        changes += talked(state, call["caller"], event.at, agent)
    return changes


def _offer_ended(state: State, event: Event, call: Row) -> Changes:
    agent, key = str(event.body["agent"]), str(event.body["offer"])
    offer = state.row("offers", key)
    if offer is None:  # nobody saw it ring; so it is not taken for one that rings still
        values = {"call": event.call, "agent": agent, "rang": event.at, "ended": event.at}
        return [Change("offers", key, values | {"result": _result(values, call, event)})]
    if offer["ended"] is not None:
        return []
    at = _in_order(offer, event.at, ("rang", "answered"))
    values = {"ended": at, "result": _result(offer, call, event)}
    changes = [Change("offers", key, values)]
    presence = state.row("presence", agent)
    if presence and presence["call"] == event.call:
        changes.append(busy(state, agent, "idle", event))
    if offer["answered"] is not None:
        left = _in_order(call, event.at, ("answered",))
        changes.append(Change("calls", event.call, {"left": left}))
    elif call["stage"] == "ringing":
        others = [
            o for o in state.offers_of(event.call) if o["ended"] is None and o["offer"] != key
        ]
        if not others:
            since = call["queued"] or event.at
            changes.append(_stage(event, call, "waiting", agent=None, since=since))
        elif call["agent"] == agent:
            changes.append(Change("calls", event.call, {"agent": others[0]["agent"]}))
    return changes


def _result(offer: Row, call: Row, event: Event) -> str:
    cause = str(event.body.get("cause", ""))
    if offer.get("answered") is not None:
        return "answered"
    if cause in REJECTED:
        return "rejected"
    if call["ended"] is not None:  # Asterisk may report the caller's end first
        return "cancelled"
    return "elsewhere" if cause == ELSEWHERE else "missed"


def _dismissed(state: State, event: Event, call: Row) -> Changes:
    values = {"dismissed": event.body.get("outcome")}
    changes = [Change("calls", event.call, values)]
    if call["outcome"] == "abandoned":  # the end was written down first, by another process
        values["outcome"] = values["dismissed"]
        if values["dismissed"] not in kinds.MISSED:
            changes += not_missed(state, event.call, call, event.at)
    return changes


def _ended(state: State, event: Event, call: Row) -> Changes:
    if call["ended"] is not None and call["outcome"] != "interrupted":
        return []
    outcome = event.body.get(
        "outcome"
    )  # "interrupted": found out later, until the true end is known
    if call["answered"] is not None:
        outcome = "answered"
    outcome = outcome or call["dismissed"] or "abandoned"
    stage = _gave_up(state, event, call)
    at = _in_order(call, event.at, ("arrived", "queued", "answered"))
    values = {"stage": "ended", "since": at, "ended": at, "outcome": outcome}
    if call["answered"] is None:
        values |= {"agent": None, "gave_up": stage}
    elif call["gave_up"]:  # it was taken for interrupted
        values["gave_up"] = None
    changes = [Change("calls", event.call, values)]
    changes += missed(state, event.call, {**call, **values}, event.at, stage)
    for offer in state.offers_of(event.call):
        changes += _close_offer(state, event, offer)
    return changes


def _gave_up(state: State, event: Event, call: Row) -> str:
    """The stage in which a call ends without a human: its last one.

    A phone that fell silent at the same moment still rang: Asterisk may report its end first.
    """
    stage = str(call["gave_up"] or call["stage"])
    if stage == "waiting" and any(_rang_until(event.at, o) for o in state.offers_of(event.call)):
        return "ringing"
    return stage


def _rang_until(at: int, offer: Row) -> bool:
    return (
        offer["ended"] is not None and offer["result"] == "missed" and at - offer["ended"] < AT_ONCE
    )


def _close_offer(state: State, event: Event, offer: Row) -> Changes:
    """What becomes of a ring when its call ends.

    1. One that ended together with the call was cancelled, not missed.
    2. One that is open has its own end still to come, unless the call was found to be
       gone (interrupted): then nobody saw its end, and the agent is idle.
    """
    if offer["ended"] is not None:
        if _rang_until(event.at, offer):
            return [Change("offers", offer["offer"], {"result": "cancelled"})]
        return []
    if event.body.get("outcome") != "interrupted":
        return []
    result = "answered" if offer["answered"] is not None else "cancelled"
    at = _in_order(offer, event.at, ("rang", "answered"))
    changes = [Change("offers", offer["offer"], {"ended": at, "result": result})]
    presence = state.row("presence", offer["agent"])
    if presence and presence["call"] == event.call:
        changes.append(busy(state, offer["agent"], "idle", event))
    return changes


def _declared(state: State, event: Event) -> Changes:
    """An end that was meant for another availability than the present one changes nothing."""
    until, by = event.body.get("until"), str(event.body.get("by", ""))
    values: dict[str, Any] = {"state": kinds.PRESENCE[event.kind], "since": event.at, "by": by}
    row = state.row("presence", event.actor)
    if row is None:
        values["stage_since"] = event.at  # a new agent is idle from now on
        if by in PHONELESS:
            values["reachable"] = 0  # until the recorder hears of a phone
    elif by == UNTIL and row["until"] != until:
        return []
    values["until"] = int(until) if until and event.kind == kinds.AVAILABLE else None
    if row is not None and row["state"] == values["state"]:
        more = {name: values[name] for name in ("until", "by") if row[name] != values[name]}
        return [Change("presence", event.actor, more)] if more else []
    return [Change("presence", event.actor, values | {"rest_until": 0})]


def _capped(state: State, event: Event) -> Changes:
    if state.row("presence", event.actor) is None:
        return []
    return [Change("presence", event.actor, {"capped_until": int(event.body["until"])})]


def _resting(state: State, event: Event) -> Changes:
    if state.row("presence", event.actor) is None:
        return []
    return [Change("presence", event.actor, {"rest_until": int(event.body["until"])})]


def _reachable(state: State, event: Event) -> Changes:
    values: dict[str, Any] = {"reachable": int(event.kind == kinds.REACHABLE)}
    if state.row("presence", event.actor) is None:
        values |= {"state": "away", "since": event.at, "stage_since": event.at}
    return [Change("presence", event.actor, values)]


CALL_FOLDS: dict[str, Fold] = {
    kinds.KNOWN: _known,
    kinds.ASKED: _asked,
    kinds.CHOSE: _chose,
    kinds.QUEUED: _queued,
    kinds.FELL_BACK: _fellback,
    kinds.RANG: _rang,
    kinds.ANSWERED: _answered,
    kinds.OFFER_ENDED: _offer_ended,
    kinds.DISMISSED: _dismissed,
    kinds.ENDED: _ended,
}
AGENT_FOLDS: dict[str, Callable[[State, Event], Changes]] = {
    kinds.AVAILABLE: _declared,
    kinds.PAUSED: _declared,
    kinds.AWAY: _declared,
    kinds.RESTING: _resting,
    kinds.CAPPED: _capped,
    kinds.REACHABLE: _reachable,
    kinds.UNREACHABLE: _reachable,
}
