"""The menu: what callers hear first, and where their keys lead."""

from __future__ import annotations

import json

import click

from decroche.commands.context import line_of
from decroche.commands.menu_test import menu_test
from decroche.commands.printing import json_option, print_lines, print_rows


@click.group()
def menu() -> None:
    """The menu: what callers hear first, and where their keys lead."""


@menu.command("show")
@json_option
@click.pass_context
def menu_show(context: click.Context, as_json: bool) -> None:
    """Show what a caller hears and what each key does.

    Example: decroche menu show
    """
    from decroche.records import menu as room

    found = room.shown(line_of(context))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    print_lines(f"« {text} »" for text in found["heard"])
    print_rows([*found["keys"], {"key": "-", "does": found["nothing"], "label": ""}], False, "")
    print_lines(f"{key} = {value}" for key, value in found["rules"].items())


@menu.command("set")
@click.argument("words", metavar="KEY [QUEUE] | NAME=VALUE...", nargs=-1, required=True)
@click.option("--label", default="", help="What the caller hears before 'press KEY'.")
@click.option("--remove", is_flag=True, help="Take KEY out of the menu.")
@click.pass_context
def menu_set(context: click.Context, words: tuple[str, ...], label: str, remove: bool) -> None:
    """Let the key KEY lead to QUEUE, or set what concerns the whole menu.

    Examples: decroche menu set 3 papiers --label "Vos papiers";
    decroche menu set 3 --remove; decroche menu set repeat=3 patience=8 default=demarches
    """
    from decroche.records import menu as room

    folder = line_of(context)
    if any("=" in word for word in words):
        if label or remove:
            raise click.UsageError("--label and --remove go with one KEY")
        return print_lines(room.set_values(folder, words))
    if len(words) > 2 or (remove and len(words) > 1):
        raise click.UsageError("say one KEY, and where it leads: decroche menu set 3 papiers")
    if remove:
        return print_lines(room.remove_key(folder, words[0]))
    print_lines(room.set_key(folder, words[0], words[1] if len(words) > 1 else "", label))


menu.add_command(menu_test)
