"""Trunks as commands change them: hotline.toml for what they are, secrets.toml for passwords."""

from collections.abc import Sequence
from typing import Any

from ..hotline import HotlineError, Trunk, load
from . import secrets
from .assign import put, shown, values_of
from .editing import Document, edit, table
from .folder import Folder


def add(folder: Folder, name: str, words: Sequence[str], password: str) -> list[str]:
    """Add a trunk. The password of one that registers goes into secrets.toml.

    :raises HotlineError: there is one, or a bad name, key or value. :raises SecretsError: the
        trunk is added; its password is not.
    """
    values = values_of(Trunk, words)

    def change(document: Document) -> None:
        if name in table(document, "trunks"):
            raise HotlineError(f"there is a trunk {name!r}; 'decroche trunk set' changes it")
        put(table(document, "trunks", name), values)

    said = edit(folder, change)
    if password:
        secrets.keep_trunk(folder.secrets, name, password)
    return said


def change(folder: Folder, name: str, words: Sequence[str], password: str) -> list[str]:
    """Set keys of a trunk, or its password. :raises HotlineError: as :func:`add`."""
    values = values_of(Trunk, words)

    def put_values(document: Document) -> None:
        _known(table(document, "trunks"), name)
        put(table(document, "trunks", name), values)

    said = edit(folder, put_values)
    if not password:
        return said
    secrets.keep_trunk(folder.secrets, name, password)
    kept = f"the password is kept in {folder.secrets}"
    return [kept, *said] if values else [kept, "Next: decroche apply"]


def remove(folder: Folder, name: str) -> list[str]:
    """Take a trunk out, and its password. :raises HotlineError: no such trunk."""

    def take_out(document: Document) -> None:
        trunks = table(document, "trunks")
        _known(trunks, name)
        del trunks[name]

    said = edit(folder, take_out)
    secrets.keep_trunk(folder.secrets, name, "")
    return said


def rows(folder: Folder) -> list[dict[str, Any]]:
    """Every trunk of the file for a list."""
    applied = load(folder.applied).trunks if folder.applied.exists() else {}
    return [
        {
            "name": name,
            "kind": trunk.kind,
            "host": f"{trunk.host}:{trunk.port}",
            "numbers": shown(trunk.dids),
            "in_force": "yes" if applied.get(name) == trunk else "after apply",
        }
        for name, trunk in load(folder.hotline).trunks.items()
    ]


def _known(trunks: Any, name: str) -> None:
    if name not in trunks:
        there = ", ".join(trunks) or "none"
        raise HotlineError(f"no trunk {name!r}; there are: {there}")
