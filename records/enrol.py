"""Taking a list of volunteers onto the line: who is new, who is there already; all or nothing.

1. :func:`compare` sets each row against who is on the line and decides what would be done.
2. :func:`carry_out` compares again inside the transaction that does it: what was shown is what
   happens, or nothing.

A row is somebody who is there when the name is theirs; without a name, when the address is;
without both, when the label is, and the family name, if there is one, stands in their name. So a
second run of the same file changes nothing.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import kinds
from .events import Event, now
from .people import ha1, leave_queues, new_password
from .schema import reader
from .store import Store
from .volunteers import EnrolError, Volunteer, name_for

Progress = Callable[[int, int], None]
CHUNK = 100  # rows between two reports of progress


@dataclass(frozen=True)
class Present:
    """Somebody who is on the line."""

    name: str
    label: str
    email: str
    queues: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """What is to be done for a row; ``queues``, ``label``, ``email`` None: as they are."""

    name: str
    label: str | None
    email: str | None
    queues: tuple[str, ...] | None


@dataclass
class Comparison:
    """``differ``: those who are there, and other than the file says; changed with --update only."""

    new: list[Step] = field(default_factory=list)
    changed: list[Step] = field(default_factory=list)
    same: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def present(connection: sqlite3.Connection) -> list[Present]:
    queues: dict[str, list[str]] = {}
    for row in connection.execute("SELECT agent, queue FROM members ORDER BY agent, position"):
        queues.setdefault(row["agent"], []).append(row["queue"])
    return [
        Present(row["name"], row["label"], row["email"] or "", tuple(queues.get(row["name"], ())))
        for row in connection.execute("SELECT name, label, email FROM agents")
    ]


def compare(
    rows: Sequence[Volunteer], there: Sequence[Present], queues: Sequence[str]
) -> Comparison:
    """:param queues: of who is new and names none."""
    by_name = {one.name: one for one in there}
    by_email = {one.email: one for one in there if one.email}
    by_label: dict[str, list[Present]] = {}
    for one in there:
        if not one.email:
            by_label.setdefault(one.label, []).append(one)
    taken = set(by_name) | {row.name for row in rows if row.name}
    found, claimed = Comparison(), dict[str, int]()
    for row in rows:
        if not row.name and not row.email and len(several := _called(row, by_label)) > 1:
            names = ", ".join(one.name for one in several)
            found.problems.append((row.line, f"{row.label} may be {names}: write the name"))
            continue
        known = _who(row, by_name, by_email, by_label)
        owner = by_email.get(row.email) if row.email else None
        if owner and owner is not known:
            said = f"{row.email} is the address of {owner.name} already"
            found.problems.append((row.line, said))
        elif known is None:
            name = row.name or name_for(row.label, row.family, taken)
            taken.add(name)
            found.new.append(Step(name, row.label, row.email, row.queues or tuple(queues)))
        elif first := claimed.get(known.name):
            found.problems.append((row.line, f"the same person as line {first}: {known.name}"))
        else:
            claimed[known.name] = row.line
            _differs(found, known, row)
    return found


def _who(
    row: Volunteer,
    by_name: Mapping[str, Present],
    by_email: Mapping[str, Present],
    by_label: Mapping[str, Sequence[Present]],
) -> Present | None:
    if row.name:
        return by_name.get(row.name)
    if row.email:
        return by_email.get(row.email)
    return next(iter(_called(row, by_label)), None)


def _called(row: Volunteer, by_label: Mapping[str, Sequence[Present]]) -> list[Present]:
    """Whom a row without a name and an address may mean: "Marie Petit" is no "Marie Dupont"."""
    there = by_label.get(row.label, ())
    if not row.family:
        return list(there)
    made = re.compile(re.escape(name_for(row.label, row.family, ())) + r"(-\d+)?")
    return [one for one in there if made.fullmatch(one.name)]


def _differs(found: Comparison, known: Present, row: Volunteer) -> None:
    """A cell that is empty asks for nothing."""
    label = row.label if row.label != known.label else None
    email = row.email if row.email and row.email != known.email else None
    other = row.queues is not None and set(row.queues) != set(known.queues)
    queues = row.queues if other else None
    if (label, email, queues) == (None, None, None):
        found.same += 1
    else:
        found.changed.append(Step(known.name, label, email, queues))


def preview(path: Path, rows: Sequence[Volunteer], queues: Sequence[str]) -> Comparison:
    """What would be done now; changes nothing."""
    with closing(reader(path)) as connection:
        return compare(rows, present(connection), queues)


def carry_out(
    path: Path,
    rows: Sequence[Volunteer],
    queues: Sequence[str],
    update: bool,
    progress: Progress = lambda done, total: None,
) -> Comparison:
    """Add who is new and, with ``update``, change who is there; one transaction.

    :raises EnrolError: somebody else changed the people meanwhile, so that a row is now wrong.
    """
    # Passwords that nobody knows: each gets a known one on their own page, or by a command.
    digests = [new_password() for _ in rows]
    store = Store(path)
    try:
        with store.transaction():
            found = compare(rows, present(store.connection), queues)
            if found.problems:
                raise EnrolError(told(found.problems))
            _add(store, found.new, digests, progress)
            for step in found.changed if update else ():
                _change(store, step)
    finally:
        store.close()
    return found


def all_problems(*found: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Of each line the first kind of problem alone: the others follow from it."""
    seen: set[int] = set()
    problems: list[tuple[int, str]] = []
    for some in found:
        problems += [one for one in some if one[0] not in seen]
        seen |= {line for line, _ in some}
    return sorted(problems)


