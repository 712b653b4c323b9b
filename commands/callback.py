"""Who is owed a call, and to whom one is promised."""

from __future__ import annotations

from typing import Any

import click

from decroche.commands.context import folder_of
from decroche.commands.printing import json_option, print_rows


@click.command("ledger")
@json_option
@click.pass_context
def ledger_list(context: click.Context, as_json: bool) -> None:
    """List the callers who reached nobody, until somebody has talked to them.

    The page shows who is on it and, to the one who has claimed an entry, the number.
    """
    from decroche.records import ledger

    empty = "nobody waits to be called back"
    print_rows(ledger.as_rows(folder_of(context).database), as_json, empty)


@click.group()
def callback() -> None:
    """Promised call-backs: who waits to be called, and when."""


@callback.command("list")
@json_option
@click.pass_context
def callback_list(context: click.Context, as_json: bool) -> None:
    """List the promises that are open, the oldest arrival first."""
    from decroche.records import callbacks

    empty = "no call-back is promised"
    print_rows(callbacks.as_rows(folder_of(context).database), as_json, empty)


@callback.command("add")
@click.argument("number")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="A day.  [default: now]")
@click.option("--part", type=click.Choice(["morning", "afternoon", "evening"]), help="Of the day.")
@click.option("--queue", default="", help="Whose agents call.  [default: that of the menu]")
@click.option("--agent", default="", help="Who is asked first.")
@click.option("--reason", default="", help="A few words for whoever calls.")
@click.pass_context
def callback_add(
    context: click.Context,
    number: str,
    day: Any,
    part: str | None,
    queue: str,
    agent: str,
    reason: str,
) -> None:
    """Promise a call-back to NUMBER, now or on a day.

    An agent's phone rings at that time, within the opening hours; who picks up is connected.
    Example: decroche callback add "06 12 34 56 78" --on 2027-01-15 --part morning
    """
    from decroche.records import booking
    from decroche.records.applied import Applied
    from decroche.records.secrets import load

    folder = folder_of(context)
    hotline = Applied(folder)()
    booking.rules_of(hotline)
    due = booking.due(hotline, day.date() if day else None, part or "")
    made = (number, "admin", due, queue, agent, reason)
    caller = booking.book(folder.database, hotline, load(folder.secrets), *made)
    click.echo(f"promised; 'decroche callback list' shows it as {caller[:8]}")


@callback.command("call")
@click.argument("caller")
@click.pass_context
def callback_call(context: click.Context, caller: str) -> None:
    """Have the promise to CALLER (as listed) kept now, as soon as an agent is free."""
    from decroche.records import callbacks

    path = folder_of(context).database
    callbacks.hurry(path, callbacks.match(path, caller), "admin")
    click.echo("they are called as soon as an agent is free")


@callback.command("cancel")
@click.argument("caller")
@click.pass_context
def callback_cancel(context: click.Context, caller: str) -> None:
    """Take back the promise to CALLER, as listed; what is owed stays in the ledger."""
    from decroche.records import callbacks

    path = folder_of(context).database
    callbacks.withdraw(path, callbacks.match(path, caller), "admin")
    click.echo("the promise is taken back")
