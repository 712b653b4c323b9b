"""What is kept about people: its clocks, showing it, forgetting it."""

from __future__ import annotations

import json

import click

from decroche.commands.context import line_of
from decroche.commands.printing import Progress, json_option, print_lines, print_rows


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
@click.pass_context
def purge(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Delete at once what is older than its clock; prints what each clock took.

    The recorder does so every night. Asterisk's own record waits for a moment without calls.
    Example: decroche purge --dry-run
    """
    from decroche.asterisk import privacy as room
    from decroche.records.events import now

    done = room.purge(line_of(context), now(), dry_run, Progress("computing again"))
    rows = [one.__dict__ for one in done if as_json or one.count]
    print_rows(rows, as_json, "nothing is older than its clock")


@click.group()
def privacy() -> None:
    """What is kept about people: show it, give it out, forget it."""


@privacy.command("report")
@json_option
@click.pass_context
def privacy_report(context: click.Context, as_json: bool) -> None:
    """List all that is kept about people: its clock in days, and the oldest of it.

    Exit code 1 when something is overdue: then type: decroche purge
    """
    from decroche.asterisk import privacy as room
    from decroche.records.events import now

    folder, at = line_of(context), now()
    zone, found = room.zone_of(folder), list(room.report(folder, at))
    rows = [one.as_row(at, zone) for one in found]
    print_rows(rows, as_json, "")
    if any(one.overdue(at) for one in found):
        raise click.exceptions.Exit(1)


@privacy.command("show")
@click.argument("number")
@click.pass_context
def privacy_show(context: click.Context, number: str) -> None:
    """Say what is known of a telephone NUMBER, written in whatever way.

    Example: decroche privacy show "06 12 34 56 78"
    """
    from decroche.asterisk import privacy as room

    print_lines(room.known(line_of(context), number).lines())


@privacy.command("export")
@click.argument("number")
@click.pass_context
def privacy_export(context: click.Context, number: str) -> None:
    """Print what is known of a NUMBER as JSON, for the person who asks (GDPR, article 15).

    Example: decroche privacy export 0612345678 > answer.json
    """
    from decroche.asterisk import privacy as room

    found = room.known(line_of(context), number)
    click.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))


@privacy.command("forget")
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def privacy_forget(context: click.Context, number: str, yes: bool) -> None:
    """Forget a NUMBER: nothing says any more that this person ever called.

    Their calls stay in the figures. A backup that is restored later loses them, too.
    Example: decroche privacy forget 0612345678
    """
    from decroche.asterisk import privacy as room

    folder = line_of(context)
    found = room.known(folder, number)
    print_lines(found.lines())
    if not yes:
        click.confirm("Forget this person?", abort=True)
    count = room.forget(folder, found.number, Progress("computing again"))
    click.echo(f"forgotten: {count} facts, numbers and records")
    print_lines(room.still_in_backups(folder))


@privacy.command("rotate")
@click.pass_context
def privacy_rotate(context: click.Context) -> None:
    """Make new keys and destroy the old ones; refuses while a call is up.

    Who is owed a call stays in the ledger; of all others nobody can tell any more who called.
    The recorder does so every thirty days.
    """
    from decroche.asterisk import rotation as room

    print_lines(room.renew_keys(line_of(context), Progress("computing again")).lines())
