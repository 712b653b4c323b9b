"""Which line and which Asterisk a command works on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from decroche.asterisk.pbx import Pbx
    from decroche.asterisk.release import Release
    from decroche.records.folder import Folder


def folder_of(context: click.Context) -> Folder:
    from decroche.records.folder import Folder

    return Folder(Path(context.obj).absolute())


def line_of(context: click.Context) -> Folder:
    folder = folder_of(context)
    if not folder.database.exists():
        raise click.ClickException(f"there is no line in {folder.root}; 'decroche init' makes one")
    return folder


def release_here() -> Release:
    from decroche.asterisk.release import default_home, find_release

    release = find_release(default_home())
    if release is None:
        raise click.ClickException("there is no Asterisk yet; type: decroche pbx install")
    return release


def pbx_of(context: click.Context) -> Pbx:
    from decroche.asterisk.pbx import Pbx

    return Pbx(release_here(), folder_of(context).pbx)
