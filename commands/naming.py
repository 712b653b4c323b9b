"""Names that a shell can complete: queues, trunks and agents of the line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from decroche.records.folder import Folder


def completed(names: Callable[[Folder], Iterable[str]]) -> Any:
    """For click's ``shell_complete``: the names of the line that begin as typed."""

    def complete(context: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from decroche.records.folder import Folder

        root = context.find_root().params.get("root") or Path(".")
        try:
            there = list(names(Folder(Path(root).absolute())))
        except Exception:  # a shell that completes shows no traceback, whatever is wrong here
            return []
        return [name for name in there if name.startswith(incomplete)]

    return complete


def _queues(folder: Folder) -> Iterable[str]:
    from decroche.hotline import load

    return load(folder.hotline).queues


def _trunks(folder: Folder) -> Iterable[str]:
    from decroche.hotline import load

    return load(folder.hotline).trunks


def _agents(folder: Folder) -> Iterable[str]:
    from decroche.records.people import list_agents

    return [agent.name for agent in list_agents(folder.database)]


queue_argument = click.argument("name", shell_complete=completed(_queues))
trunk_argument = click.argument("name", shell_complete=completed(_trunks))
agent_argument = click.argument("name", shell_complete=completed(_agents))
