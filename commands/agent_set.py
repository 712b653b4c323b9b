"""What is said of one agent: skills, tiers, limits of their own, callers of last time."""

from __future__ import annotations

import click

from decroche.commands.context import line_of

LINES = -1  # what "line" stands for: the line's own limit


class Limit(click.ParamType[int]):
    """A number of 0 or more, or the word "line"."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        if value == "line":
            return LINES
        text = str(value)
        if not text.isdigit() or int(text) > 1440:
            self.fail(f'{text!r} is neither a number from 0 to 1440 nor "line"', param, context)
        return int(text)


def _tiers(texts: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for text in texts:
        queue, _, tier = text.partition("=")
        if not tier.isdigit():
            raise click.BadParameter(f"{text!r}: write QUEUE=TIER, as visio=1")
        found[queue] = int(tier)
    return found


@click.command("set")
@click.argument("name")
@click.option("--skill", "skills", multiple=True, help="A topic or language; repeatable.")
@click.option("--no-skills", is_flag=True, help="Take all skills away.")
@click.option("--tier", "tiers", multiple=True, metavar="QUEUE=TIER", help="0 rings first.")
@click.option("--calls-a-day", type=Limit(), help='At most so many; 0: no limit, "line": as all.')
@click.option("--minutes-a-day", type=Limit(), help="Of talking, in the same way.")
@click.option("--long-call", type=Limit(), help="Minutes from which on a call is long.")
@click.option("--rest-after-long", type=Limit(), help="Minutes of rest after a long call.")
@click.option("--same-helper/--no-same-helper", default=None, help="Get callers of last time.")
@click.pass_context
def agent_set(
    context: click.Context,
    name: str,
    skills: tuple[str, ...],
    no_skills: bool,
    tiers: tuple[str, ...],
    calls_a_day: int | None,
    minutes_a_day: int | None,
    long_call: int | None,
    rest_after_long: int | None,
    same_helper: bool | None,
) -> None:
    """Say what an agent can and wishes; it holds at once.

    --skill replaces the skills that they had. A limit of 0 is none, "line" the one of [agents] in
    hotline.toml. Without options, show what is said.
    Example: decroche agent set camille --skill fr --skill en --tier visio=1 --calls-a-day 20
    """
    from decroche.records.abilities import Wish, change

    folder = line_of(context)
    limits = {
        "calls_a_day": calls_a_day,
        "minutes_a_day": minutes_a_day,
        "long_call": long_call,
        "rest_after_long": rest_after_long,
    }
    wish = Wish(
        skills=() if no_skills else skills or None,
        tiers=_tiers(tiers),
        limits={limit: value for limit, value in limits.items() if value is not None},
        same_helper=same_helper,
    )
    if wish != Wish():
        change(folder.database, name, wish)
        click.echo("It holds at once; nothing is to be applied.")
    _show(context, name)


def _show(context: click.Context, name: str) -> None:
    from decroche.commands.printing import print_lines
    from decroche.hotline import load
    from decroche.records.abilities import LIMITS, abilities
    from decroche.records.people import PeopleError

    folder = line_of(context)
    ability = abilities(folder.database).get(name)
    if ability is None:
        raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")
    hotline = load(folder.hotline)
    rules = hotline.agents
    places = sorted(ability.places.items())
    lines = {
        "skills": " ".join(sorted(ability.skills)) or "none",
        "queues": ", ".join(f"{queue} tier {place.tier}" for queue, place in places) or "none",
    }
    for limit in LIMITS:
        own = getattr(ability, limit)
        value = getattr(rules, limit) if own is None else own
        lines[limit.replace("_", " ")] = f"{value or 'none'}{' (the line)' if own is None else ''}"
    lines["same helper"] = "yes" if ability.same_helper else "no"
    print_lines(f"{key:16} {value}" for key, value in lines.items())
    if unknown := ability.skills - hotline.asked:
        names = " ".join(sorted(unknown))
        click.echo(f"No queue and no choice of hotline.toml asks for: {names}", err=True)
