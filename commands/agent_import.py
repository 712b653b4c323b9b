"""A list of volunteers becomes agents: looked at first, then all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decroche.commands.context import line_of
from decroche.commands.printing import Progress, print_lines, say

if TYPE_CHECKING:
    from decroche.records.enrol import Comparison

SHOWN = 10  # names of each kind; a list of 2,000 helps nobody


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--queue", "queues", multiple=True, help="For rows that name none.  [default: all]")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option("--update", is_flag=True, help="Change those who are there as the file says.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out columns that nobody knows.")
@click.pass_context
def agent_import(
    context: click.Context,
    file: Path,
    queues: tuple[str, ...],
    dry_run: bool,
    update: bool,
    ignore_unknown: bool,
) -> None:
    """Make agents of the rows of a CSV file, all of them or none.

    The first row names the columns: name (identifiant), label (prénom, alias),
    nom, email, queues (files). Only a label or a name is needed. Who is there
    already stays as they are, unless --update says otherwise.
    Example: decroche agent import volunteers.csv --dry-run
    """
    from decroche.asterisk import line
    from decroche.hotline import load
    from decroche.records import enrol, volunteers

    folder = line_of(context)
    known = list(load(folder.hotline).queues)
    line.check_queues(folder, queues)
    sheet = volunteers.read(volunteers.read_file(file), known, ignore_unknown)
    for note in sheet.notes:
        say(f"Note: {note}")
    joined = queues or known
    found = enrol.preview(folder.database, sheet.rows, joined)
    if problems := enrol.all_problems(sheet.problems, found.problems):
        raise volunteers.EnrolError(enrol.told(problems))
    if not dry_run:
        found = enrol.carry_out(folder.database, sheet.rows, joined, update, Progress("agents"))
    print_lines(_report(found, update, dry_run))


def _report(found: Comparison, update: bool, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    lines = []
    if found.new:
        lines.append(f"{len(found.new)} {would}added: {_names([s.name for s in found.new])}")
    if found.changed:
        differ = "differs" if len(found.changed) == 1 else "differ"
        done = f"{would}changed" if update else f"{differ} from the file; --update changes that"
        lines.append(f"{len(found.changed)} {done}: {_names([s.name for s in found.changed])}")
    if found.same:
        lines.append(f"{found.same} there already, as the file says")
    if dry_run:
        return [*lines, "Nothing was changed: this was a dry run"]
    if not found.new and not (update and found.changed):
        return [*lines, "Nothing changes"]
    if found.new:
        lines.append("Next: decroche apply, then: decroche agent invite --all-new")
    return lines


def _names(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
