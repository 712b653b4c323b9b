"""The people who take calls, and accounts on the page."""

from __future__ import annotations

import click

from decroche.commands.agent_phone import agent_phone
from decroche.commands.context import folder_of
from decroche.commands.printing import json_option, print_lines, print_rows


@click.group()
def agent() -> None:
    """The people who take calls."""


agent.add_command(agent_phone)


@agent.command("add")
@click.argument("name")
@click.option("--label", help="The alias that colleagues see.  [default: NAME]")
@click.option("--queue", "queues", multiple=True, help="A queue to be member of; repeatable.")
@click.pass_context
def agent_add(
    context: click.Context, name: str, label: str | None, queues: tuple[str, ...]
) -> None:
    """Add an agent; prints what to type into a SIP headset's or softphone's settings.

    Without --queue the agent joins every queue.
    Example: decroche agent add camille --label Camille --queue demarches
    """
    from decroche.asterisk import line

    print_lines(line.add_agent(folder_of(context), name, label or name.capitalize(), queues))
    click.echo("Next: decroche apply")


@agent.command("list")
@json_option
@click.pass_context
def agent_list(context: click.Context, as_json: bool) -> None:
    """List the agents with their queues and what they do now."""
    from decroche.asterisk import line

    empty = "no agent yet; type: decroche agent add NAME"
    print_rows(line.agents(folder_of(context)), as_json, empty)


@agent.command("remove")
@click.argument("name")
@click.pass_context
def agent_remove(context: click.Context, name: str) -> None:
    """Remove an agent; what they did stays in the record."""
    from decroche.records import people

    people.remove_agent(folder_of(context).database, name)
    click.echo(f"{name} is removed. Next: decroche apply")


@click.command("account-code")
@click.pass_context
def account_code(context: click.Context) -> None:
    """Print a one-time code for one more account on the page, or after a lost password.

    It is good once, for a day; an earlier code is void.
    """
    from decroche.dashboard import accounts
    from decroche.hotline import load

    folder = folder_of(context)
    network = load(folder.hotline).network
    code = accounts.issue_code(folder.database)
    click.echo(f"Open within a day: http://{network.page_bind}:{network.page}/start?code={code}")
