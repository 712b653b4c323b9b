"""The people who take calls, and accounts on the page. Import and invitations: files beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from decroche.commands.agent_import import agent_import
from decroche.commands.agent_invite import agent_invite
from decroche.commands.agent_phone import agent_phone
from decroche.commands.agent_set import agent_set
from decroche.commands.context import folder_of, line_of
from decroche.commands.presence import presence
from decroche.commands.printing import json_option, print_lines, print_rows

if TYPE_CHECKING:
    from decroche.records.folder import Folder

SOON = "In force within seconds while the recorder runs; else: decroche apply"


@click.group()
def agent() -> None:
    """The people who take calls."""


agent.add_command(agent_set)
agent.add_command(agent_phone)


@agent.command("add")
@click.argument("name")
@click.option("--label", help="The alias that colleagues see.  [default: NAME]")
@click.option("--email", default="", help="Where an invitation goes.")
@click.option("--queue", "queues", multiple=True, help="A queue to be member of; repeatable.")
@click.pass_context
def agent_add(
    context: click.Context, name: str, label: str | None, email: str, queues: tuple[str, ...]
) -> None:
    """Add an agent; prints what to type into a SIP headset's or softphone's settings.

    Without --queue the agent joins every queue. Many at once: decroche agent import.
    Example: decroche agent add camille --label Camille --queue demarches
    """
    from decroche.asterisk import line
    from decroche.records.people import check_email

    email = email and check_email(email)
    lines = line.add_agent(line_of(context), name, label or name.capitalize(), queues, email)
    print_lines(lines)
    click.echo("Next: decroche apply")


@agent.command("list")
@click.option("--queue", help="Those of one queue.")
@click.option(
    "--presence",
    type=click.Choice(["available", "paused", "away"]),
    help="Those who declared this.",
)
@click.option("--invited", is_flag=True, help="Those who have a link, and no password yet.")
@click.option("--disabled", is_flag=True, help="Those who are disabled.")
@json_option
@click.pass_context
def agent_list(
    context: click.Context,
    queue: str | None,
    presence: str | None,
    invited: bool,
    disabled: bool,
    as_json: bool,
) -> None:
    """List the agents with their queues, what they do now, and how far their invitation is.

    Example: decroche agent list --queue demarches --presence available
    """
    from decroche.asterisk import line, prompts
    from decroche.records import roll
    from decroche.records.events import now

    folder, at = line_of(context), now()
    if queue:
        line.check_queues(folder, (queue,))
    zone = prompts.in_force(folder).zone  # a file that is being edited hinders no list
    rows = [roll.as_row(row, at, zone) for row in roll.people(folder.database)]
    wanted = [
        row
        for row in rows
        if (queue is None or queue in {word.split(":")[0] for word in row["queues"].split()})
        and (presence is None or row["presence"].split(" ")[0] == presence)
        and (not invited or row["invitation"] in ("invited", "not sent", "expired"))
        and (not disabled or row["presence"] == "disabled")
    ]
    empty = "nobody is like that" if rows else "no agent yet; type: decroche agent add NAME"
    print_rows(wanted, as_json, empty)


@agent.command("show")
@click.argument("name")
@json_option
@click.pass_context
def agent_show(context: click.Context, name: str, as_json: bool) -> None:
    """Show all that is known of one agent.

    Example: decroche agent show camille
    """
    facts = _facts(line_of(context), name)
    if as_json:
        print_rows([facts], True, "")
    else:
        print_lines(f"{what:<12} {value}" for what, value in facts.items())


def _facts(folder: Folder, name: str) -> dict[str, Any]:
    from decroche.dashboard import charter, joining
    from decroche.hotline import load
    from decroche.records import roll
    from decroche.records.events import now

    row, last = roll.person(folder.database, name)
    zone = load(folder.hotline).zone
    facts = roll.as_facts(row, last, now(), zone)
    facts["account"] = joining.account_name(folder.database, name) or "none"
    if row["charter"] and row["charter"] not in charter.versions(folder):
        facts["charter"] += "; it was changed since"
    return facts


@agent.command("edit")
@click.argument("name")
@click.option("--label", help="The alias that colleagues see.")
@click.option("--email", help="Where an invitation goes; an empty one takes it away.")
@click.option("--queue", "queues", multiple=True, help="Exactly these queues; repeatable.")
@click.option("--account", help="The account on the page that is theirs; empty: none.")
@click.pass_context
def agent_edit(
    context: click.Context,
    name: str,
    label: str | None,
    email: str | None,
    queues: tuple[str, ...],
    account: str | None,
) -> None:
    """Change an agent's label, address or queues; in force at once.

    Example: decroche agent edit camille --queue demarches --queue visio
    """
    from decroche.asterisk import line
    from decroche.dashboard import joining
    from decroche.records import staffing

    folder = line_of(context)
    if label is email is account is None and not queues:
        raise click.UsageError("say what to change: --label, --email, --queue or --account")
    line.check_queues(folder, queues)
    if account is not None:
        joining.tie(folder.database, account, name)
    staffing.edit_agent(folder.database, name, label, email, queues or None)
    click.echo(f"{name} is changed; nothing more to do")


@agent.command("password")
@click.argument("name")
@click.pass_context
def agent_password(context: click.Context, name: str) -> None:
    """Give an agent's phone a new password and print it once; the old one is void.

    Example: decroche agent password camille
    """
    from decroche.asterisk import line
    from decroche.hotline import load
    from decroche.records import staffing

    folder = line_of(context)
    password = staffing.rekey_phone(folder.database, name, "command")
    click.echo("Type this into the phone; the password is not shown again:")
    print_lines(line.phone_settings(load(folder.hotline).network, name, password))
    click.echo(SOON)


@agent.command("disable")
@click.argument("name")
@click.pass_context
def agent_disable(context: click.Context, name: str) -> None:
    """No more calls, phone and page refused, at once; stays in the record.

    A conversation that is up goes on. Example: decroche agent disable camille
    """
    from decroche.dashboard import joining
    from decroche.records import staffing

    database = line_of(context).database
    done = staffing.disable_agent(database, name)
    joining.end_sessions(database, name)
    if done:
        click.echo(f"{name} does not ring any more, and is signed out. The phone is refused:")
        click.echo(SOON.lower())
    else:
        click.echo(f"{name} is disabled already; nothing changes")


@agent.command("enable")
@click.argument("name")
@click.pass_context
def agent_enable(context: click.Context, name: str) -> None:
    """Let a disabled agent take calls again, with the phone and the account of before.

    Example: decroche agent enable camille
    """
    from decroche.records import staffing

    if staffing.enable_agent(line_of(context).database, name):
        click.echo(f"{name} may take calls again, from the next *11 on.")
        click.echo(SOON)
    else:
        click.echo(f"{name} is not disabled; nothing changes")


agent.add_command(presence)


@agent.command("remove")
@click.argument("name")
@click.pass_context
def agent_remove(context: click.Context, name: str) -> None:
    """Remove an agent, their address and account; what they did stays in the record.

    Example: decroche agent remove camille
    """
    from decroche.dashboard import joining
    from decroche.records import people

    database = line_of(context).database
    joining.part(database, name)  # first: whoever is killed in between takes calls, no more
    people.remove_agent(database, name)
    click.echo(f"{name} is removed. Next: decroche apply")


agent.add_command(agent_import)
agent.add_command(agent_invite)


@click.command("account-code")
@click.pass_context
def account_code(context: click.Context) -> None:
    """Print a one-time code for one more account on the page, or after a lost password.

    It is good once, for a day; an earlier code is void. Volunteers: decroche agent invite.
    """
    from decroche.dashboard import accounts
    from decroche.hotline import load

    folder = folder_of(context)
    network = load(folder.hotline).network
    code = accounts.issue_code(folder.database)
    click.echo(f"Open within a day: {network.page_address}/start?code={code}")
