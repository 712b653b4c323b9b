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

# An agent's phone has a name: NAME is their SIP phone, NAME@outside a mobile or a landline of
# theirs, which a trunk calls: behind it is a Local channel that answers when they have pressed 1.
OUTSIDE = "outside"  # context of the agents who are called so; one extension for each
HELD = "outside-held"  # context of the Local channel while whoever picked up is asked
ASK = "outside-ask"  # context of whoever picked up
NOWHERE = "nowhere"  # context of that endpoint: there is none, so nobody can call in over it
LEG = "outside."  # prefix of the endpoint that such calls leave over; no agent's name has a dot
RING = "DECROCHE_RING"  # for how many seconds such a phone rings
CONFIRM = 16  # seconds at most from the pick-up to the 1: the question twice, and 3 seconds each

FEATURES = {"*11": "available", "*12": "paused", "*10": "away"}

FREE = "free"  # available for so many minutes: FREE alone asks how many
FREE_KEYS = {"1": 10, "2": 20, "4": 40, "6": 60}
FREE_CODES = {"*14": FREE} | {f"*14{n}": f"{FREE}-{n}" for n in FREE_KEYS.values()}

MESSAGES = "*13"  # what an agent's phone dials to hear messages
RECORD = "*15"  # and a sentence's number: to record it
ECHO = "*16"  # ... to hear itself: the test of a headset
ECHO_SECONDS = 30  # as long as that test may last
BLOCK = "*17"  # ... and to block whoever has just talked to them

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


def phone_of(agent: str, outside: bool) -> str:
    """The name of the phone on which an agent is rung."""
    return f"{agent}@{OUTSIDE}" if outside else agent


def device_of(phone: str) -> str:
    """What Asterisk dials to ring a phone."""
    return f"Local/{phone}/n" if "@" in phone else f"PJSIP/{phone}"


def body_of(kind: str, words: Sequence[str]) -> dict[str, str]:
    """The body of a journal event of ``NOTES``, from its words."""
    return dict(zip(NOTES[kind], words, strict=False))
