"""When the line is open: the hours in hotline.toml, and the switch for the day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from decroche.commands.context import folder_of, line_of
from decroche.commands.printing import json_option, print_lines, print_rows

queue_option = click.option("--queue", default="", help="Of this queue alone.")
until_option = click.option(
    "--until", default="", help="14:00, or 2026-12-24 14:00.  [default: the end of the day]"
)
say_option = click.option("--say", "text", default="", help="What callers hear; it is spoken.")


@click.group()
def hours() -> None:
    """When the line is open; close or open it by hand for a while."""


@hours.command("show")
@json_option
@click.pass_context
def hours_show(context: click.Context, as_json: bool) -> None:
    """Show what is in force now and why, and the hours of today and the next seven days.

    Example: decroche hours show --json
    """
    from decroche.hotline import load
    from decroche.records import agenda, switch
    from decroche.records.events import instant, now
    from decroche.records.opening import Opening

    folder, at = line_of(context), now()
    hotline = load(folder.applied if folder.applied.exists() else folder.hotline)
    opening = Opening(hotline, switch.read_from(folder.database))
    in_force = agenda.now_in_force(opening, at)
    days = agenda.days(opening, instant(at).astimezone(hotline.zone).date())
    if as_json:
        found = {"now": in_force, "days": days, "applied": _applied(context, hotline)}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for row in in_force:
        said = f"; callers hear: {row['said']}" if row["said"] else ""
        click.echo(f"{row['what']}: {row['state']} until {row['until']} ({row['why']}){said}")
    print_rows(days, False, "")
    if not _applied(context, hotline):
        click.echo("hotline.toml is not in force as it is now. Next: decroche apply", err=True)


def _applied(context: click.Context, hotline: Any) -> bool:
    """Whether the hours in force are those of hotline.toml."""
    from decroche.hotline import HotlineError, load

    if not folder_of(context).applied.exists():
        return False
    try:
        found = load(folder_of(context).hotline)
    except HotlineError:
        return False
    own = [(name, queue.hours) for name, queue in found.queues.items()]
    theirs = [(name, queue.hours) for name, queue in hotline.queues.items()]
    return (found.hours, own) == (hotline.hours, theirs)


@hours.command("set")
@click.argument("day", default="")
@click.argument("periods", nargs=-1)
@click.option("--same-as-line", is_flag=True, help="The queue has no hours of its own any more.")
@queue_option
@click.pass_context
def hours_set(
    context: click.Context, day: str, periods: tuple[str, ...], same_as_line: bool, queue: str
) -> None:
    """Set the periods of DAY: monday ... sunday, monday-friday, weekdays, weekend, everyday, or
    holidays (what happens on public holidays). "closed" stands for no period.

    Example: decroche hours set weekdays 09:00-12:00 14:00-18:00
    """
    from decroche.records import timetable
    from decroche.records.editing import edit

    if same_as_line:
        if not queue or day:
            raise click.UsageError("--same-as-line goes with --queue, and without DAY")
        change = timetable.as_the_line(queue)
    elif day:
        change = timetable.week(queue, day, periods)
    else:
        raise click.UsageError("write a DAY and its periods, as: monday 09:00-18:00")
    print_lines(edit(folder_of(context), change))


@hours.command("holiday")
@click.argument("day", required=False, type=click.DateTime(["%Y-%m-%d"]))
@click.argument("periods", nargs=-1)
@click.option("--region", help='Keep its public holidays: FR, FR-GP, FR-Alsace ... or "none".')
@click.option("--remove", is_flag=True, help="DAY goes by the week again.")
@queue_option
@json_option
@click.pass_context
def hours_holiday(
    context: click.Context,
    day: Any,
    periods: tuple[str, ...],
    region: str | None,
    remove: bool,
    queue: str,
    as_json: bool,
) -> None:
    """List the coming days that differ from the week: public holidays, closed days, openings.

    With DAY: open in PERIODS only, or "closed". Examples: decroche hours holiday --region FR;
    decroche hours holiday 2026-12-24 09:00-12:00; decroche hours holiday 2026-12-24 --remove
    """
    from decroche.records import timetable
    from decroche.records.editing import edit

    folder = folder_of(context)
    if region is not None:
        if day or periods or remove:
            raise click.UsageError("--region goes without DAY")
        print_lines(edit(folder, timetable.region(queue, region)))
    elif remove and day and not periods:
        print_lines(edit(folder, timetable.usual(queue, day.date())))
    elif day and not remove:
        print_lines(edit(folder, timetable.exception(queue, day.date(), periods)))
    elif remove:
        raise click.UsageError("--remove wants a DAY, and no periods")
    else:
        print_rows(list(_coming(context)), as_json, "no day differs from the week")


def _coming(context: click.Context) -> Iterator[dict[str, Any]]:
    """As hotline.toml has it, applied or not: who has just changed it wants to see that."""
    from decroche.hotline import load
    from decroche.records import agenda
    from decroche.records.events import instant, now
    from decroche.records.opening import Opening

    hotline = load(folder_of(context).hotline)
    return agenda.differing(Opening(hotline), instant(now()).astimezone(hotline.zone).date())


@hours.command("close")
@until_option
@say_option
@click.option("--now", "clears", is_flag=True, help="Tell those, too, who wait already.")
@queue_option
@click.pass_context
def hours_close(context: click.Context, until: str, text: str, clears: bool, queue: str) -> None:
    """Close the line for new callers, at once; who waits is still served. It ends by itself.

    Example: decroche hours close --until 14:00 --say "Nous sommes en réunion jusqu'à 14 heures."
    """
    _throw(context, "closed", queue, until, text, clears)


@hours.command("short")
@until_option
@say_option
@queue_option
@click.pass_context
def hours_short(context: click.Context, until: str, text: str, queue: str) -> None:
    """Say that the line is short of staff: callers may leave their number before they wait.

    It opens nothing: it holds while the hours have the line open. It ends by itself.

    Example: decroche hours short --until 18:00
    """
    _throw(context, "short", queue, until, text)


@hours.command("open")
@until_option
@queue_option
@click.pass_context
def hours_open(context: click.Context, until: str, queue: str) -> None:
    """Open the line, whatever its hours say. It ends by itself.

    Example: decroche hours open --until 20:00 --queue visio
    """
    _throw(context, "open", queue, until, "")


@hours.command("auto")
@queue_option
@click.pass_context
def hours_auto(context: click.Context, queue: str) -> None:
    """End what was set by hand: the line, or one queue, goes by its hours again.

    Without --queue that of every queue ends, too. Example: decroche hours auto
    """
    _throw(context, "auto", queue, "", "")


def _throw(
    context: click.Context, state: str, queue: str, until: str, text: str, clears: bool = False
) -> None:
    from decroche.asterisk import switching

    folder = line_of(context)
    print_lines(switching.throw(folder, state, queue, until, text, clears))
