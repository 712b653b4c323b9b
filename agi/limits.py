"""Who is not let in: callers who are blocked, and numbers that are over their limits.

Everything is in memory, so that a call costs no look into the database: fed from the calls of
the last day when the service starts, then from the journal.

1. A number has at most ``at_once`` calls up at the same time.
2. It has at most ``per_hour`` conversations within an hour, and ``per_day`` within 24. Only calls
   that an agent has answered count: whoever reached nobody may try as often as they like.
3. Callers who withhold their number are one crowd, and never limited together unless
   ``withheld_at_once`` says so.

Whatever is not known (a call that Asterisk's own queue has taken, calls that were up when the
service started) does not count: it fails towards a human. Instants: microseconds UTC.
"""

import sqlite3
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping

from ..hotline import Limits
from ..records.events import MICRO, now

HOUR, DAY = 3600 * MICRO, 86_400 * MICRO
REMEMBERED = 10_000  # calls of which is known who called: an answer is read a moment later
ANSWERED = """SELECT caller, answered FROM calls
    WHERE answered >= ? AND arrived >= ? AND caller <> '' ORDER BY answered"""
MANY = 1_000  # callers, before what is old is looked for
LONGEST = 12 * HOUR  # of a call


def answers(connection: sqlite3.Connection, at: int) -> list[tuple[str, int]]:
    """(caller, instant) of every conversation that began within the day before ``at``."""
    rows = connection.execute(ANSWERED, (at - DAY, at - DAY - LONGEST))
    return [(row["caller"], row["answered"]) for row in rows]


class Gate:
    """Counts the calls and conversations of each number. An empty caller is a withheld one."""

    def __init__(self, clock: Callable[[], int] = now) -> None:
        self._clock = clock
        self._blocked: Mapping[str, int] = {}
        self._up: dict[str, str] = {}  # call -> caller
        self._at_once: Counter[str] = Counter()  # of the same, by caller
        self._unanswered: OrderedDict[str, str] = OrderedDict()  # call -> caller
        self._talks: dict[str, deque[int]] = {}  # caller -> when somebody answered them
        self._many = MANY

    def block(self, blocked: Mapping[str, int]) -> None:
        """Who is blocked from now on: token -> until."""
        self._blocked = blocked

    def recall(self, answers: Iterable[tuple[str, int]]) -> None:
        """What was before the service started; see :func:`answers`."""
        for caller, at in answers:
            self._talks.setdefault(caller, deque()).append(at)

    def enter(self, call: str, caller: str, rules: Limits | None) -> str:
        """A call arrives: the prompt that it is refused with, or empty, and then it counts."""
        if self._blocked.get(caller, 0) > self._clock():
            return "blocked"
        if rules is not None and (refusal := self._refusal(caller, rules)):
            return refusal
        self._up[call] = self._unanswered[call] = caller
        self._at_once[caller] += 1
        if len(self._unanswered) > REMEMBERED:
            self._unanswered.popitem(last=False)
        return ""

    def leave(self, call: str) -> None:
        """A call is over, or none of ours any more; one that was refused never counted."""
        caller = self._up.pop(call, None)
        if caller is not None:
            self._at_once[caller] -= 1
            if not self._at_once[caller]:
                del self._at_once[caller]

    def answered(self, call: str, at: int) -> None:
        """An agent talks to whoever made this call; the same fact may come twice."""
        if caller := self._unanswered.pop(call, ""):
            self._talks.setdefault(caller, deque()).append(at)
            if len(self._talks) > self._many:
                self._tidy()

    def _tidy(self) -> None:
        """Forget those of more than a day ago, each time there are twice as many callers."""
        before = self._clock() - DAY
        for caller, talks in list(self._talks.items()):
            while talks and talks[0] <= before:
                talks.popleft()
            if not talks:
                del self._talks[caller]
        self._many = 2 * len(self._talks) + MANY

    def _refusal(self, caller: str, rules: Limits) -> str:
        if not caller:
            most = rules.withheld_at_once
            return "limit-at-once" if most and self._at_once[""] >= most else ""
        if self._at_once[caller] >= rules.at_once:
            return "limit-at-once"
        at = self._clock()
        talks = self._talks.get(caller, ())
        if sum(talk > at - DAY for talk in talks) >= rules.per_day:
            return "limit-often"
        return "limit-often" if sum(talk > at - HOUR for talk in talks) >= rules.per_hour else ""