def told(problems: Sequence[tuple[int, str]]) -> str:
    """Every reason on a line of its own."""
    lines = [f"line {line}: {reason}" for line, reason in sorted(problems)]
    return "\n".join([*lines, f"{len(lines)} to mend; nothing was changed"])


def _add(store: Store, steps: Sequence[Step], passwords: Sequence[str], progress: Progress) -> None:
    places = _places(store.connection)
    for done, (step, password) in enumerate(zip(steps, passwords, strict=False), 1):
        at = now()
        store.connection.execute(
            "INSERT INTO agents (name, label, ha1, added, email) VALUES (?, ?, ?, ?, ?)",
            (step.name, step.label, ha1(step.name, password), at, step.email or None),
        )
        _join(store.connection, step, places)
        _tell(store, kinds.ADDED, step.name, at)
        if done % CHUNK == 0 or done == len(steps):
            progress(done, len(steps))


def _change(store: Store, step: Step) -> None:
    connection = store.connection
    for column, value in (("label", step.label), ("email", step.email)):
        if value is not None:
            sql = f"UPDATE agents SET {column} = ? WHERE name = ?"
            connection.execute(sql, (value, step.name))
    if step.queues is not None:
        fresh = leave_queues(connection, step.name, step.queues)
        _join(connection, replace(step, queues=tuple(fresh)), _places(connection))
    _tell(store, kinds.CHANGED, step.name, now())


def _places(connection: sqlite3.Connection) -> dict[str, int]:
    """Queue -> the last place in it, of the strategy "in-order"."""
    sql = "SELECT queue, max(position) FROM members GROUP BY queue"
    return {queue: position for queue, position in connection.execute(sql)}


def _join(connection: sqlite3.Connection, step: Step, places: dict[str, int]) -> None:
    for queue in step.queues or ():
        places[queue] = places.get(queue, 0) + 1
        connection.execute(
            "INSERT INTO members (queue, agent, position) VALUES (?, ?, ?)",
            (queue, step.name, places[queue]),
        )


def _tell(store: Store, kind: str, name: str, at: int) -> None:
    store.add(Event(id=f"{name}:{kind}:{at}", at=at, kind=kind, actor=name))
