"""Who waits and who may answer: the values that the switchboard decides on.

Instants are microseconds UTC, lengths of time microseconds.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who waits. ``since`` is when the wait began; ``back``: a promised call-back.

    ``agent``: who is asked for, by a promise, or because they helped last time.
    """

    call: str
    queue: str
    since: int
    back: bool = False
    agent: str = ""
    anyone_at: int = 0  # from when on others may be rung
    only: bool = False  # nobody else, ever
    never: frozenset[str] = frozenset()  # agents who have made their calls of the day
    skills: frozenset[str] = frozenset()  # asked for beside those of the queue
    credit: int = 0  # counts in the order as so much longer waited
    token: str = ""  # of their number; empty when withheld
    widens: int = 0  # from when on the wait for further agents counts; 0: since


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of an agent at most; 0 is no limit."""

    calls: int = 0  # a day
    talk: int = 0  # a day
    long_call: int = 0  # from when on a call is long
    rest: int = 0  # after a long one


NONE = Limits()


@dataclass(slots=True)
class Agent:
    """Somebody who may be rung. ``positions``: queue -> order of the strategy "in-order"."""

    name: str
    positions: dict[str, int] = field(default_factory=dict)
    available: bool = False  # declared
    reachable: bool = True  # the phone is registered
    device_busy: bool = False  # Asterisk says that the phone is in use or ringing
    offer: str = ""  # the call that rings or talks through us
    talked: bool = False  # that call was answered, as far as the phone's state tells
    rest_until: int = 0
    idle_since: int = 0
    offered: int = 0  # when rung last
    calls: int = 0  # answered today
    was_back: bool = False  # the last call was a promised call-back
    skills: frozenset[str] = frozenset()
    tiers: dict[str, int] = field(default_factory=dict)  # queue -> tier; not named: 0
    limits: Limits = NONE
    talk: int = 0  # today
    talk_since: int = 0  # when the present talk began, as far as it is known
    missed: int = 0  # rings in a row that nobody answered
    wants_again: bool = False  # takes calls of who they have helped before

    @property
    def capped(self) -> str:
        """Which limit of the day is reached ("calls" or "minutes"); empty when none is."""
        limits = self.limits
        if limits is NONE:
            return ""
        if limits.calls and self.calls >= limits.calls:
            return "calls"
        return "minutes" if limits.talk and self.talk >= limits.talk else ""

    @property
    def there(self) -> bool:
        """Whether this agent could take a call, now or after the present one."""
        return self.available and self.reachable and not self.capped

    def free(self, now: int) -> bool:
        if not self.available or self.offer or self.device_busy or self.rest_until > now:
            return False
        return self.reachable and not self.capped

    @property
    def at_hand(self) -> bool:
        """Whether the phone could ring, whatever its owner has declared."""
        return self.reachable and not self.device_busy and not self.offer


@dataclass(frozen=True, slots=True)
class Offer:
    """Ring these agents, all at once, for this caller."""

    call: str
    queue: str
    agents: tuple[str, ...]
    ring_time: int
