"""Queues: callers who wait for the same agents."""

from __future__ import annotations

import click

from decroche.commands.context import line_of
from decroche.commands.naming import queue_argument
from decroche.commands.printing import json_option, print_lines, print_rows
from decroche.commands.queue_members import queue_members


@click.group()
def queue() -> None:
    """Queues: callers who wait for the same agents."""


@queue.command("add")
@click.argument("name")
@click.option("--label", required=True, help="What people read, as on the board.")
@click.argument("words", metavar="[KEY=VALUE]...", nargs=-1)
@click.pass_context
def queue_add(context: click.Context, name: str, label: str, words: tuple[str, ...]) -> None:
    """Add the queue NAME to hotline.toml; 'queue show' lists the keys that there are.

    Example: decroche queue add papiers --label "Papiers" ring_time=25 overflow=demarches
    """
    from decroche.records import queues

    print_lines(queues.add(line_of(context), name, label, words))


@queue.command("list")
@json_option
@click.pass_context
def queue_list(context: click.Context, as_json: bool) -> None:
    """List the queues, who waits, and whether 'apply' is needed.

    Example: decroche queue list --json
    """
    from decroche.records import queues

    print_rows(queues.rows(line_of(context)), as_json, "no queue")


@queue.command("show")
@queue_argument
@json_option
@click.pass_context
def queue_show(context: click.Context, name: str, as_json: bool) -> None:
    """Show every key of the queue NAME, and which are defaults.

    docs/hotline.md says what each does. Example: decroche queue show demarches
    """
    from decroche.records import queues

    print_rows(queues.settings(line_of(context), name), as_json, "")


@queue.command("set")
@queue_argument
@click.argument("words", metavar="KEY=VALUE...", nargs=-1, required=True)
@click.pass_context
def queue_set(context: click.Context, name: str, words: tuple[str, ...]) -> None:
    """Set keys of the queue NAME; an empty value puts the default back.

    Example: decroche queue set demarches ring_time=25 strategy=ring-few overflow=
    """
    from decroche.records import queues

    print_lines(queues.change(line_of(context), name, words))


@queue.command("remove")
@queue_argument
@click.option("--to", default="", metavar="QUEUE", help="Where its keys and callers go instead.")
@click.pass_context
def queue_remove(context: click.Context, name: str, to: str) -> None:
    """Take the queue NAME out of hotline.toml, and what leads to it, elsewhere.

    Whoever waits in it when this is applied moves to the first queue left, with the same wait.
    Example: decroche queue remove visio --to demarches
    """
    from decroche.records import queues

    print_lines(queues.remove(line_of(context), name, to))


queue.add_command(queue_members)
