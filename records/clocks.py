"""How long each kind of personal data is kept: the clocks, in days.

docs/privacy.md tells them to the person who answers for the data; a test compares the two.
"""

from .events import MICRO

DAY = 86_400 * MICRO
SLACK = 2  # days that a clock may be late before ``decroche privacy report`` complains

TOKEN = 30  # who called, after the call has ended; longer only while a call is owed
OWED = 90  # an entry of the ledger, after the last attempt; then it closes as "expired"
BLOCK, BLOCK_LONGEST = 30, 90  # a block ends by itself: unless told otherwise, and at most
HEARD, MESSAGES = 7, 30  # recordings of voicemail: after somebody listened, and at most
CALLS = 396  # a call, 13 months; then only the day's figures
AGENTS = 183  # what one agent did, 6 months
AUDIT = 366  # what was purged, rotated and forgotten, and what became of the machine, 12 months
ASTERISK = 7  # what Asterisk itself writes down
KEYS = 30  # the keys of tokens and numbers
INVITATIONS = 14  # personal links; the link itself is dead by then, too
ERASURES = 396  # which tokens were forgotten: as long as a backup could bring them back
REPLACED = 7  # what a restore has put aside, and damaged databases
BACKUPS = 183  # those in the line's own folder; only reported, never deleted


def before(at: int, days: int) -> int:
    """The instant ``days`` days before ``at``, both microseconds UTC."""
    return at - days * DAY
