"""``decroche doctor``: everything that can be wrong with a line, one look after the other.

The looks stand in doctor_line.py, doctor_pbx.py, doctor_services.py, doctor_net.py and
doctor_disk.py. Each has a bound in time, and none ends the others. Nothing is changed.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..records.events import now
from ..records.folder import Folder
from . import doctor_disk, doctor_line, doctor_net, doctor_pbx, doctor_services
from .doctor_case import SKIPPED, UNKNOWN, WRONG, Case, Check, Finding, Unseen
from .line import LineError
from .release import Release

BOUND = 10.0  # seconds for one check
Progress = Callable[[int, int, str], None]

CHECKS: tuple[tuple[str, Check], ...] = (
    *doctor_line.CHECKS,
    *doctor_pbx.CHECKS,
    *doctor_services.CHECKS,
    *doctor_net.CHECKS,
    *doctor_disk.CHECKS,
)


@dataclass(frozen=True)
class Told:
    """What one check has found."""

    check: str
    finding: Finding

    def as_row(self) -> dict[str, str]:
        found = self.finding
        row = {"check": self.check, "state": found.state, "what": found.what}
        return row | {"means": found.means, "remedy": found.remedy}


def examine(
    folder: Folder,
    release: Release | None,
    progress: Progress = lambda done, total, what: None,
    checks: Sequence[tuple[str, Check]] = CHECKS,
) -> Iterator[Told]:
    """Look at everything.

    :param release: the Asterisk that the next start would take; None: there is none.
    :raises LineError: there is no line here.
    """
    if not folder.hotline.exists() and not folder.database.exists():
        raise LineError(f"there is no line in {folder.root}; 'decroche init' makes one")
    case = Case(folder, release, now())
    for done, (name, check) in enumerate(checks):
        progress(done, len(checks), name)
        yield from (Told(name, finding) for finding in _within(check, case, BOUND))
    progress(len(checks), len(checks), "")


def _within(check: Check, case: Case, seconds: float) -> list[Finding]:
    """What a check finds; if it takes too long, what it has found until then."""
    found: list[Finding] = []

    def look() -> None:
        try:
            for finding in check(case):
                found.append(finding)
        except Unseen as reason:
            found.append(Finding(SKIPPED, f"not looked at: {reason}"))
        except Exception as error:  # the edge of one check: the others go on
            found.append(
                Finding(UNKNOWN, f"could not be looked at: {type(error).__name__}: {error}")
            )

    thread = threading.Thread(target=look, daemon=True, name="check")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return [*found, Finding(UNKNOWN, f"did not end within {seconds:g} s")]
    return found


def is_well(told: Sequence[Told]) -> bool:
    return not any(one.finding.state == WRONG for one in told)
