"""The menu in a terminal: what a caller hears, key by key."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of
from decroche.commands.printing import json_option

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from decroche.agi.rehearsal import Step

KEYS = frozenset("0123456789*#")
FICTION = "+33199000142"  # a number that is nobody's (ARCEP 2018-0881)
FATES = ("answered", "busy", "unanswered", "nobody")


@click.command("test")
@click.option("--at", "when", help='Pretend a local time: "2026-12-25 10:00".')
@click.option("--keys", help='Do not ask: answer the questions with these keys, as "1" or ",2".')
@click.option(
    "--staff",
    "fate",
    type=click.Choice(FATES),
    default="answered",
    show_default=True,
    help="What becomes of who waits: somebody answers, all are busy for ever, a phone rings in "
    "vain, or nobody is there.",
)
@click.option("--number", default=FICTION, show_default=True, help="The caller's number.")
@click.option("--withheld", is_flag=True, help="The caller withholds the number.")
@json_option
@click.pass_context
def menu_test(
    context: click.Context,
    when: str | None,
    keys: str | None,
    fate: str,
    number: str,
    withheld: bool,
    as_json: bool,
) -> None:
    """Walk through the menu as a caller would, without a telephone.

    Takes hotline.toml as it is written, applied or not, and the very code that serves calls; no
    time passes, nothing is recorded, nobody's phone rings. Type a key, Enter to press nothing, h
    to hang up. With --keys nobody is asked: an empty place presses nothing.
    Exit codes: 0 the call came to its end, 1 the line cannot be tried, 2 wrong usage.
    Example: decroche menu test --keys 1 --at "2026-12-25 10:00"
    """
    from decroche.agi.rehearsal import rehearse
    from decroche.hotline import load
    from decroche.records import switch
    from decroche.records.events import MICRO
    from decroche.records.events import instant as moment
    from decroche.records.opening import Opening

    folder = folder_of(context)
    hotline = load(folder.hotline)
    instant = _instant(when, hotline.zone)
    today = when is None and folder.database.exists()
    thrown = switch.read_from(folder.database) if today else {}  # what is said by hand
    press = _asked if keys is None else _scripted(keys)
    tell: Callable[[Step], None] = (lambda step: None) if as_json else _print
    if not as_json:
        at = int(instant.timestamp()) * MICRO
        opening = Opening(hotline, thrown)
        state = "open" if opening.is_open(at) else "closed"
        local = instant.astimezone(hotline.zone)
        click.echo(f"It is {local:%A %d %B %Y, %H:%M} on the line: {state}.")
        if state == "closed" and (opens := opening.next_change(at)):
            when = f"{moment(opens).astimezone(hotline.zone):%F %H:%M}"
            click.echo(f'To hear the open line: --at "{when}"', err=True)
    caller = "" if withheld else number
    found = rehearse(
        hotline, folder.prompts, press, tell, at=instant, number=caller, fate=fate, switches=thrown
    )
    if as_json:
        body = {"outcome": found.outcome, "queue": found.queue}
        steps = [step.__dict__ for step in found.steps]
        click.echo(json.dumps(body | {"steps": steps}, ensure_ascii=False, indent=2))
    if found.outcome == "left-to-the-dialplan":
        raise click.ClickException("the flow did not finish; Asterisk's own queue would take over")


def _instant(text: str | None, zone: ZoneInfo) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter('write it as "2026-12-25 10:00"', param_hint="--at") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _scripted(text: str) -> Callable[[str, bool], str]:
    """One key for each question, in order; then nothing any more."""
    keys = [key.strip() for key in text.split(",")]
    if wrong := [key for key in keys if key not in KEYS | {"", "h"}]:
        raise click.BadParameter(f"{wrong[0]!r} is no key", param_hint="--keys")
    return lambda prompt, question: keys.pop(0) if question and keys else ""


def _asked(prompt: str, question: bool) -> str:
    """The key that somebody types; at the end of the input nothing is pressed."""
    text = "key (Enter: none, h: hang up)" if question else "key (Enter: listen on)"
    while True:
        click.echo(f"              {text}: ", nl=False, err=True)
        key = sys.stdin.readline().strip()
        if key in KEYS | {"", "h"}:
            return key
        click.echo("one of 0 to 9, * or #; Enter; or h", err=True)


def _print(step: Step) -> None:
    minutes, seconds = divmod(round(step.at), 60)
    click.echo(f"{minutes:3}:{seconds:02}  {step.what:<8}  {step.text}".rstrip())
