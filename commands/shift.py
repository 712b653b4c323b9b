"""Weekly shifts, and who has signed up for them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import click

from decroche.commands.context import line_of
from decroche.commands.printing import json_option, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from decroche.records.folder import Folder

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKS = 4  # shown by 'show'


def _day(context: click.Context, param: click.Parameter, value: datetime | None) -> date | None:
    return value and value.date()


DATE: dict[str, Any] = {"type": click.DateTime(["%Y-%m-%d"]), "callback": _day}


@click.group()
def shift() -> None:
    """Weekly shifts: when people are wanted, and who has signed up."""


@shift.command("add")
@click.argument("day", type=click.Choice(DAYS))
@click.argument("hours")
@click.option("--wanted", type=click.IntRange(1, 99), default=1, show_default=True, help="People.")
@click.option("--queue", "queues", multiple=True, help="For this queue; repeatable.")
@click.option("--from", "first", help="The first date.  [default: today]", **DATE)
@click.option("--until", "last", help="The last date.  [default: without end]", **DATE)
@click.pass_context
def shift_add(
    context: click.Context,
    day: str,
    hours: str,
    wanted: int,
    queues: tuple[str, ...],
    first: date | None,
    last: date | None,
) -> None:
    """Plan a shift: every week on DAY, during HOURS of local time.

    An end that is not after the start is on the next day.
    Example: decroche shift add monday 09:00-12:00 --wanted 2 --until 2027-06-30
    """
    from decroche.records import shifts

    folder, period = line_of(context), _period(hours)
    _check_queues(folder, queues)
    begin = first or _today(folder)
    id = shifts.add(folder.database, DAYS.index(day), period, wanted, begin, last, queues)
    click.echo(f"shift {id}: every {day} {hours}, {wanted} wanted. Nothing to apply")


@shift.command("set")
@click.argument("id", metavar="SHIFT", type=int)
@click.option("--hours", help="Other hours: 10:00-12:00.")
@click.option("--wanted", type=click.IntRange(1, 99), help="Another number of people.")
@click.option("--until", "last", help="Another last date.", **DATE)
@click.pass_context
def shift_set(
    context: click.Context, id: int, hours: str | None, wanted: int | None, last: date | None
) -> None:
    """Change a shift; who has signed up stays. Example: decroche shift set 1 --wanted 3"""
    from decroche.records import shifts

    if not (hours or wanted or last):
        raise click.UsageError("give --hours, --wanted or --until")
    period = _period(hours) if hours else None
    folder = line_of(context)
    shifts.change(folder.database, id, hours=period, wanted=wanted, last=last, today=_today(folder))
    click.echo(f"shift {id} is changed. Nothing to apply")


@shift.command("list")
@json_option
@click.pass_context
def shift_list(context: click.Context, as_json: bool) -> None:
    """List the shifts, each with its next date and who comes then."""
    from decroche.records import shifts
    from decroche.records.rota import DAY

    folder = line_of(context)
    rota, today, zone = shifts.read_from(folder.database), _today(folder), _zone(folder)
    rows = []
    for one in sorted(rota.shifts.values(), key=lambda one: (one.day, one.starts, one.id)):
        if one.removed and one.removed <= today:
            continue
        coming = [o for o in rota.between(today, today + 366 * DAY, zone) if o.shift is one]
        after = next((o for o in coming if not o.cancelled), None)
        last = min(filter(None, (one.last, one.removed and one.removed - DAY)), default=None)
        rows.append(
            {
                "shift": one.id,
                "day": DAYS[one.day],
                "hours": one.hours,
                "queues": " ".join(one.queues),
                "wanted": one.wanted,
                "from": one.first.isoformat(),
                "until": last.isoformat() if last else "",
                "next": after.date.isoformat() if after else "",
                "people": " ".join(after.people) if after else "",
            }
        )
    print_rows(rows, as_json, "no shift yet; type: decroche shift add monday 09:00-12:00")


@shift.command("show")
@click.argument("id", metavar="SHIFT", type=int)
@click.option(
    "--weeks", type=click.IntRange(1, 53), default=WEEKS, show_default=True, help="How many weeks."
)
@json_option
@click.pass_context
def shift_show(context: click.Context, id: int, weeks: int, as_json: bool) -> None:
    """Show the next dates of a shift, and who comes. Example: decroche shift show 3"""
    from decroche.records import schema, shifts
    from decroche.records.rota import DAY

    folder = line_of(context)
    today = _today(folder)
    connection = schema.reader(folder.database)
    try:
        shifts.find(connection, id, today)
        rota = shifts.read(connection)
    finally:
        connection.close()
    rows = [
        {
            "date": one.date.isoformat(),
            "hours": one.shift.hours,
            "people": " ".join(one.people),
            "places": 0 if one.cancelled else one.places,
            "state": "cancelled" if one.cancelled else "open" if one.places else "full",
        }
        for one in rota.between(today, today + weeks * 7 * DAY, _zone(folder))
        if one.shift.id == id
    ]
    print_rows(rows, as_json, f"shift {id} has no date in the next {weeks} weeks")


@shift.command("remove")
@click.argument("id", metavar="SHIFT", type=int)
@click.option("--from", "first", help="From this date on.  [default: today]", **DATE)
@click.option("--undo", is_flag=True, help="Plan it again.")
@click.pass_context
def shift_remove(context: click.Context, id: int, first: date | None, undo: bool) -> None:
    """There is no such shift any more; those who had signed up see it in their calendars.

    Example: decroche shift remove 3
    """
    from decroche.records import shifts

    folder = line_of(context)
    if undo:
        shifts.keep(folder.database, id)
        click.echo(f"shift {id} is planned again. Nothing to apply")
        return
    begin = first or _today(folder)
    shifts.remove(folder.database, id, begin)
    click.echo(f"shift {id} is removed from {begin} on. Nothing to apply")


@shift.command("sign-up")
@click.argument("id", metavar="SHIFT", type=int)
@click.argument("agent")
@click.option("--date", "day", required=True, help="On this date.", **DATE)
@click.option("--every-week", "weekly", is_flag=True, help="From that date on, every week.")
@click.pass_context
def shift_sign_up(context: click.Context, id: int, agent: str, day: date, weekly: bool) -> None:
    """Sign an agent up for a shift. Example: decroche shift sign-up 3 camille --date 2026-12-07"""
    from decroche.records import signups

    folder = line_of(context)
    full = signups.sign_up(folder.database, id, agent, day, _zone(folder), weekly)
    click.echo(f"{agent} comes on {day}{' and every week' * weekly}. Nothing to apply")
    if full:
        click.echo("Not on these dates, which are full: " + ", ".join(map(str, full)))


@shift.command("withdraw")
@click.argument("id", metavar="SHIFT", type=int)
@click.argument("agent")
@click.option("--date", "day", required=True, help="On this date.", **DATE)
@click.option("--every-week", "weekly", is_flag=True, help="From that date on, for good.")
@click.pass_context
def shift_withdraw(context: click.Context, id: int, agent: str, day: date, weekly: bool) -> None:
    """Take a sign-up back. Example: decroche shift withdraw 3 camille --date 2026-12-07"""
    from decroche.records import signups

    folder = line_of(context)
    signups.withdraw(folder.database, id, agent, day, _zone(folder), weekly)
    click.echo(f"{agent} does not come on {day}{' or later' * weekly}. Nothing to apply")


@shift.command("cancel")
@click.argument("id", metavar="SHIFT", type=int)
@click.argument("day", metavar="DATE", **DATE)
@click.option("--undo", is_flag=True, help="It takes place after all.")
@click.pass_context
def shift_cancel(context: click.Context, id: int, day: date, undo: bool) -> None:
    """A shift does not take place on one date. Example: decroche shift cancel 3 2026-12-28"""
    from decroche.records import shifts

    shifts.cancel(line_of(context).database, id, day, not undo)
    click.echo(f"shift {id} {'takes' if undo else 'does not take'} place on {day}")


@shift.command("calendar")
@click.argument("agent", required=False)
@click.option("--revoke", is_flag=True, help="The link leads nowhere any more; make no new one.")
@click.pass_context
def shift_calendar(context: click.Context, agent: str | None, revoke: bool) -> None:
    """Print a new secret link to the calendar of AGENT, or of the whole team without one.

    An earlier link is void. Example: decroche shift calendar camille
    """
    from decroche.hotline import load
    from decroche.records import feeds

    folder = line_of(context)
    if revoke:
        feeds.revoke(folder.database, agent)
        click.echo("The link leads nowhere any more")
        return
    network = load(folder.hotline).network
    secret = feeds.renew(folder.database, agent)
    own = "" if network.page_url else " Put your page's public address:"
    click.echo(f"Shown once; whoever has it reads this calendar.{own}")
    click.echo(f"{network.page_address}/calendar/{secret}.ics")


def _period(hours: str) -> tuple[time, time]:
    from decroche.records.rota import read_hours

    try:
        return read_hours(hours)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _check_queues(folder: Folder, queues: Sequence[str]) -> None:
    from decroche.hotline import load

    for name in queues:
        if name not in (known := load(folder.hotline).queues):
            raise click.BadParameter(f"no queue {name!r}; there are: {', '.join(known)}")


def _zone(folder: Folder) -> ZoneInfo:
    from decroche.hotline import load

    return load(folder.hotline).zone


def _today(folder: Folder) -> date:
    from decroche.records.events import instant, now

    return instant(now()).astimezone(_zone(folder)).date()
