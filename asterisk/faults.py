"""Every fault of a drill: what it does, how it is done to a line, and how it ends.

``inject`` leaves the line in the fault, ``heal`` ends it; between the two calls are up.
The acts themselves are in asterisk/fault_acts.py; docs/drills.md says what must happen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import fault_acts as do
from .drill_line import DrillError
from .fault_acts import Act, nothing

HOLD = 30.0  # seconds that the database is locked


@dataclass(frozen=True)
class Fault:
    """One thing that may happen to a line.

    :param kills_calls: it ends the calls that are up; else not one of them may end.
    :param whole_story: it begins before the calls and ends after them.
    :param deaf: nobody can call while it lasts.
    :param before: what must be done to the line before people call.
    """

    name: str
    what: str
    inject: Act
    heal: Act
    kills_calls: bool = False
    whole_story: bool = False
    deaf: bool = False
    before: Act = nothing


def _of_asterisk() -> tuple[Fault, ...]:
    """Asterisk itself fails."""
    return (
        Fault(
            "asterisk-killed",
            "Asterisk is killed, and started again.",
            do.kill_asterisk,
            do.start_asterisk,
            kills_calls=True,
            deaf=True,
        ),
        Fault(
            "asterisk-stopped",
            "Asterisk is told to stop at once, and started again.",
            do.stop_asterisk,
            do.start_asterisk,
            kills_calls=True,
            deaf=True,
        ),
        Fault(
            "asterisk-frozen",
            "Asterisk does nothing until the recorder has noticed (10 s at most).",
            do.freeze_asterisk,
            do.thaw_asterisk,
            deaf=True,
        ),
    )


def _of_ami() -> tuple[Fault, ...]:
    """The connections to AMI fail."""
    return (
        Fault("ami-reset", "Every connection to AMI is reset, five times.", do.reset_ami, nothing),
        Fault(
            "ami-half-open",
            "Every connection to AMI goes silent and stays open; noticed within 10 s.",
            do.silence_ami,
            nothing,
        ),
        Fault("ami-slow", "AMI comes in pieces of 8 bytes, slowly.", do.slow_ami, do.quick_ami),
    )


def _of_services() -> tuple[Fault, ...]:
    """A service fails."""
    return (
        Fault("recorder-killed", "The recorder is killed.", do.kill_recorder, do.serve_recorder),
        Fault(
            "recorder-down",
            "The recorder is down from before the calls until after them.",
            do.kill_recorder,
            do.serve_recorder,
            whole_story=True,
        ),
        Fault(
            "two-recorders",
            "A second recorder is started; it refuses.",
            do.second_recorder,
            nothing,
        ),
        Fault(
            "flows-killed",
            "The flows are killed: Asterisk's queue takes over.",
            do.kill_flows,
            do.serve_flows,
        ),
        Fault(
            "flows-frozen",
            "The flows do nothing: Asterisk's queue takes over.",
            do.freeze_flows,
            do.thaw_flows,
        ),
    )


def _of_the_disk(hold: float) -> tuple[Fault, ...]:
    """The database, the disk or the clock fails."""
    return (
        Fault("disk-full", "No file of the services can grow.", do.fill_disk, do.empty_disk),
        Fault(
            "database-locked",
            f"Another program holds the database's lock for {hold:g} s.",
            do.lock_database(hold),
            nothing,
        ),
        Fault(
            "database-damaged",
            "Pages of the database are overwritten while it is in use.",
            do.damage_database,
            do.mend_database,
        ),
        Fault(
            "clock",
            "The services' clock leaps an hour ahead, and an hour back.",
            do.hour_ahead,
            do.hour_back,
            before=do.wear_clock,
        ),
    )


def faults(hold: float = HOLD) -> tuple[Fault, ...]:
    """All of them. :param hold: seconds that the database is locked."""
    return (*_of_asterisk(), *_of_ami(), *_of_services(), *_of_the_disk(hold))


def choose(names: Sequence[str], hold: float = HOLD) -> list[Fault]:
    """The faults of these names, or all of them.

    :raises DrillError: there is no such fault.
    """
    known = {fault.name: fault for fault in faults(hold)}
    if strange := [name for name in names if name not in known]:
        raise DrillError(f"no fault {strange[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
