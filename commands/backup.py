"""Backup and restore."""

from __future__ import annotations

from pathlib import Path

import click

from decroche.commands.context import folder_of, line_of
from decroche.commands.line import make
from decroche.commands.printing import Progress, print_lines


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-secrets", is_flag=True, help="Also copy the keys, into FILE.secrets.toml.")
@click.pass_context
def backup(context: click.Context, file: Path | None, with_secrets: bool) -> None:
    """Back the line up into FILE while it runs: database, hotline.toml, recorded sentences.

    Without the keys, unless asked for: keep those apart. Default: DIR/backups/decroche-TIME.tar.gz
    """
    from decroche.records import backup as room
    from decroche.records.recordings import recordings

    folder = line_of(context)
    file = file or room.default_name(folder)
    sounds = recordings(folder.prompts)
    manifest = room.backup(folder, file, sounds, Progress("backup"), with_secrets)
    count = len({path.stem for path in sounds if path.suffix != ".json"})
    click.echo(f"{file}: {manifest.newest} events, {count} recorded sentences")
    if with_secrets:
        click.echo(f"{room.keys_beside(file)}: the keys; whoever has both can read the numbers")
    else:
        click.echo("The keys are not in it: secrets.toml stays in the line's folder.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--secrets",
    "keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The keys of another machine, as 'backup --with-secrets' wrote them.",
)
@click.pass_context
def restore(context: click.Context, file: Path, keys: Path | None) -> None:
    """Make the line of FILE, in an empty folder or over a line whose services are stopped.

    What stands there is put aside. Who was forgotten meanwhile stays so.
    Example: decroche --dir ~/line restore decroche-20261124T020000Z.tar.gz
    """
    from decroche.records import restore as room

    folder = folder_of(context)
    print_lines(room.restore(folder, file, Progress("restore"), keys))
    print_lines(make(folder))
    click.echo(f"Next: decroche --dir {folder.root} up")
