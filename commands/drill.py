"""Faults on a line made for them."""

from __future__ import annotations

import click

from decroche.commands.context import release_here
from decroche.commands.printing import json_option, print_rows, say


@click.command()
@click.argument("names", metavar="[FAULT]...", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="List the faults; run nothing.")
@click.option(
    "--moment",
    "moments",
    multiple=True,
    type=click.Choice(["idle", "ringing", "talking", "waiting"]),
    help="When it happens; repeatable.  [default: all four]",
)
@click.option(
    "--hold", default=30.0, show_default=True, help="Seconds that the database is locked."
)
@json_option
def drill(
    names: tuple[str, ...], only_list: bool, moments: tuple[str, ...], hold: float, as_json: bool
) -> None:
    """Let things go wrong, on a line made for it, and see what is lost.

    Each FAULT (all without one) happens while nobody calls, while a phone rings, while people
    talk, and while people wait. The drill makes a private line with an Asterisk of its own and
    plays the callers and the phones; your line is not touched. Exit code 1 when anything was lost.
    Example: decroche drill asterisk-killed --moment talking
    """
    from decroche.asterisk import drill as room
    from decroche.asterisk.faults import choose

    faults = choose(names, hold)
    if only_list:
        rows = [{"fault": fault.name, "what happens": fault.what} for fault in faults]
        return print_rows(rows, as_json, "")
    results = []
    for result in room.run(release_here(), faults, moments or room.MOMENTS, say):
        results.append(result)
        say(room.sentence(result))
    print_rows([room.as_row(result, as_json) for result in results], as_json, "")
    if not all(result.good for result in results):
        raise click.exceptions.Exit(1)
