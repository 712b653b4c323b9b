"""The doctor's look at Asterisk: which one, whether it answers, what it plays and writes down."""

import ctypes
import re
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ..hotline import prompt_texts
from ..records import recordings
from ..records.events import MICRO
from ..records.schema import reader
from . import heard
from .check import arrivals
from .doctor_case import DOWN, FROZEN, Case, Check, Finding, Unseen, good, listed, look, wrong
from .modules import MODULES, missing
from .release import MACHINES_PROGRAM, OLDEST, version_of

SKEW = 2.0  # seconds that two clocks of one machine may differ at most
AHEAD = 120 * MICRO  # that the journal may be ahead of the clock
RECENT, YOUNG = 86_400 * MICRO, 30 * MICRO  # calls of a day that Asterisk must have written down
CORE = ("beep", "queue-thankyou", "vm-goodbye")  # of Asterisk's own sounds
UNSYNCHRONISED = 0x40  # STA_UNSYNC (adjtimex(2))
NEWEST = """SELECT call, caller FROM calls WHERE arrived BETWEEN ? AND ?
    ORDER BY arrived DESC LIMIT 1"""


def release(case: Case) -> Iterator[Finding]:
    found = case.release
    if found is None:
        yield from _no_release(version_of(MACHINES_PROGRAM))
        return
    if int(found.version.split(".")[0]) < OLDEST:
        yield _too_old(found.version, str(found.root))
        return
    if lacking := missing(found.modules):
        yield wrong(
            f"Asterisk {found.version} in {found.root} lacks modules: {', '.join(lacking)}",
            "What they do does not work: calls may fail.",
            "decroche pbx install --private",
        )
    else:
        yield good(f"Asterisk {found.version} in {found.root}")


def _no_release(machines: str | None) -> Iterator[Finding]:
    if machines and int(machines.split(".")[0]) < OLDEST:
        yield _too_old(machines, "this machine")
    else:
        yield wrong("there is no Asterisk", "Nobody can call.", "decroche pbx install")


def _too_old(version: str, where: str) -> Finding:
    return wrong(
        f"Asterisk {version} of {where} is too old: {OLDEST} is the oldest that will do",
        "The line cannot be started with it.",
        "decroche pbx install --private",
    )


def runs(case: Case) -> Iterator[Finding]:
    if case.asterisk == DOWN:
        yield wrong(
            "Asterisk does not run", "Nobody can call.", "decroche pbx start (or: decroche up)"
        )
    elif case.asterisk == FROZEN:
        yield wrong(
            f"Asterisk does not answer (process {case.asterisk_pid or 'unknown'})",
            "Calls hang, and nobody can call.",
            "decroche pbx stop, which ends it by force if need be, then: decroche pbx start",
        )
    else:
        version = case.version.split("+")[0].removeprefix("Asterisk ")
        major = re.search(r"\d+", version)
        if major and int(major[0]) < OLDEST:
            yield _too_old(version, "the process that runs")
        elif case.release and not version.startswith(case.release.version):
            yield look(
                f"Asterisk {version} runs, and {case.release.version} is installed",
                "Nothing changes for callers.",
                "at a quiet moment: decroche pbx stop, then: decroche pbx start",
            )
        else:
            yield good(f"Asterisk {version} answers")


def modules(case: Case) -> Iterator[Finding]:
    text = case.ask("module show")
    running = {words[0] for line in text.splitlines() if "Running" in (words := line.split())}
    wanted = set(MODULES)
    if case.release:
        wanted -= set(missing(case.release.modules)) | _versioned(case.release.modules)
    lacking = sorted(name for name in wanted if f"{name}.so" not in running)
    if lacking:
        yield wrong(
            f"Asterisk runs without: {', '.join(lacking)}",
            "What these modules do does not work: calls may fail, or not be written down.",
            "decroche pbx stop, then: decroche pbx start; if it says so again, look into "
            f"{case.folder.pbx / 'log'}",
        )
    else:
        yield good(f"{len(wanted)} modules run")


def _versioned(folder: Path) -> set[str]:
    """Modules that this Asterisk does not bring, and does not need."""
    return {name for name in MODULES if not (folder / f"{name}.so").exists()}


def sentences(case: Case) -> Iterator[Finding]:
    """Every sentence of the line must be audible."""
    texts, sounds = prompt_texts(case.hotline), case.folder.prompts
    silent = [name for name in texts if not _is_heard(sounds, name)]
    if silent:
        yield wrong(
            f"no sound for {len(silent)} of {len(texts)} sentences: {listed(silent)}",
            "Callers hear one of Asterisk's own sounds, or nothing, where it should be.",
            "decroche apply, which makes drafts of what is missing",
        )
        return
    yield good(f"{len(texts)} sentences can be heard")
    if poor := sorted({one.name for one in heard.check(sounds, case.hotline)}):
        yield look(
            f"{len(poor)} sentences could be heard better: {listed(poor)}",
            "They are too long, too quiet, or not what their text says now.",
            "decroche prompt check",
        )


