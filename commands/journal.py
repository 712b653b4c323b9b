"""What happened, fact by fact."""

from __future__ import annotations

import json

import click

from decroche.commands.context import folder_of
from decroche.commands.line import complete
from decroche.commands.printing import Progress, json_option, print_lines


@click.group()
def journal() -> None:
    """What happened, fact by fact."""


@journal.command("tail")
@click.option("-n", "count", default=20, show_default=True, help="How many past events first.")
@click.option("-f", "--follow", is_flag=True, help="Go on as events come, until Ctrl-C.")
@json_option
@click.pass_context
def journal_tail(context: click.Context, count: int, follow: bool, as_json: bool) -> None:
    """Print the newest events of the journal."""
    from decroche.records import tail

    for line in tail.lines(folder_of(context).database, count, follow, as_json):
        click.echo(line)


@journal.command("show")
@click.argument("call")
@json_option
@click.pass_context
def journal_show(context: click.Context, call: str, as_json: bool) -> None:
    """Tell the story of one CALL: its number on the board, or its id."""
    from decroche.records import tail

    for line in tail.story(folder_of(context).database, call, as_json):
        click.echo(line)


@journal.command("rebuild")
@click.pass_context
def journal_rebuild(context: click.Context) -> None:
    """Compute calls, offers, presence, the ledger and counted days again from the journal."""
    from decroche.records.rebuild import rebuild

    done = rebuild(folder_of(context).database, Progress("journal"))
    click.echo(f"{done} events read; calls, offers, presence, ledger and days are computed again")


@journal.command("mend")
@click.pass_context
def journal_mend(context: click.Context) -> None:
    """Look through the database; put a damaged one aside and save what can be read.

    Services do this by themselves when they meet the damage. Works while the line runs.
    """
    from decroche.records import salvage

    folder = folder_of(context)
    found = salvage.mend(folder.database)
    if found is None:
        click.echo(f"{folder.database} is whole")
        return
    with salvage.alone(folder.database):
        print_lines(complete(folder))
    click.echo(f"saved what could be read; the damaged file is kept: {found.aside}")
    click.echo(f"events known again by their ids: {found.revived}; not: {found.lost}")
    click.echo("a recorder that runs reads Asterisk's own record again: most of those come back")


@journal.command("check")
@json_option
@click.pass_context
def journal_check(context: click.Context, as_json: bool) -> None:
    """Check that the record adds up, and says what Asterisk wrote down itself.

    Changes nothing; works while the line runs. Exit code 1 when something does not fit.
    """
    from decroche.asterisk import line

    good = True
    for finding in line.check(folder_of(context), Progress("computing again")):
        good &= not finding.problem
        if as_json:
            click.echo(json.dumps(finding.__dict__, ensure_ascii=False))
        else:
            said = f"{finding.invariant}: {finding.compared}"
            click.echo(f"WRONG  {said}: {finding.problem}" if finding.problem else f"ok     {said}")
    if not good:
        raise click.exceptions.Exit(1)
