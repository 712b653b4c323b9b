"""Every number and name of the page that somebody may want to know or change."""

# The cookie of a session. Browsers accept the prefix __Host- only with Secure, so plain
# http on loopback has a name of its own: see sessions.py and docs/board.md.
COOKIE = "decroche"
SECURE_COOKIE = "__Host-decroche"
LANGUAGE_COOKIE = "decroche-language"  # a preference, read before anybody has signed in
SESSION_SECONDS = 14 * 86400
CODE_SECONDS = 86400  # life of a one-time code

PASSWORD_MIN = 10  # characters
PASSWORD_MAX = 200
NAME_MAX = 60

TRIES_PER_NAME = 5  # wrong passwords in TRY_SECONDS before a name has to wait
TRIES_PER_ADDRESS = 30
TRY_SECONDS = 300
TRIES_KEPT = 4096  # names and addresses remembered, the oldest forgotten first
HASHES_AT_ONCE = 2  # each takes 64 MiB for a moment

BODY_MAX = 64 * 1024  # bytes of a form

PAUSE = 0.1  # seconds between two patches of a burst; a single event goes out at once
PAUSE_COSTS = 4  # a patch that took long is followed by a pause this many times longer
DAY_COSTS = 50  # the day is counted again when this many times the last count's cost is over
LOOK = 0.25  # seconds between two looks at the clock, at trouble, at revoked sessions
REREAD = 10.0  # seconds after which everything is read again: people, configuration
HEARTBEAT = 15.0  # seconds between two comments on a quiet stream
RESTART = 1.0  # seconds after which a live board that failed starts again
RETRY = 1000  # milliseconds after which a browser connects again
UNSENT_MAX = 1 << 20  # bytes that may wait for a follower; a slower one is dropped
FOLLOWERS_MAX = 2000

CALLS_SHOWN = 12  # rows before "tout voir"
SLOT_MINUTES = 30  # width of a bar of today's chart
DAY_HOURS = (8, 20)  # what the chart shows of a line without opening hours
