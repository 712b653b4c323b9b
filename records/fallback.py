"""What is heard when a sentence has no sound file at all: sounds that Asterisk brings along.

``prepare`` of asterisk/prompts.py copies them where there is no voice; a flow that finds no file
says them by their name (agi/call.py). Never silence.
"""

FALLBACK = {
    "greeting": "beep",
    "information": "beep",
    "menu": "beep",
    "menu-first": "beep",
    "menu-again": "beep",
    "menu-last": "beep",
    "wrong-key": "please-try-again",
    "wait": "queue-thankyou",
    "still": "queue-thankyou",
    "closed": "vm-goodbye",
    "nobody": "vm-nobodyavail",
    "too-long": "vm-nobodyavail",
    "available": "agent-loginok",
    "paused": "beep",
    "away": "agent-loggedoff",
    "failed": "please-try-again",
    "free": "beep",
    "free-10": "agent-loginok",
    "free-20": "agent-loginok",
    "free-40": "agent-loginok",
    "free-60": "agent-loginok",
    "missed-pause": "beep",
    "quota": "beep",
    "queue-closed": "vm-goodbye",
    "short": "vm-nobodyavail",
    "callback-later": "beep",
    "callback-short": "beep",
    "voicemail-later": "vm-intro",
    "voicemail-short": "beep",
    "full": "vm-nobodyavail",
    "blocked": "vm-goodbye",
    "limit-at-once": "vm-goodbye",
    "limit-often": "vm-goodbye",
    "callback-full": "beep",
    "outside-call": "beep",
    "block-done": "beep",
    "block-nobody": "beep",
    "echo": "demo-echotest",
    "echo-done": "vm-goodbye",
    "callback-offer": "beep",
    "callback-closed": "vm-goodbye",
    "callback-promised": "vm-goodbye",
    "callback-failed": "one-moment-please",
    "callback-impossible": "one-moment-please",
    "callback-agent": "beep",
    "callback-unanswered": "vm-nobodyavail",
    "voicemail-closed": "vm-intro",
    "voicemail-nobody": "vm-intro",
    "voicemail-noted": "vm-goodbye",
    "voicemail-none": "vm-nomore",
    "voicemail-next": "beep",
    "voicemail-done": "vm-nomore",
    "record-now": "beep",
    "record-speak": "vm-intro",
    "record-poor": "vm-tooshort",
    "record-choice": "vm-review",
    "record-kept": "vm-msgsaved",
}
BEEP = "beep"


def core_sound(prompt: str) -> str:
    """The name of Asterisk's own sound that stands for a sentence."""
    return FALLBACK.get(prompt, BEEP)
