"""Every kind of journal event, in the order of a call's life.

docs/journal.md describes the bodies; a test compares the two lists.
"""

ARRIVED = "call.arrived"  # trunk, did
KNOWN = "call.known"  # caller: the token of the number; absent when it is withheld
ASKED = "call.asked"  # the menu is said
CHOSE = "call.chose"  # key, queue
QUEUED = "call.queued"  # queue; again when it overflows into another
RANG = "offer.rang"  # agent, offer
ANSWERED = "call.answered"  # agent, offer
OFFER_ENDED = "offer.ended"  # agent, offer, cause (Q.850)
DISMISSED = "call.dismissed"  # outcome: why the line itself ends the call
FELL_BACK = "call.fellback"  # why: the flow did not finish, Asterisk's Queue() takes over
ENDED = "call.ended"  # cause (Q.850)

AVAILABLE = "agent.available"  # by, until: it ends by itself then
PAUSED = "agent.paused"  # by
AWAY = "agent.away"  # by; until: the availability that this ends
CAPPED = "agent.capped"  # until: microseconds, UTC; why: calls or minutes
RESTING = "agent.resting"  # until: microseconds, UTC
ADDED = "agent.added"
CHANGED = "agent.changed"  # other queues or another label
REMOVED = "agent.removed"
REACHABLE = "agent.reachable"
UNREACHABLE = "agent.unreachable"
DISABLED = "agent.disabled"  # does not ring, may not sign in; stays in the record
ENABLED = "agent.enabled"
INVITED = "agent.invited"  # by, until: microseconds, UTC: a personal link was made
JOINED = "agent.joined"  # chose a password for the page
ACCEPTED = "agent.accepted"  # charter: SHA-256 of the text
REKEYED = "agent.rekeyed"  # by: the phone has another password
ECHOED = "agent.echoed"  # by: made the echo call that tests the headset
CONFIRMED = "agent.confirmed"  # by: heard themselves in it

LINE_CLOSED = "line.closed"  # by hand: queue, until, text, sound, clears
LINE_SHORT = "line.short"  # of staff: queue, until, text, sound
LINE_OPENED = "line.opened"  # queue, until
LINE_AUTO = "line.auto"  # queue: as the hours say again

PBX_CONNECTED = "pbx.connected"  # boot
PBX_LOST = "pbx.lost"  # reason

OWED_CLAIMED = "ledger.claimed"  # caller, until: microseconds, UTC
OWED_RELEASED = "ledger.released"  # caller
OWED_TRIED = "ledger.tried"  # caller: called, and nobody answered
OWED_CLOSED = "ledger.closed"  # caller, reason
OWED_REOPENED = "ledger.reopened"  # caller, until: it was closed by mistake

PROMISED = "callback.promised"  # caller, queue, trunk, did, since, due, tries, pause ...
BACK_RANG = "callback.rang"  # caller, agent: an agent's phone rings for it
BACK_DIALLED = "callback.dialled"  # caller: the agent is there, the caller's phone is dialled
BACK_KEPT = "callback.kept"  # caller: the two talk
BACK_LEFT = "callback.left"  # caller, side (agent or caller), cause (Q.850)
BACK_LOST = "callback.lost"  # caller: Asterisk no longer has it
BACK_CANCELLED = "callback.cancelled"  # caller, reason

SHIFT_ADDED = "shift.added"  # shift
SHIFT_CHANGED = "shift.changed"  # shift: other hours, or another number of people
SHIFT_REMOVED = "shift.removed"  # shift, date: from then on
SHIFT_CANCELLED = "shift.cancelled"  # shift, date
SHIFT_RESTORED = "shift.restored"  # shift, date
SIGNED_UP = "shift.joined"  # shift, date, weekly: from then on, every week
WITHDRAWN = "shift.withdrawn"  # shift, date, weekly
FEED_RENEWED = "feed.renewed"  # of the actor; of the team without one
FEED_REVOKED = "feed.revoked"
BLOCKED = "caller.blocked"  # caller, until: microseconds, UTC; reason
UNBLOCKED = "caller.unblocked"  # caller, reason: by-hand, or rotated

LEFT = "message.left"  # queue, seconds
HEARD = "message.heard"  # by: page or phone
REMOVED_MESSAGE = "message.removed"  # reason

PROMPT_RECORDED = "prompt.recorded"  # prompt, by, seconds: a sentence has another recording
PROMPT_DRAFTED = "prompt.drafted"  # prompt, by: its recording was put aside for a draft
PROMPT_RESTORED = "prompt.restored"  # prompt, by: what was heard before is heard again

DAY_COUNTED = "day.counted"  # date, last, cells, callers: what stays when its calls are deleted

PURGED = "privacy.purged"  # what each clock took: a number for each
ROTATED = "privacy.rotated"  # moved: callers who are owed a call, and have a new token
FORGOT = "privacy.forgot"  # nothing more

GAP = "record.gap"  # since, until, events, calls: read on after nobody had listened
SALVAGED = "record.salvaged"  # file, revived, lost: the database was damaged and is a new one

KINDS = frozenset(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)
CALL_KINDS = frozenset(kind for kind in KINDS if kind.startswith(("call.", "offer.")))
PEOPLE_KINDS = frozenset({ADDED, CHANGED, REMOVED, DISABLED, ENABLED})
PHONE_KINDS = frozenset({REKEYED, DISABLED, ENABLED})  # put in force without an apply
START_KINDS = frozenset({INVITED, JOINED, ACCEPTED, REKEYED, ECHOED, CONFIRMED})
PRESENCE = {AVAILABLE: "available", PAUSED: "paused", AWAY: "away"}
SWITCH = {LINE_CLOSED: "closed", LINE_SHORT: "short", LINE_OPENED: "open", LINE_AUTO: "auto"}
OUTCOMES = (
    "answered",
    "abandoned",
    "closed",
    "refused-empty",
    "overflow",
    "full",
    "limited",
    "callback-promised",
    "message-left",
    "interrupted",
)
MISSED = frozenset(  # reached nobody yet
    set(OUTCOMES) - {"answered", "closed", "limited"}
)
LEDGER_KINDS = frozenset(kind for kind in KINDS if kind.startswith("ledger."))
SHIFT_KINDS = frozenset(kind for kind in KINDS if kind.startswith("shift."))
MESSAGE_KINDS = frozenset(kind for kind in KINDS if kind.startswith("message."))
PROMPT_KINDS = frozenset(kind for kind in KINDS if kind.startswith("prompt."))
BLOCK_KINDS = frozenset({BLOCKED, UNBLOCKED})
BACK_KINDS = frozenset(kind for kind in KINDS if kind.startswith("callback."))
DISMISSALS = ("closed", "refused-empty", "overflow", "full", "limited", "callback-promised")
GAVE_UP = ("greeting", "menu", "waiting", "ringing")  # how far a call without a human may come
