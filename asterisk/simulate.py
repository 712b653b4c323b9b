"""``decroche simulate``: the configured line with real calls, before it opens for real.

1. A private copy of the line, with an Asterisk and services of its own, and a street. 2. Callers
come, press keys, wait, give up; agents pick up and talk. 3. Whoever is on the line at the end
is served to the end, within a bound. 4. What they met is read from the private line's journal.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass

from ..hotline import Hotline, load, prompt_texts
from ..records import people, views
from ..records.changes import Row
from ..records.events import MICRO, instant, now
from ..records.figures import Report, of_line
from ..records.folder import Folder
from ..records.met import Met, met
from ..records.periods import period
from ..records.schema import reader
from ..records.secrets import load as load_secrets
from ..records.signals import as_interrupt
from ..records.tokens import number_of, token
from .control import NotRunning
from .drill_line import DrillError, until
from .release import Release
from .simulate_line import SimulationLine
from .simulate_people import Caller, Cast, Wish, cast, memberships

MANY = 200  # callers above which this machine may be what they wait for
STEP = 0.1  # seconds between two looks at the line
END = 5.0  # seconds for the last event to be written
WORDS = 2.5  # a second, of a sentence
COMING = 0.9  # of the progress: while callers come; the rest: until the last one is served
AFTER = 4  # mean talks and patiences that the end may take
Progress = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Result:
    """What callers met. ``called``: who has called; less than wished when it was interrupted."""

    wish: Wish
    called: int
    seconds: float
    report: Report
    met: Met
    interrupted: bool

    @property
    def lost(self) -> int:
        """Calls that never arrived; some may be on their way when it was interrupted."""
        return self.called - self.report.totals.arrived

    def as_json(self) -> dict[str, object]:
        totals = self.report.totals
        queues = {part.key: asdict(part.totals) for part in self.report.by_queue if part.key}
        return {
            "wish": asdict(self.wish),
            "called": self.called,
            "lost": self.lost,
            "seconds": round(self.seconds, 1),
            "interrupted": self.interrupted,
            "service_level_seconds": self.report.service_level,
            "totals": asdict(totals),
            "queues": queues,
            **asdict(self.met),
        }


def run(real: Folder, release: Release, wish: Wish, tell: Progress) -> Result:
    """Play a simulation of a line; the line itself is only read.

    :raises HotlineError, DrillError, StartError: no private line can be made of it.
    :raises KeyboardInterrupt: it was interrupted before the first call.
    """
    hotline = load(real.hotline)
    members = people.members(real.database) if real.database.exists() else {}
    keys = [choice.key for choice in hotline.menu.choices]
    everybody = cast(
        wish, keys, _until_the_menu_ends(hotline), memberships(members, list(hotline.queues))
    )
    tell(0, 1, "making a private copy of the line")
    with as_interrupt(), SimulationLine(release, real, everybody) as line:
        return Simulation(line, wish, everybody, tell).run()


def _until_the_menu_ends(hotline: Hotline) -> float:
    """Seconds from the answer to the menu's end, by the length of its sentences."""
    texts = prompt_texts(hotline)
    heard = " ".join(texts.get(name, "") for name in ("greeting", "information", "menu"))
    return len(heard.split()) / WORDS


class Simulation:
    """One run over a line that is up."""

    def __init__(self, line: SimulationLine, wish: Wish, cast: Cast, tell: Progress) -> None:
        self._line = line
        self._wish = wish
        self._tell = tell
        key = load_secrets(line.folder.secrets).token_key
        # A caller's number in From becomes the token by which the journal knows them.
        self._by_token = {_token(caller, key): caller for caller in cast.callers}
        self._to_come = list(cast.callers)
        self._gave_up: set[str] = set()
        self._began = 0

    def run(self) -> Result:
        self._line.open()
        self._began = now()
        interrupted = False
        try:
            self._play()
        except (NotRunning, TimeoutError) as error:
            raise DrillError(f"too many calls for this machine, it seems: {error}") from error
        except KeyboardInterrupt:
            interrupted = True
            self._tell(1, 1, "interrupted")
        seconds = (now() - self._began) / MICRO
        return self._result(seconds, interrupted)

    def _play(self) -> None:
        begin = time.monotonic()
        rest = AFTER * (self._wish.talk + self._wish.patience)
        while True:
            at = time.monotonic() - begin
            while self._to_come and self._to_come[0].at <= at:
                self._line.dial(self._to_come.pop(0))
            calls = self._open_calls()
            self._lose_patience(calls)
            self._say(at, calls)
            over = at >= self._wish.seconds and not self._to_come
            if over and (self._is_empty(calls) or at > self._wish.seconds + rest):
                break
            time.sleep(STEP)
        self._tell(1, 1, "the last call has ended")
        self._line.hang_up()
        until(
            lambda: not self._line.alive() and not self._open_calls(), END, "the last call to end"
        )

    def _open_calls(self) -> list[Row]:
        with closing(reader(self._line.folder.database)) as connection:
            return views.open_calls(connection)

    def _is_empty(self, calls: list[Row]) -> bool:
        return not calls and not self._line.alive()

    def _lose_patience(self, calls: list[Row]) -> None:
        """Who has waited for longer than they can hangs up."""
        at, names = now(), set()
        for row in calls:
            caller = self._by_token.get(row["caller"] or "")
            if caller and row["queued"] and not row["answered"]:
                waited = (at - row["queued"]) / MICRO
                if waited > caller.patience and caller.name not in self._gave_up:
                    names.add(caller.name)
        if names:
            self._gave_up |= names
            self._line.give_up(*names)

    def _say(self, at: float, calls: list[Row]) -> None:
        talk = sum(row["stage"] == "talking" for row in calls)
        wait = sum(row["stage"] in ("waiting", "ringing") for row in calls)
        come = self._wish.callers - len(self._to_come)
        text = f"{come} have called, {wait} wait, {talk} talk"
        ended = 1 - len(calls) / max(1, come) if at >= self._wish.seconds else 0.0
        share = COMING * min(1.0, at / self._wish.seconds) + (1 - COMING) * ended
        self._tell(min(share, 0.99), 1, text)

    def _result(self, seconds: float, interrupted: bool) -> Result:
        database, at = self._line.folder.database, now()
        hotline = load(self._line.folder.hotline)
        year = period("year", instant(at).astimezone(hotline.zone).date())
        with closing(reader(database)) as connection:
            found = met(connection, self._began, at, self._wish.agents)
        report = of_line(database, hotline, year, "", at)
        called = self._wish.callers - len(self._to_come)
        return Result(self._wish, called, seconds, report, found, interrupted)


def _token(caller: Caller, key: str) -> str:
    return token(number_of(f"<sip:{caller.number}@127.0.0.1>") or caller.name, key)
