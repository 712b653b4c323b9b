"""``decroche drill``: every fault at every moment of a call, on a line of its own.

One drill: 1. people come into the moment; 2. the fault; 3. meanwhile one more calls and
gives up; 4. it is healed, and the seconds count until the record is whole and somebody is
answered; 5. everybody hangs up; 6. the record is compared with Asterisk's own.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..records import kinds
from ..records.signals import as_interrupt
from . import line as lines
from .control import NotRunning
from .drill_line import AGENTS, PAUSE, SILENT, DrillError, DrillLine, Talker, until
from .drill_record import Lost, compare
from .faults import Fault
from .pbx import StartError
from .release import Release

MOMENTS = ("idle", "ringing", "talking", "waiting")
COME, SYNC, QUIET = 15.0, 30.0, 10.0  # seconds: to come into a moment, to be whole again, to end
BRIEF = 0.8  # seconds that somebody stays who calls during the fault
Told = Callable[[str], None]


@dataclass
class Result:
    """What one drill found. ``seconds``: from the end of the fault to a whole record."""

    fault: str
    moment: str
    calls: int = 0
    calls_lost: int = 0
    events_lost: int = 0
    seconds: float | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.calls_lost or self.events_lost or self.wrong)


def sentence(result: Result) -> str:
    """How one drill went, on a line of its own."""
    if result.good:
        return f"  nothing lost in {result.calls} calls; whole again in {result.seconds or 0:.1f} s"
    return "  " + "; ".join(["LOST", *result.wrong])


def as_row(result: Result, whole: bool) -> dict[str, object]:
    """A row of the table at the end. :param whole: with all that was wrong, for a program."""
    seconds = None if result.seconds is None else round(result.seconds, 1)
    row: dict[str, object] = {
        "fault": result.fault,
        "moment": result.moment,
        "calls": result.calls,
        "calls_lost": result.calls_lost,
        "events_lost": result.events_lost,
        "seconds_to_sync": seconds,
    }
    if whole:
        return row | {"wrong": result.wrong}
    return row | {"seconds_to_sync": "-" if seconds is None else seconds}


def run(
    release: Release, faults: Sequence[Fault], moments: Sequence[str], tell: Told
) -> Iterator[Result]:
    """Run the drills one after the other; a line that a drill has broken is replaced.

    :raises DrillError, StartError: no line can be made.
    """
    todo = [(fault, moment) for fault in faults for moment in moments]
    while todo:
        tell("making a line for the drills")
        with as_interrupt(), DrillLine(release) as line:
            while todo:
                fault, moment = todo.pop(0)
                tell(f"{fault.name}, {moment}")
                result = drill(line, fault, moment)
                yield result
                if not result.good:
                    break


def drill(line: DrillLine, fault: Fault, moment: str) -> Result:
    """One drill; the line is idle before and after it."""
    result = Result(fault.name, moment)
    try:
        Drill(line, fault, moment, result).run()
    except (DrillError, NotRunning, StartError, TimeoutError, sqlite3.Error) as error:
        result.wrong.append(str(error))
    return result


class Drill:
    """One fault at one moment."""

    def __init__(self, line: DrillLine, fault: Fault, moment: str, result: Result) -> None:
        self._line = line
        self._fault = fault
        self._moment = moment
        self._result = result
        self._known: set[str] = set()  # ids that were in the journal: acknowledged
        self._cut: set[str] = set()  # unique ids of channels that ended in the fault
        self._before = len(self._line.truth().calls)

    def run(self) -> None:
        line, fault = self._line, self._fault
        fault.before(line)
        if fault.whole_story:
            fault.inject(line)
        self._come()
        held = self._held()
        self._acknowledge()
        if not fault.whole_story:
            fault.inject(line)
        if not fault.deaf:
            self._call_briefly()
        self._acknowledge()
        self._require(held, "when the fault ended")
        if fault.whole_story or fault.kills_calls:
            line.hang_up()
            until(lambda: not line.talkers(), QUIET, "everybody to hang up")
        fault.heal(line)
        healed = time.monotonic()
        self._answer_next()
        if self._until_whole():
            self._result.seconds = time.monotonic() - healed
        if not (fault.whole_story or fault.kills_calls):
            self._require(held, "when all was well again")
        self._leave()
        self._judge()

    # The moments.

    def _come(self) -> None:
        """Bring the line into the moment, as the street sees it."""
        line, moment, queued = self._line, self._moment, self._queued()
        there = {"ringing": ["cleo"]}.get(moment, ["ana", "bob"])
        line.declare(kinds.AWAY, *[agent for agent in AGENTS if agent not in there])
        line.declare(kinds.AVAILABLE, *there)
        until(lambda: self._roster() == set(there), COME, "the roster to follow")
        if moment == "ringing":
            line.call()
            until(lambda: line.phones(up=False), COME, "a phone to ring")
        elif moment in ("talking", "waiting"):
            for number in (1, 2):
                line.call()
                until(lambda n=number: len(line.phones(up=True)) == n, COME, f"{number} to talk")  # type: ignore[misc]
        if moment == "waiting":
            for _ in range(3):
                line.call()
            until(lambda: self._queued() == queued + 5, COME, "three to wait")
        until(self._caught_up, COME, "the moment to be in the record")

    def _queued(self) -> int:
        sql = "SELECT count(*) AS n FROM journal WHERE kind = ?"
        return int(str(self._line.rows(sql, kinds.QUEUED)[0]["n"]))

    def _caught_up(self) -> bool:
        return self._fault.whole_story or not self._lost()

    def _roster(self) -> set[str]:
        """The members of Asterisk's own queue."""
        text = self._line.pbx.ask("queue show")
        return {line.split()[0] for line in text.splitlines() if "(dynamic)" in line}

    def _held(self) -> list[Talker]:
        """Whom the fault must not touch: all callers, and the phones that talk."""
        return [] if self._fault.kills_calls else [*self._line.callers(), *self._line.phones(True)]

    def _require(self, held: Sequence[Talker], when: str) -> None:
        there = {talker.unique for talker in self._line.talkers()}
        cut = [talker for talker in held if talker.unique not in there | self._cut]
        self._cut |= {talker.unique for talker in cut}
        if cut:
            self._result.calls_lost += len(cut)
            names = ", ".join(talker.agent or talker.context for talker in cut)
            self._result.wrong.append(f"cut off {when}: {names}")

    # The fault and after.

    def _call_briefly(self) -> None:
        """Somebody calls during the fault, and gives up in the greeting or the menu."""
        line = self._line
        before = {talker.unique for talker in line.callers()}

        def new() -> list[Talker]:
            return [talker for talker in line.callers() if talker.unique not in before]

        line.call()
        until(new, COME, "a call to be taken during the fault")
        time.sleep(BRIEF)
        line.hang_up(*[talker.name for talker in new()])

    def _answer_next(self) -> None:
        """One more agent comes. Who waits is answered; else somebody calls, and is."""
        line = self._line
        talking = {talker.unique for talker in line.phones(up=True)}
        if not line.phones(up=False):
            line.declare(kinds.AWAY, *SILENT)  # who does not ring now would let the next one ring
        line.declare(kinds.AVAILABLE, "dora")
        self._acknowledge()
        if len(line.callers()) - len(talking) < 1 or self._moment == "ringing":
            line.call()
        until(
            lambda: {talker.unique for talker in line.phones(up=True)} - talking,
            SYNC,
            "the next caller to be answered",
        )

    def _acknowledge(self) -> None:
        """Note what stands in the journal now: it may never be gone again."""
        try:
            self._known |= {str(row["id"]) for row in self._line.rows("SELECT id FROM journal")}
        except sqlite3.DatabaseError:  # the fault; what was read before counts
            if not self._line.damaged:
                raise

    def _lost(self) -> Lost:
        alive = self._line.alive()
        return compare(self._line.folder.database, self._line.truth(), alive, self._known)

    def _until_whole(self) -> bool:
        """Whether nothing is missing in the record any more, while calls are up."""
        connected = self._line.connected
        until(lambda: connected("recorder") and connected("flows"), SYNC, "both to be connected")
        end = time.monotonic() + SYNC
        while (lost := bool(self._lost())) and time.monotonic() < end:
            time.sleep(PAUSE)
        return not lost

    def _leave(self) -> None:
        """Whoever waits is answered as others hang up; at last everybody does."""
        line = self._line
        if self._moment == "waiting" and not (self._fault.kills_calls or self._fault.whole_story):
            self._serve_those_who_wait()
        line.hang_up()
        until(lambda: not line.alive(), QUIET, "no channel to be left")

    def _serve_those_who_wait(self) -> None:
        """Two of the five wait still, three agents talk: two talks end."""
        line = self._line
        talking = line.phones(up=True)
        line.hang_up(*[phone.name for phone in talking[:2]])
        ended = {phone.unique for phone in talking[:2]}
        until(
            lambda: len([p for p in line.phones(up=True) if p.unique not in ended]) == 3,
            QUIET + 5,
            "those who waited to be answered",
        )

    def _judge(self) -> None:
        end = time.monotonic() + QUIET
        while (lost := self._lost()) and time.monotonic() < end:
            time.sleep(0.1)
        result = self._result
        result.calls = len(self._line.truth().calls) - self._before
        result.calls_lost += len(lost.calls)
        result.events_lost += len(lost.events)
        result.wrong += [f"not in the record: {what}" for what in [*lost.calls, *lost.events][:5]]
        result.wrong += [f"still open: {call}" for call in lost.open[:5]]
        for finding in lines.check(self._line.folder, lambda done, total: None):
            if finding.problem:
                result.wrong.append(f"{finding.invariant}: {finding.problem}")
