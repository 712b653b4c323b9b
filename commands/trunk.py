"""Trunks: the providers that bring the calls."""

from __future__ import annotations

import click

from decroche.commands.context import line_of
from decroche.commands.naming import trunk_argument
from decroche.commands.printing import json_option, print_lines, print_rows


@click.group()
def trunk() -> None:
    """Trunks: the providers that bring the calls."""


PASSWORD = click.option(
    "--password", is_flag=True, help="Ask for the password; it is kept in secrets.toml."
)


def _asked(password: bool) -> str:
    """The password, asked for without showing it; a pipe may give it as a line."""
    if not password:
        return ""
    text: str = click.prompt("Password", hide_input=True, err=True)
    return text


@trunk.command("add")
@click.argument("name")
@click.argument("words", metavar="KEY=VALUE...", nargs=-1)
@PASSWORD
@click.pass_context
def trunk_add(context: click.Context, name: str, words: tuple[str, ...], password: bool) -> None:
    """Add the trunk NAME to hotline.toml: host, dids (the numbers called), kind, port, username.

    Example: decroche trunk add ovh kind=register host=siptrunk.example username=0033987654321
    dids=0987654321 --password
    """
    from decroche.records import trunks

    print_lines(trunks.add(line_of(context), name, words, _asked(password)))


@trunk.command("set")
@trunk_argument
@click.argument("words", metavar="[KEY=VALUE]...", nargs=-1)
@PASSWORD
@click.pass_context
def trunk_set(context: click.Context, name: str, words: tuple[str, ...], password: bool) -> None:
    """Set keys of the trunk NAME, or its password; an empty value puts the default back.

    Example: decroche trunk set ovh dids=0987654321,0987654322 --password
    """
    from decroche.records import trunks

    if not words and not password:
        raise click.UsageError("say what to set: KEY=VALUE, or --password")
    print_lines(trunks.change(line_of(context), name, words, _asked(password)))


@trunk.command("list")
@json_option
@click.pass_context
def trunk_list(context: click.Context, as_json: bool) -> None:
    """List the trunks, their numbers, and whether 'apply' is needed.

    Example: decroche trunk list --json
    """
    from decroche.records import trunks

    empty = "no trunk yet; type: decroche trunk add NAME host=... dids=..."
    print_rows(trunks.rows(line_of(context)), as_json, empty)


@trunk.command("remove")
@trunk_argument
@click.pass_context
def trunk_remove(context: click.Context, name: str) -> None:
    """Take the trunk NAME out of hotline.toml, and its password out of secrets.toml.

    Example: decroche trunk remove local
    """
    from decroche.records import trunks

    print_lines(trunks.remove(line_of(context), name))


@trunk.command("test")
@trunk_argument
@json_option
@click.pass_context
def trunk_test(context: click.Context, name: str, as_json: bool) -> None:
    """Say whether the trunk NAME is in force, registered, and answers; exit code 1 if not.

    Sends the provider one SIP OPTIONS. Then call one of the numbers: no test replaces that.
    Example: decroche trunk test ovh
    """
    from decroche.asterisk.pbx import Pbx
    from decroche.asterisk.release import default_home, find_release
    from decroche.asterisk.trunk_check import check

    folder, release = line_of(context), find_release(default_home())
    found = list(check(folder, Pbx(release, folder.pbx) if release else None, name))
    print_rows([one.as_row() for one in found], as_json, "")
    if any(one.good is False for one in found):
        raise click.exceptions.Exit(1)
