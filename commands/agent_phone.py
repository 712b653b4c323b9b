"""On which phone an agent is called: their SIP phone, or one of their own outside."""

from __future__ import annotations

import click

from decroche.commands.context import line_of


@click.command("phone")
@click.argument("name")
@click.option("--outside", "number", metavar="NUMBER", help="A mobile or landline of theirs.")
@click.option("--sip", "inside", is_flag=True, help="Their SIP phone again; the number is deleted.")
@click.pass_context
def agent_phone(context: click.Context, name: str, number: str | None, inside: bool) -> None:
    """Say on which phone an agent is called, or call them on one of their own.

    A trunk calls it; they hear what it is and take the call with 1. They see the line's number,
    never the caller's. Needs an [outside] table in hotline.toml.
    Example: decroche agent phone camille --outside "06 12 34 56 78"
    """
    from decroche.hotline import load
    from decroche.records import phones, secrets

    if number and inside:
        raise click.UsageError("give either --outside or --sip")
    folder = line_of(context)
    keys = secrets.load(folder.secrets)
    if number:
        hotline = load(folder.hotline)
        written = phones.move_outside(folder.database, hotline, keys, name, number)
        click.echo(f"{name} is called on {phones.masked(written)}. Next: decroche apply")
    elif inside:
        phones.move_inside(folder.database, name)
        click.echo(f"{name} is called on their SIP phone. Next: decroche apply")
    else:
        click.echo(phones.told(folder.database, keys, name))