def _is_heard(sounds: Path, name: str) -> bool:
    return any(path.stat().st_size for path in recordings.files(sounds, name))


def core_sounds(case: Case) -> Iterator[Finding]:
    """What Asterisk brings along stands in where a sentence of ours cannot be made."""
    if case.release is None:
        raise Unseen("there is no Asterisk")
    sounds, language = case.release.sounds, case.hotline.line.language
    folders = [folder for folder in (sounds / language, sounds / "en") if folder.is_dir()]
    lacking = [name for name in CORE if not any(any(f.glob(f"{name}.*")) for f in folders)]
    if lacking:
        yield wrong(
            f"Asterisk's own sounds are missing in {sounds}: {', '.join(lacking)}",
            "There is no beep before a message, and silence where a sentence has no recording.",
            "decroche pbx install --private (or the machine's package asterisk-core-sounds-en)",
        )
    else:
        yield good(f"Asterisk's own sounds: {', '.join(folder.name for folder in folders)}")


def record(case: Case) -> Iterator[Finding]:
    """Asterisk's channel event log: without it a gap of ours is lost."""
    if "CEL Logging: Enabled" not in (said := case.ask("cel show status")):
        yield _unwritten("Asterisk's channel event log is off")
    elif "sqlite3" not in said:
        yield _unwritten("Asterisk's channel event log is not written into its file")
    elif lacking := _not_written(case):
        yield _unwritten(f"the call {lacking} is not in Asterisk's channel event log")
    else:
        yield good("Asterisk writes its channel event log")


def _not_written(case: Case) -> str:
    """The newest call that Asterisk must have written down by now and has not; empty: it has.

    Older ones may be gone from its record: their callers asked to be forgotten.
    """
    with closing(reader(case.folder.database)) as connection:
        row = connection.execute(NEWEST, (case.at - RECENT, case.at - YOUNG)).fetchone()
    if row is None or row["caller"] == "":
        return ""
    try:
        return "" if row["call"] in arrivals(case.folder, case.at) else str(row["call"])
    except sqlite3.DatabaseError:
        return str(row["call"])


def _unwritten(what: str) -> Finding:
    return wrong(
        what,
        "Calls work; what happens while the recorder is down would be lost.",
        "decroche pbx stop, then: decroche pbx start",
    )


def clock(case: Case) -> Iterator[Finding]:
    """Asterisk's clock against ours, the journal against the clock, the kernel's own word."""
    if (ahead := _journal_ahead(case)) > AHEAD:
        yield _clock_off(f"the newest event of the journal is {ahead // MICRO} s in the future")
        return
    try:
        skew = _skew(case)
    except Unseen:
        skew = 0.0
    if abs(skew) > SKEW:
        yield _clock_off(f"this clock and Asterisk's differ by {abs(skew):.0f} s")
    elif is_unsynchronised():
        yield look(
            "nothing keeps the machine's clock right, by the kernel's own word",
            "Opening hours drift with it.",
            "timedatectl set-ntp true (a virtual machine may be kept right by its host)",
        )
    else:
        yield good("the clock is kept right, and Asterisk has the same")


def _journal_ahead(case: Case) -> int:
    """By how much the newest event is in the future, microseconds."""
    sql = "SELECT max(at) AS at FROM (SELECT at FROM journal ORDER BY seq DESC LIMIT 100)"
    with closing(reader(case.folder.database)) as connection:
        newest = connection.execute(sql).fetchone()["at"]
    return int(newest or 0) - case.at


def _skew(case: Case) -> float:
    """Seconds that Asterisk's clock is ahead of ours."""
    said = case.ask("dialplan eval function STRFTIME(,UTC,%s)")
    found = re.search(r"Result: (\d+)", said)
    if found is None:
        raise Unseen("Asterisk does not tell its time")
    here = time.time()
    return 0.0 if 0 <= here - int(found[1]) < 1 else int(found[1]) - here


def _clock_off(what: str) -> Finding:
    return wrong(
        f"the clock is off: {what}",
        "The line opens and closes at the wrong time, and waits are counted wrong.",
        "timedatectl set-ntp true, then: timedatectl; then start the services again",
    )


def is_unsynchronised() -> bool:
    """Whether the kernel says that nobody keeps its clock right (adjtimex(2), only read)."""
    room = ctypes.create_string_buffer(512)  # struct timex, all zeros: change nothing
    if ctypes.CDLL(None).adjtimex(room) < 0:
        return False
    status = struct.unpack_from("@illlli", room.raw)[5]
    return bool(status & UNSYNCHRONISED)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("Asterisk's version", release),
    ("Asterisk", runs),
    ("modules", modules),
    ("sentences", sentences),
    ("Asterisk's sounds", core_sounds),
    ("Asterisk's record", record),
    ("clock", clock),
)
