"""Who is in a queue, at which tier, with which skills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from decroche.commands.context import line_of
from decroche.commands.printing import json_option, print_rows

if TYPE_CHECKING:
    from decroche.records.folder import Folder


@click.command("members")
@click.argument("name")
@click.option("--add", "added", multiple=True, metavar="AGENT[:TIER]", help="Tier 0 rings first.")
@click.option("--remove", "removed", multiple=True, metavar="AGENT", help="Repeatable.")
@json_option
@click.pass_context
def queue_members(
    context: click.Context,
    name: str,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the agents of a queue, or change who is in it; it holds at once.

    --add also moves who is there already to another tier.
    Example: decroche queue members visio --add camille --add driss:1 --remove noe
    """
    from decroche.hotline import load
    from decroche.records import abilities

    folder = line_of(context)
    queues = load(folder.hotline).queues
    if name not in queues:
        raise click.ClickException(f"no queue {name!r}; there are: {', '.join(queues)}")
    if added or removed:
        places = dict(_place(text) for text in added)
        abilities.arrange(folder.database, name, places, removed)
        click.echo("It holds at once; nothing is to be applied.", err=True)
    empty = f"nobody is in {name}; type: decroche queue members {name} --add AGENT"
    print_rows(_rows(folder, name), as_json, empty)


def _place(text: str) -> tuple[str, int]:
    agent, colon, tier = text.partition(":")
    if colon and not tier.isdigit():
        raise click.BadParameter(f"{text!r}: write AGENT or AGENT:TIER, as camille:1")
    return agent, int(tier or 0)


def _rows(folder: Folder, queue: str) -> list[dict[str, Any]]:
    """By tier, then in the order of the strategy "in-order"."""
    from contextlib import closing

    from decroche.records import abilities, schema, views
    from decroche.records.events import now
    from decroche.records.roll import presence_of, reach_of

    able = abilities.abilities(folder.database)
    with closing(schema.reader(folder.database)) as connection:
        here = [row for row in views.presence(connection) if queue in able[row["name"]].places]
    places = {row["name"]: able[row["name"]].places[queue] for row in here}
    return [
        {
            "agent": row["name"],
            "label": row["label"],
            "tier": places[row["name"]].tier,
            "skills": " ".join(sorted(able[row["name"]].skills)),
            "presence": presence_of(row, now()),
            "phone": reach_of(row),
        }
        for row in sorted(here, key=lambda r: (places[r["name"]].tier, places[r["name"]].position))
    ]
