"""hotline.toml as a whole, and the shell's completion."""

from __future__ import annotations

from pathlib import Path

import click

from decroche.commands.context import folder_of, line_of, release_here
from decroche.commands.printing import json_option, print_lines, print_rows


@click.group()
def config() -> None:
    """hotline.toml as a whole: show it with its defaults, check it, edit it."""


@config.command("show")
@click.option("--applied", is_flag=True, help="What is in force, not what the file says now.")
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@json_option
@click.pass_context
def config_show(context: click.Context, applied: bool, changed: bool, as_json: bool) -> None:
    """Show every key with its value, also those that the file leaves to the default.

    Example: decroche config show --changed
    """
    from decroche.hotline import load
    from decroche.records.assign import rows_of_all

    folder = line_of(context)
    rows = rows_of_all(load(folder.applied if applied else folder.hotline))
    rows = [row for row in rows if not (changed and row["is_default"])]
    print_rows(rows, as_json, "everything is as the defaults say")


@config.command("set")
@click.argument("words", metavar="PATH=VALUE...", nargs=-1, required=True)
@click.pass_context
def config_set(context: click.Context, words: tuple[str, ...]) -> None:
    """Set any key by its path, as 'config show' lists it; an empty value is the default.

    A table that is there or not, as voicemail, is on or off.
    Example: decroche config set line.name="Entraide" callbacks.prefixes=+33 voicemail=on
    """
    from decroche.records import paths

    print_lines(paths.change(line_of(context), words))


@config.command("check")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def config_check(context: click.Context, file: Path | None) -> None:
    """Say whether hotline.toml (or FILE) could be applied; changes nothing.

    It is read, written for Asterisk, and that is read back. Exit code 1 with line and reason
    when it could not. Example: decroche config check ~/hotline-next.toml
    """
    from decroche.asterisk import apply as room

    folder = line_of(context)
    changed = room.check(folder, release_here(), file or folder.hotline)
    click.echo(f"{file or folder.hotline} is good")
    click.echo(f"'apply' would change: {', '.join(changed)}" if changed else "it is in force")


@config.command("edit")
@click.pass_context
def config_edit(context: click.Context) -> None:
    """Edit hotline.toml in your editor (EDITOR); what is not valid is not kept.

    A mistake is shown with its line, and the editor opens again on your text.
    Example: EDITOR=nano decroche config edit
    """
    from decroche.records.editing import by_hand

    def edited(text: str) -> str | None:
        return click.edit(text, extension=".toml", require_save=False)

    def again(problem: str) -> bool:
        click.echo(problem, err=True)
        return click.confirm("Edit again? (No: everything stays as it was)", default=True, err=True)

    print_lines(by_hand(folder_of(context), edited, again))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what SHELL needs to complete commands, options, and the names of your line.

    Example, in ~/.bashrc: eval "$(decroche completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if found is None:
        raise click.ClickException(f"click knows no completion for {shell}")
    click.echo(found(root, {}, "decroche", "_DECROCHE_COMPLETE").source())
