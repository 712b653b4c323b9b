"""Looking at the whole line for what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of
from decroche.commands.printing import Progress, json_option, on_a_terminal, print_rows

if TYPE_CHECKING:
    from decroche.asterisk.doctor import Told

HEADS = {"good": "ok", "look": "LOOK", "wrong": "WRONG", "unknown": "?", "skipped": "-"}
COLOURS = {"good": "green", "look": "yellow", "wrong": "red", "unknown": "yellow", "skipped": None}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also print what is well.")
@json_option
@click.pass_context
def doctor(context: click.Context, everything: bool, as_json: bool) -> None:
    """Look for what is wrong with the line: what it means for callers, and what to type.

    Looks at sounds, addresses, ports, clock, Asterisk, trunks, disk, rights, backups, services and
    the record; with the line up, down, or half broken. Changes nothing and sends nothing to
    anybody. Exit code 1 when something is wrong. Example: decroche doctor --json
    """
    from decroche.asterisk import doctor as room
    from decroche.asterisk.release import default_home, find_release

    progress = Progress("looking")
    told = list(room.examine(folder_of(context), find_release(default_home()), progress))
    if as_json:
        print_rows([one.as_row() for one in told], True, "")
    else:
        for one in told:
            if everything or one.finding.state not in ("good", "skipped"):
                _print(one)
        click.echo(_sum(told))
    if not room.is_well(told):
        raise click.exceptions.Exit(1)


def _print(told: Told) -> None:
    found = told.finding
    head = f"{HEADS[found.state]:<6}"
    if on_a_terminal():
        head = click.style(head, fg=COLOURS[found.state], bold=True)
    click.echo(f"{head} {told.check}: {found.what}")
    if found.means:
        click.echo(f"       {found.means}")
    if found.remedy:
        click.echo(f"       To do: {found.remedy}")


def _sum(told: list[Told]) -> str:
    counts = {state: sum(one.finding.state == state for one in told) for state in HEADS}
    parts = [f"{counts['good']} good"]
    parts += [f"{counts['wrong']} wrong"] if counts["wrong"] else ["nothing wrong"]
    if counts["look"]:
        parts.append(f"{counts['look']} worth a look")
    if counts["unknown"]:
        parts.append(f"{counts['unknown']} could not be looked at")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} with nothing to look at")
    return ", ".join(parts)
