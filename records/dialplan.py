"""The names on which the flows (agi/) and Asterisk's files (asterisk/templates/) agree.

docs/dialplan.md lists them; a test compares the two.
"""

from collections.abc import Sequence

from . import kinds

OK = "DECROCHE_OK"  # the flow's last act sets it to 1: the call is done, hang up
QUEUE = "DECROCHE_QUEUE"  # where the fallback puts the caller

# A key that no phone has (RFC 4733 event 15): the flows end a sentence with it over AMI.
STOP = "D"

SWITCHES = "decroche-switch"  # family of Asterisk's database: what it knows of the switch

TRUNK = "trunk-"  # prefix of a trunk's endpoint; no agent's name may begin so
CALLERS = "callers"  # context of the line itself
TALK = "talk"  # context that runs on an agent's phone when it answers (Dial's U)
BACK = "callback"  # context of an agent who has picked up for a promised call-back
AGENTS = "agents"  # context of the agents' phones: feature codes only

FEATURES = {"*11": "available", "*12": "paused", "*10": "away"}

MESSAGES = "*13"  # what an agent's phone dials to hear messages

# What a flow or the dialplan says of a call: the kind of the journal event, and the words of its
# body in this order. In the channel event log (CELGenUserEvent) the kind is the event's name.
NOTES: dict[str, tuple[str, ...]] = {
    kinds.KNOWN: ("caller",),
    kinds.ASKED: (),
    kinds.CHOSE: ("key", "queue"),
    kinds.QUEUED: ("queue",),
    kinds.DISMISSED: ("outcome",),
    kinds.FELL_BACK: ("queue",),
}

# In the same log, only from the fallback: the caller's number, encrypted (AES_ENCRYPT, base64).
SEALED = "call.sealed"


def body_of(kind: str, words: Sequence[str]) -> dict[str, str]:
    """The body of a journal event of ``NOTES``, from its words."""
    return dict(zip(NOTES[kind], words, strict=False))
