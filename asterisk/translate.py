"""From Asterisk's channel event log (CEL) to journal events: a pure function.

The same records come live over AMI (event ``CEL``) and from the SQLite file
that Asterisk writes (catch-up): same translation, same ids. A channel's name
tells who it is: ``PJSIP/trunk-NAME-...`` calls us, ``PJSIP/AGENT-...`` is rung, and so is
``Local/AGENT@outside-...;1``, behind which a trunk calls their own phone: it answers when they
have pressed 1. Its other half and the trunk's channel (``PJSIP/outside.NAME-...``) say nothing.
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from ..records import dialplan, kinds
from ..records.events import MICRO, Event, of_call
from ..records.promised import AGENT, CALLER, CHANNEL, of_attempt

WORD = re.compile(r"[A-Za-z0-9_*#-]{1,64}")
HANGUP_CAUSE = re.compile(r"\d{1,3}")


@dataclass(frozen=True, slots=True)
class Record:
    """One CEL record. ``at``: microseconds UTC; ``extra``: Asterisk's JSON or empty."""

    event: str
    at: int
    channel: str
    unique: str
    linked: str
    exten: str
    extra: str


def from_ami(packet: dict[str, str]) -> Record:
    """A ``CEL`` event of AMI. Needs ``timestampevents=yes``: EventTime has whole seconds only.

    :raises KeyError: a header is missing. :raises ValueError: a bad time.
    """
    return Record(
        event=packet["EventName"],
        at=round(float(packet["Timestamp"]) * MICRO),
        channel=packet["Channel"],
        unique=packet["UniqueID"],
        linked=packet["LinkedID"],
        exten=packet.get("Exten", ""),
        extra=packet.get("Extra", ""),
    )


def translate(record: Record, agents: frozenset[str]) -> Event | None:
    """The journal event that a record means, or None when it means nothing to us.

    :param agents: the names that we know; a channel of anybody else says nothing.
    """
    endpoint = _endpoint(record.channel)
    if CHANNEL.fullmatch(record.linked):
        return _call_back(record, endpoint)
    if endpoint.startswith(dialplan.TRUNK):
        return _caller(record, endpoint) if is_callers(record) else None
    if endpoint in agents and record.unique != record.linked:
        return _agent(record, endpoint)
    return None


def is_callers(record: Record) -> bool:
    """Whether a record is about somebody who calls us, and not about a phone that is rung."""
    trunk = _endpoint(record.channel).startswith(dialplan.TRUNK)
    return trunk and record.unique == record.linked


def extra_of(record: Record) -> str:
    """The text of a CELGenUserEvent, as it came."""
    return str(_extra(record).get("extra", ""))


def _caller(record: Record, endpoint: str) -> Event | None:
    if record.event == "CHAN_START":
        body = {"trunk": endpoint.removeprefix(dialplan.TRUNK), "did": record.exten}
        return _event(record, kinds.ARRIVED, body)
    if record.event == "HANGUP":
        return _event(record, kinds.ENDED, {"cause": _cause(record)})
    if record.event not in dialplan.NOTES:
        return None
    words = _words(record)
    return _event(record, record.event, dialplan.body_of(record.event, words), *words)


def _agent(record: Record, agent: str) -> Event | None:
    body = {"agent": agent, "offer": record.unique}
    match record.event:
        case "CHAN_START":
            return _event(record, kinds.RANG, body)
        case "BRIDGE_ENTER":
            return _event(record, kinds.ANSWERED, body)
        case "HANGUP":
            return _event(record, kinds.OFFER_ENDED, body | {"cause": _cause(record)})
    return None


def _call_back(record: Record, endpoint: str) -> Event | None:
    """Of a call of our own: the agent's phone rang first, then the caller's was dialled."""
    agents = record.unique == record.linked
    if not endpoint or endpoint.startswith(dialplan.LEG):
        return None  # on the way to an agent's own phone
    agent = {"agent": endpoint} if agents else {}
    if record.event == "HANGUP":
        body = {"side": AGENT if agents else CALLER, "cause": _cause(record)}
        return of_attempt(record.linked, kinds.BACK_LEFT, record.at, **body, **agent)
    steps = {("CHAN_START", True): kinds.BACK_RANG, ("CHAN_START", False): kinds.BACK_DIALLED}
    steps[("BRIDGE_ENTER", False)] = kinds.BACK_KEPT
    kind = steps.get((record.event, agents))
    return of_attempt(record.linked, kind, record.at, **agent) if kind else None


def _event(record: Record, kind: str, body: dict[str, Any], *words: str) -> Event:
    """Kinds happen once for a channel, or once for the same words (a choice, a queue)."""
    return of_call(record.linked, record.unique, kind, record.at, body, *words)


def _endpoint(channel: str) -> str:
    technology, _, rest = channel.partition("/")
    if technology == "Local" and channel.endswith(";1"):
        name, _, context = rest.rpartition("-")[0].partition("@")
        return name if context == dialplan.OUTSIDE else ""
    return rest.rpartition("-")[0] if technology == "PJSIP" else ""


def _extra(record: Record) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(record.extra or "{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(record: Record) -> list[str]:
    """The words of CELGenUserEvent; anything that no flow of ours says is dropped."""
    words = extra_of(record).split(" ")
    return words if all(map(WORD.fullmatch, words)) else []


def _cause(record: Record) -> str:
    cause = str(_extra(record).get("hangupcause", ""))
    return cause if HANGUP_CAUSE.fullmatch(cause) else ""
