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

AVAILABLE = "agent.available"  # by
PAUSED = "agent.paused"  # by
AWAY = "agent.away"  # by
RESTING = "agent.resting"  # until: microseconds, UTC
ADDED = "agent.added"
CHANGED = "agent.changed"  # other queues or another label
REMOVED = "agent.removed"
REACHABLE = "agent.reachable"
UNREACHABLE = "agent.unreachable"

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

LEFT = "message.left"  # queue, seconds
HEARD = "message.heard"  # by: page or phone
REMOVED_MESSAGE = "message.removed"  # reason

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
PEOPLE_KINDS = frozenset({ADDED, CHANGED, REMOVED})
PRESENCE = {AVAILABLE: "available", PAUSED: "paused", AWAY: "away"}
SWITCH = {LINE_CLOSED: "closed", LINE_SHORT: "short", LINE_OPENED: "open", LINE_AUTO: "auto"}
OUTCOMES = (
    "answered",
    "abandoned",
    "closed",
    "refused-empty",
    "overflow",
    "callback-promised",
    "message-left",
    "interrupted",
)
MISSED = frozenset(  # reached nobody yet
    set(OUTCOMES) - {"answered", "closed"}
)
LEDGER_KINDS = frozenset(kind for kind in KINDS if kind.startswith("ledger."))
MESSAGE_KINDS = frozenset(kind for kind in KINDS if kind.startswith("message."))
BACK_KINDS = frozenset(kind for kind in KINDS if kind.startswith("callback."))
DISMISSALS = ("closed", "refused-empty", "overflow", "callback-promised")
GAVE_UP = ("greeting", "menu", "waiting", "ringing")  # how far a call without a human may come
