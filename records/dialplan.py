"""The names on which the flows (agi/) and Asterisk's files (asterisk/templates/) agree.

docs/dialplan.md lists them; a test compares the two.
"""

from . import kinds

OK = "DECROCHE_OK"  # the flow's last act sets it to 1: the call is done, hang up
QUEUE = "DECROCHE_QUEUE"  # where the fallback puts the caller

# A key that no phone has (RFC 4733 event 15): the flows end a sentence with it over AMI.
STOP = "D"

TRUNK = "trunk-"  # prefix of a trunk's endpoint; no agent's name may begin so
CALLERS = "callers"  # context of the line itself
TALK = "talk"  # context that runs on an agent's phone when it answers (Dial's U)
AGENTS = "agents"  # context of the agents' phones: feature codes only

FEATURES = {"*11": "available", "*12": "paused", "*10": "away"}

# CELGenUserEvent's name is the kind of the journal event; its text is words in this order.
NOTES: dict[str, tuple[str, ...]] = {
    kinds.KNOWN: ("caller",),
    kinds.ASKED: (),
    kinds.CHOSE: ("key", "queue"),
    kinds.QUEUED: ("queue",),
    kinds.DISMISSED: ("outcome",),
    kinds.FELL_BACK: ("queue",),
}
