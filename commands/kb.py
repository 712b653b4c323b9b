"""What people know: the sheets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of
from decroche.commands.printing import Progress, print_lines

if TYPE_CHECKING:
    from decroche.records.folder import Folder


@click.group()
def kb() -> None:
    """What people know: the sheets."""


@kb.command("import")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def kb_import(context: click.Context, source: Path) -> None:
    """Import a folder of Markdown files as sheets; repeat it after editing them."""
    print_lines(import_sheets(folder_of(context), source))


def import_sheets(folder: Folder, source: Path) -> list[str]:
    from decroche.kb.library import import_folder

    done = import_folder(folder.database, source, Progress("sheets"))
    counts = f"{done.added} added, {done.changed} changed, {done.removed} removed"
    return [
        *(f"left out: {problem.file}: {problem.reason}" for problem in done.problems),
        f"sheets: {counts}, {done.unchanged} as they were",
    ]
