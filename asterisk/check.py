"""``decroche journal check``: does the record say what Asterisk itself wrote down?"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

from ..hotline import HotlineError, load
from ..records import dialplan, switch, switched, views
from ..records.check import Finding
from ..records.events import MICRO, now
from ..records.folder import Folder
from ..records.opening import Opening
from ..records.schema import reader
from . import control, held, quiet
from .control import NotRunning

JUST_NOW = 2.0  # seconds that the end of a call may take to be recorded
YOUNG = 15 * MICRO  # calls that may still be on their way into the record


def check(folder: Folder) -> Iterator[Finding]:
    """Every check that needs Asterisk's own record, or Asterisk itself if it is there: whoever
    runs on the line's folder, wherever its release lies.

    :raises sqlite3.Error: a database cannot be read.
    """
    before = now() - YOUNG
    yield _arrivals(folder, before)
    yield _open(folder)
    if (found := _switch(folder)) is not None:
        yield found


def _arrivals(folder: Folder, before: int) -> Finding:
    everything = arrivals(folder, now())
    theirs = {call: at for call, at in everything.items() if at < before}
    first = min(theirs.values(), default=before)
    with closing(reader(folder.database)) as connection:
        rows = connection.execute(
            "SELECT call, arrived FROM calls WHERE arrived >= ? AND arrived < ?",
            (first, before),
        ).fetchall()
        known = {row["call"] for row in connection.execute("SELECT call FROM calls")}
    missing = [call for call in theirs if call not in known]
    strange = [row["call"] for row in rows if row["call"] not in everything]
    problems = (
        [f"{len(missing)} are not in the record (the first: {missing[0]})"] if missing else []
    )
    if strange and theirs:
        problems.append(f"{len(strange)} in the record never arrived (the first: {strange[0]})")
    return Finding(
        "one call for each that reached Asterisk",
        f"{len(theirs)} arrivals in Asterisk's record with {len(rows)} calls",
        "; ".join(problems),
    )


def arrivals(folder: Folder, before: int) -> dict[str, int]:
    """Call -> when its channel appeared (microseconds UTC), by Asterisk's own account."""
    if not folder.cel.exists():
        return {}
    with closing(sqlite3.connect(f"file:{folder.cel}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            rows = connection.execute(
                """SELECT uniqueid, CAST(eventtime AS REAL) FROM cel
                    WHERE eventtype = 'CHAN_START' AND uniqueid = linkedid AND channel GLOB ?""",
                (f"PJSIP/{dialplan.TRUNK}*",),
            ).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return {}
            raise
    found = {str(call): round(at * MICRO) for call, at in rows}
    return {call: at for call, at in found.items() if at < before}


def _open(folder: Folder) -> Finding:
    open_ = _open_calls(folder)
    try:
        alive = _alive(folder)
    except (NotRunning, TimeoutError):
        alive = set()
    gone = open_ - alive
    end = time.monotonic() + JUST_NOW
    while gone and alive and time.monotonic() < end:  # some have only just ended
        time.sleep(0.1)
        gone &= _open_calls(folder)
    return Finding(
        "no call is open that Asterisk does not have",
        f"{len(open_)} open calls with {len(alive)} channels",
        f"{len(gone)} are gone (the first: {min(gone)}); a recorder that starts ends them"
        if gone
        else "",
    )


def _open_calls(folder: Folder) -> set[str]:
    with closing(reader(folder.database)) as connection:
        return {row["call"] for row in views.open_calls(connection)}


def _ask(folder: Folder, command: str) -> str:
    return control.ask(quiet.socket(folder), command).text


def _alive(folder: Folder) -> set[str]:
    """Unique ids of the channels that are up: the last field of each line."""
    lines = _ask(folder, "core show channels concise").splitlines()
    return {line.rpartition("!")[2].strip() for line in lines if "!" in line}


def _switch(folder: Folder) -> Finding | None:
    """None when Asterisk does not run: it is told when it does."""
    try:
        opening = Opening(load(folder.applied), switch.read_from(folder.database))
        known = held.holds(lambda command: _ask(folder, command))
    except (NotRunning, TimeoutError, HotlineError):
        return None
    at = now()
    expected = switched.held(opening, at)
    told = {queue: switched.lasting(words, at) for queue, words in known.items()}
    wrong = [queue for queue, words in expected.items() if told.get(queue, "") != words]
    return Finding(
        "Asterisk knows the switch",
        f"{sum(map(bool, expected.values()))} queues by hand",
        f"not of {', '.join(wrong)}; 'decroche serve flows' tells it" if wrong else "",
    )
