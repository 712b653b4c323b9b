"""The figures."""

from __future__ import annotations

import click

from decroche.commands.context import folder_of
from decroche.commands.printing import json_option, print_rows


@click.command()
@click.argument("period", type=click.Choice(["day", "week", "month", "year"]))
@click.option("--of", "day", default="", metavar="DATE", help="One that holds DATE.  [today]")
@click.option("--queue", default="", metavar="NAME", help="Only the calls of this queue.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row for each part and queue.")
@json_option
@click.pass_context
def report(
    context: click.Context, period: str, day: str, queue: str, as_csv: bool, as_json: bool
) -> None:
    """Print the figures of a day, a week, a month or a year.

    Arrived, answered, abandoned and where, waits, service level, talk time and who was never
    answered; by queue, topic, hour and weekday; compared with the period before.
    Example: decroche report week --of 2026-11-24
    """
    from decroche.records import exports, figures

    if as_csv and as_json:
        raise click.UsageError("choose one of --csv and --json")
    found = figures.asked(folder_of(context), period, day, queue)
    if as_json:
        click.echo(exports.as_json(found))
    elif as_csv:
        click.echo(exports.as_csv(found), nl=False)
    else:
        for at, table in enumerate(exports.as_tables(found)):
            click.echo(("\n" if at else "") + table.title)
            print_rows(table.rows, False, "nothing", heads=True)
