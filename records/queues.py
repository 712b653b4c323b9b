"""Queues as commands change them: in hotline.toml, with its comments."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ..hotline import HotlineError, Queue, load
from . import people, views
from .assign import put, rows_of, values_of
from .editing import Document, edit, table
from .folder import Folder
from .schema import reader


def add(folder: Folder, name: str, label: str, words: Sequence[str]) -> list[str]:
    """Add a queue. :raises HotlineError: there is one, a bad name, key or value."""
    values = {"label": label} | values_of(Queue, words)

    def change(document: Document) -> None:
        if name in table(document, "queues"):
            raise HotlineError(f"there is a queue {name!r}; 'decroche queue set' changes it")
        put(table(document, "queues", name), values)

    return edit(folder, change)


def change(folder: Folder, name: str, words: Sequence[str]) -> list[str]:
    """Set keys of a queue. :raises HotlineError: no such queue, a bad key or value."""
    values = values_of(Queue, words)

    def put_values(document: Document) -> None:
        _known(table(document, "queues"), name)
        put(table(document, "queues", name), values)

    return edit(folder, put_values)


def remove(folder: Folder, name: str, to: str) -> list[str]:
    """Take a queue out; what leads to it leads to ``to`` from then on.

    :raises HotlineError: no such queue; something leads to it and ``to`` is empty.
    """

    def take_out(document: Document) -> None:
        queues = table(document, "queues")
        _known(queues, name)
        if len(queues) == 1:
            raise HotlineError(f"{name!r} is the only queue; a line needs one")
        uses = _uses(document, name)
        if uses and not to:
            lead = "lead" if len(uses) > 1 else "leads"
            raise HotlineError(f"{' and '.join(uses)} {lead} to {name!r}; say: --to QUEUE")
        if to == name:
            raise HotlineError(f"--to {to}: say another queue than the one that goes")
        if to:
            _known(queues, to)
            _redirect(document, name, to)
        del queues[name]

    return edit(folder, take_out)


def _uses(document: Document, name: str) -> list[str]:
    menu = table(document, "menu")
    found = ["the menu's default"] if menu.get("default") == name else []
    found += [f"key {one['key']}" for one in menu.get("choices", ()) if one["queue"] == name]
    queues = table(document, "queues").items()
    return found + [f"the overflow of {key}" for key, one in queues if one.get("overflow") == name]


def _redirect(document: Document, name: str, to: str) -> None:
    menu = table(document, "menu")
    if menu.get("default") == name:
        menu["default"] = to
    for choice in menu.get("choices", ()):
        if choice["queue"] == name:
            choice["queue"] = to
    for key, queue in table(document, "queues").items():
        if queue.get("overflow") == name:
            put(queue, {"overflow": None if key == to else to})


def _known(queues: Any, name: str) -> None:
    if name not in queues:
        raise HotlineError(f"no queue {name!r}; there are: {', '.join(queues)}")


def rows(folder: Folder) -> list[dict[str, Any]]:
    """Every queue for a list: of the file, and those in force still."""
    wanted, applied = load(folder.hotline).queues, _applied(folder)
    members = people.members(folder.database)
    waiting = _waiting(folder)
    return [
        {
            "name": name,
            "label": (wanted.get(name) or applied[name]).label,
            "strategy": (wanted.get(name) or applied[name]).strategy,
            "agents": len(members.get(name, ())),
            "waiting": waiting[name],
            "in_force": _in_force(wanted.get(name), applied.get(name)),
        }
        for name in [*wanted, *(name for name in applied if name not in wanted)]
    ]


def settings(folder: Folder, name: str) -> list[dict[str, Any]]:
    """Every key of a queue: its value, and whether the file says so or it is the default.

    :raises HotlineError: no such queue.
    """
    hotline = load(folder.hotline)
    _known(hotline.queues, name)
    return rows_of(hotline.queues[name])


def _applied(folder: Folder) -> dict[str, Queue]:
    return load(folder.applied).queues if folder.applied.exists() else {}


def _in_force(wanted: Queue | None, applied: Queue | None) -> str:
    """What 'apply' would do about a queue, in a word."""
    if wanted is None:
        return "until apply"
    if applied is None:
        return "after apply"
    return "yes" if wanted == applied else "changed: apply"


def _waiting(folder: Folder) -> Counter[str]:
    """Callers who wait or ring now, by queue."""
    with closing(reader(folder.database)) as connection:
        calls = views.open_calls(connection)
    return Counter(call["queue"] for call in calls if call["stage"] in ("waiting", "ringing"))
