"""The line with real calls, before it opens for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of, release_here
from decroche.commands.printing import Progress, json_option, print_lines, print_rows, say

if TYPE_CHECKING:
    from decroche.asterisk.simulate import Result
    from decroche.records.tally import Totals


@click.command()
@click.option(
    "--callers",
    default=50,
    show_default=True,
    type=click.IntRange(1, 2000),
    help="People who call.",
)
@click.option(
    "--agents",
    default=10,
    show_default=True,
    type=click.IntRange(0, 500),
    help="Agents, in the queues of the line's own ones, one after the other.",
)
@click.option(
    "--minutes",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.05, 240),
    help="How long callers come; it takes as long.",
)
@click.option(
    "--talk",
    default=120.0,
    show_default=True,
    type=click.FloatRange(2, 7200),
    help="Seconds of a talk, on average.",
)
@click.option(
    "--patience",
    default=90.0,
    show_default=True,
    type=click.FloatRange(1, 7200),
    help="Seconds that somebody waits before they give up, on average.",
)
@click.option(
    "--arrival",
    default="poisson",
    show_default=True,
    type=click.Choice(["poisson", "burst"]),
    help="Callers come at random, or all of them within ten seconds.",
)
@click.option("--seed", default=1, show_default=True, help="The same number gives the same people.")
@json_option
@click.pass_context
def simulate(context: click.Context, /, as_json: bool, **wish: float | str) -> None:
    """Play the configured line with real calls, and say what callers met.

    On a private copy of the line, with an Asterisk of its own; your line is not touched. Takes
    hotline.toml as it is written, applied or not, and the sentences that there are; the line
    counts as open. In real time. Ctrl-C ends it and prints what was met until then. Exit code 1
    when a call did not arrive: then this machine, or the line, is not up to it.
    Example: decroche simulate --callers 50 --agents 10 --minutes 5
    """
    from decroche.asterisk import simulate as room
    from decroche.asterisk.simulate_people import Wish

    seconds = 60 * float(wish.pop("minutes"))
    asked = Wish(seconds=seconds, **wish)  # type: ignore[arg-type]
    if asked.callers > room.MANY:
        say(f"more than {room.MANY} callers: this machine may be what they wait for")
    found = room.run(folder_of(context), release_here(), asked, Progress("simulation"))
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        _print(found)
    if found.lost and not found.interrupted:
        raise click.exceptions.Exit(1)


def _print(found: Result) -> None:
    print_lines(_summary(found))
    rows = [_row(part.label or part.key, part.totals) for part in found.report.by_queue]
    if len(rows) > 1:
        click.echo()
        print_rows(rows, False, "", heads=True)


def _summary(found: Result) -> Iterator[str]:
    totals, met, wish = found.report.totals, found.met, found.wish
    cut = "interrupted: " if found.interrupted else ""
    yield f"{cut}{found.called} people called in {found.seconds:.0f} s; {wish.agents} agents"
    yield ""
    yield _share("answered", totals.answered, totals.arrived)
    where = ", ".join(f"{stage} {n}" for stage, n in totals.abandoned_in.items() if n)
    yield _share("gave up", totals.abandoned, totals.arrived, where)
    for outcome, count in totals.unanswered.items():
        yield _share(outcome, count, totals.arrived)
    if totals.under_way:
        yield _share("still on the line", totals.under_way, totals.arrived)
    if found.lost:
        yield _share("did not arrive", found.lost, found.called)
    yield ""
    median, p90 = _seconds(totals.wait_median), _seconds(totals.wait_p90)
    yield f"wait               median {median}, nine of ten within {p90}, longest {met.longest} s"
    level = found.report.service_level
    if totals.service_level is not None:
        yield _share(f"within {level} s", totals.in_time, totals.decided)
    yield f"at once            {met.most_waiting} waited at most, {met.most_talking} talked"
    yield f"agents             talked {met.busy:.0%} of the time"


def _share(what: str, count: int, of: int, more: str = "") -> str:
    share = f"{count / of:4.0%}" if of else ""
    return f"{what:<18} {count:5}  {share}  {more}".rstrip()


def _seconds(value: int | None) -> str:
    return "-" if value is None else f"{value} s"


def _row(queue: str, totals: Totals) -> dict[str, object]:
    share = totals.service_level
    return {
        "queue": queue or "(none)",
        "calls": totals.arrived,
        "answered": totals.answered,
        "gave_up": totals.abandoned,
        "other": sum(totals.unanswered.values()),
        "median_wait": _seconds(totals.wait_median),
        "nine_of_ten": _seconds(totals.wait_p90),
        "in_time": "-" if share is None else f"{share:.0%}",
    }
