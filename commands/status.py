"""The line on one screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of
from decroche.commands.printing import json_option, on_a_terminal

if TYPE_CHECKING:
    from decroche.asterisk.overview import Overview
    from decroche.records.folder import Folder


STATES = {"open": "open", "short": "short of staff", "closed": "closed"}
COLOURS = {"up": "green", "down": "red", "frozen": "red"}


@click.command()
@click.option("--watch", is_flag=True, help="Go on, until Ctrl-C.")
@json_option
@click.pass_context
def status(context: click.Context, watch: bool, as_json: bool) -> None:
    """Show the line on one screen: open or closed, what is up, who calls, who is there.

    Reads only; works while the line is down, and says so. With --watch a terminal shows the line
    as it changes; a pipe gets the screen, or a line of JSON, each time that something has changed.
    Example: decroche status --watch
    """
    from decroche.asterisk import overview as room

    folder = folder_of(context)
    if watch:
        with suppress(KeyboardInterrupt):
            _watch(folder, as_json)
    else:
        found = room.overview(folder)
        click.echo(_json(found, 2) if as_json else "\n".join(screen(found)))


def _watch(folder: Folder, as_json: bool) -> None:
    from decroche.asterisk import overview as room

    if on_a_terminal() and not as_json:
        return _live(folder)
    before = ""
    for found in room.watch(folder):
        text = _json(found, None) if as_json else "\n".join([*screen(found), ""])
        if (known := _timeless(found)) != before:
            before = known
            click.echo(text)


def _live(folder: Folder) -> None:
    from rich.live import Live
    from rich.text import Text

    from decroche.asterisk import overview as room

    with Live(auto_refresh=False, screen=True) as live:
        for found in room.watch(folder):
            text = "\n".join([*screen(found), "", "Ctrl-C ends this."])
            live.update(Text.from_ansi(text), refresh=True)


def _timeless(found: Overview) -> str:
    """All but the time, to tell whether anything has changed."""
    return json.dumps(asdict(found) | {"at": 0})


def _json(found: Overview, indent: int | None) -> str:
    return json.dumps(asdict(found), ensure_ascii=False, indent=indent)


def screen(found: Overview) -> Iterator[str]:
    """The screen, line by line; times are the line's own."""
    from zoneinfo import ZoneInfo

    from decroche.records.events import instant

    zone = ZoneInfo(found.timezone)
    local = instant(found.at).astimezone(zone)
    yield f"{_style(found.name, bold=True)}   {local:%A %d %B %Y, %H:%M:%S}"
    yield _opening(found, zone)
    for one in found.switches:
        said = f': "{one.text}"' if one.text else ""
        until = _when(one.until, found.at, zone)
        yield _row(one.queue or "by hand", f"{STATES[one.state]} until {until}{said}")
    yield ""
    for part in found.parts:
        state = f"since {_when(part.since, found.at, zone)}" if part.since else ""
        words = [_style(f"{part.state:<6}", fg=COLOURS.get(part.state)), state, part.more]
        yield _row(part.name, "  ".join(word for word in words if word))
    for name, state in found.trunks.items():
        yield _row(f"trunk {name}", state)
    yield ""
    yield from _numbers(found, zone)
    for alarm in found.alarms:
        yield _style(f"! {alarm}", fg="red", bold=True)


def _opening(found: Overview, zone: tzinfo) -> str:
    change = f" until {_when(found.changes, found.at, zone)}" if found.changes else ""
    if not found.is_up:
        return _style(f"NOBODY CAN CALL: Asterisk is {found.parts[0].state}", fg="red", bold=True)
    if found.open:
        return _style(f"open{change}", fg="green", bold=True)
    return _style(f"closed{change}", fg="yellow", bold=True)


def _numbers(found: Overview, zone: tzinfo) -> Iterator[str]:
    calls, agents, today = found.calls, found.agents, found.today
    longest = ""
    if calls.oldest:
        longest = f" (the first for {_duration(found.at - calls.oldest)})"
    last = "" if found.is_up else "   (as last known)"
    yield _row(
        "callers",
        f"{calls.waiting} wait, {calls.ringing} ring{longest}, {calls.talking} talk, "
        f"{calls.menu} in the menu{last}",
    )
    words = [f"{agents.free} free", f"{agents.on_calls} on calls", f"{agents.resting} rest"]
    words += [f"{agents.paused} paused", f"{agents.away} away"]
    if agents.unreachable:
        words.append(f"{agents.unreachable} without a phone")
    yield _row("agents", ", ".join(words))
    yield _row(
        "today",
        f"{today.arrived} calls: {today.answered} answered, {today.abandoned} gave up, "
        f"{today.unanswered} reached nobody, {today.closed} closed",
    )
    yield _row(
        "owed",
        f"{found.owed} in the ledger, {found.promised} call-backs promised, "
        f"{found.unheard} messages unheard",
    )
    made = _when(found.backup, found.at, zone) if found.backup else "none is known of"
    yield _row("last backup", made)


def _row(head: str, text: str) -> str:
    return f"  {head:<15}{text}".rstrip()


def _when(at: int | None, now: int, zone: tzinfo) -> str:
    """A time of today, or a date and a time."""
    from decroche.records.events import instant

    if at is None:
        return ""
    local = instant(at).astimezone(zone)
    same = local.date() == instant(now).astimezone(zone).date()
    return f"{local:%H:%M}" if same else f"{local:%A %d %B, %H:%M}"


def _duration(micro: int) -> str:
    minutes, seconds = divmod(max(0, micro) // 1_000_000, 60)
    return f"{minutes} min {seconds:02}" if minutes else f"{seconds} s"


def _style(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    return click.style(text, fg=fg, bold=bold) if on_a_terminal() else text
