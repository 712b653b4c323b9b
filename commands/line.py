"""The line itself: make it, see what would change, put it in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of, release_here
from decroche.commands.printing import Progress, print_lines

if TYPE_CHECKING:
    from decroche.records.folder import Folder

EXAMPLES = Path(__file__).parent.with_name("configs")


@click.command()
@click.argument("target", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def init(context: click.Context, target: Path | None) -> None:
    """Make a line: a commented hotline.toml, secrets and the database in TARGET.

    What is there already is kept. Example: decroche init ~/line
    """
    from decroche.records.folder import Folder

    folder = Folder((target or Path(context.obj)).absolute())
    print_lines(make(folder))
    click.echo(f"Next: edit {folder.hotline}, then: decroche --dir {folder.root} up")


def make(folder: Folder) -> list[str]:
    """Make what is missing of a line; returns what was made."""
    from decroche.asterisk import line
    from decroche.dashboard import accounts
    from decroche.kb import schema as kb

    done = line.create(folder, EXAMPLES)
    kb.migrate(folder.database)
    accounts.prepare(folder.database)
    return done


def complete(folder: Folder) -> list[str]:
    """After a mending: tables and agents that could not be saved; returns what was made."""
    from decroche.asterisk.readmit import readmit

    return make(folder) + readmit(folder)


@click.command()
@click.pass_context
def plan(context: click.Context) -> None:
    """Show what 'apply' would change in the PBX, as a diff. Changes nothing."""
    from decroche.asterisk import apply as room

    lines = room.plan(folder_of(context), release_here())
    print_lines(lines or ["nothing would change: the line is as hotline.toml says"])


@click.command()
@click.pass_context
def apply(context: click.Context) -> None:
    """Put hotline.toml and the people in force; calls that are up go on."""
    from decroche.asterisk import apply as room

    print_lines(room.apply(folder_of(context), release_here(), Progress("prompts")))
