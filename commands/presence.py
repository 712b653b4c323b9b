"""What an agent is: available, on a pause, away; and whose account on the page is theirs."""

from __future__ import annotations

import click

from decroche.commands.context import line_of

STATES = {"available": "available", "pause": "paused", "away": "away"}


@click.command()
@click.argument("name")
@click.argument("state", type=click.Choice(list(STATES)))
@click.option("--for", "length", metavar="LENGTH", help="For so long: 20m, 1h30.")
@click.option("--until", "clock", metavar="TIME", help="Until this time of day: 14:00.")
@click.pass_context
def presence(
    context: click.Context, name: str, state: str, length: str | None, clock: str | None
) -> None:
    """Say what an agent is from now on, as they would by phone or on the page.

    With --for or --until an availability ends by itself, after the call that is up then.
    Examples: decroche agent presence camille available --for 20m;
    decroche agent presence camille away
    """
    from decroche.hotline import load
    from decroche.records import presence as room
    from decroche.records.events import instant, now

    if (length or clock) and state != "available":
        raise click.UsageError("--for and --until go with 'available' only")
    if length and clock:
        raise click.UsageError("give --for or --until, not both")
    folder, at, until = line_of(context), now(), None
    zone = load(folder.hotline).zone
    if length:
        until = room.after(room.read_minutes(length), at)
    elif clock:
        until = room.read_clock(clock, at, zone)
    room.declare(folder.database, name, STATES[state], "command", until)
    end = f" until {instant(until).astimezone(zone):%H:%M}" if until else ""
    click.echo(f"{name} is {STATES[state]}{end}, at once; nothing to apply")
