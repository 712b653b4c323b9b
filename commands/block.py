"""Callers who are blocked: added, listed, taken back."""

from __future__ import annotations

import click

from decroche.commands.context import line_of
from decroche.commands.printing import json_option, print_rows


@click.group()
def block() -> None:
    """Callers who are blocked until a date: they hear a sentence, and no phone rings."""


@block.command("add")
@click.argument("who")
@click.option("--until", default="", help="A local date (its end), or '2026-12-24 14:00'.")
@click.option("--for", "span", default="", help="90m, 12h, 7d, 2w.  [default: 30d; at most 90d]")
@click.option("--reason", default="", help="A few words; the person may ask to read them.")
@click.pass_context
def block_add(context: click.Context, who: str, until: str, span: str, reason: str) -> None:
    """Block WHO: a number, a caller as lists show it, or the number of a call on the board.

    What is owed or promised to them is closed. It holds at once, for the next call.
    Example: decroche block add "06 12 34 56 78" --for 7d --reason "insults, three times"
    """
    from decroche.asterisk.privacy import zone_of
    from decroche.records import blocks
    from decroche.records.events import instant
    from decroche.records.secrets import load

    folder = line_of(context)
    zone = zone_of(folder)
    end = blocks.ends(until, span, zone)
    target = blocks.find(folder.database, load(folder.secrets), who)
    blocks.block(folder.database, target, end, "admin", reason)
    when = instant(end).astimezone(zone).isoformat(" ", "minutes")
    click.echo(f"{target.caller[:8]} is blocked until {when}")
    if not target.kept:
        click.echo(
            "Their number is not kept: unless they call again before the line's keys change, the "
            "block ends then. With their number, type: decroche block add NUMBER"
        )


@block.command("list")
@click.option("--all", "over", is_flag=True, help="Those that have ended as well.")
@json_option
@click.pass_context
def block_list(context: click.Context, over: bool, as_json: bool) -> None:
    """List who is blocked, until when, by whom and why; never a number."""
    from decroche.records import blocks

    print_rows(blocks.as_rows(line_of(context).database, over), as_json, "nobody is blocked")


@block.command("remove")
@click.argument("who")
@click.pass_context
def block_remove(context: click.Context, who: str) -> None:
    """Take a block back; WHO as for 'block add'.

    Example: decroche block remove 4f2c81aa
    """
    from decroche.records import blocks
    from decroche.records.secrets import load

    folder = line_of(context)
    caller = blocks.find(folder.database, load(folder.secrets), who).caller
    blocks.unblock(folder.database, caller, "admin")
    click.echo(f"{caller[:8]} is blocked no more")
