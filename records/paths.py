"""Any key of hotline.toml by its path: ``line.name``, ``queues.visio.ring_time``, ``voicemail``."""

from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec

from ..hotline import Hotline, HotlineError
from .assign import parts_of, put, values_of
from .editing import Document, edit, table
from .folder import Folder

ON, OFF = ("on", "yes", "true"), ("off", "no", "false", "")


def change(folder: Folder, words: Sequence[str]) -> list[str]:
    """Set keys by ``PATH=VALUE``; an empty value puts the default back.

    A table whose presence means something, as ``voicemail``, is ``on`` or ``off``.

    :raises HotlineError: no such key, or no value of its kind; nothing has changed.
    """

    def put_all(document: Document) -> None:
        for word in words:
            path, equals, text = word.partition("=")
            if not equals:
                raise HotlineError(f"{word!r}: write PATH=VALUE, for instance line.name=Entraide")
            _put(document, path.strip().split("."), text.strip())

    return edit(folder, put_all)


def _put(document: Document, path: Sequence[str], text: str) -> None:
    *tables, key = path
    kind = _kind(tables)
    if _tables(kind).get(key) is not None:
        return _switch(document, path, text)
    if _is_struct(kind):
        if not tables:
            raise HotlineError(f"no table {key!r}; there are: {', '.join(_tables(Hotline))}")
        values = values_of(kind, [f"{key}={text}"])
    elif kind is _Named:
        raise HotlineError(f"{'.'.join(path)} has a name of its own: say one of its keys, too")
    else:
        values = {key: text or None}
    if text or _is_there(document, tables):
        put(table(document, *tables), values)


def _is_there(document: Document, tables: Sequence[str]) -> bool:
    """Whether the file has a table: a default is put back without making one, as the presence of
    [callbacks] or of hours of a queue means something.
    """
    here: Any = document
    for name in tables:
        if name not in here:
            return False
        here = here[name]
    return True


def _switch(document: Document, path: Sequence[str], text: str) -> None:
    """Make or remove a table of which every key has a default."""
    *tables, key = path
    if text in OFF:
        if _is_there(document, tables):
            table(document, *tables).pop(key, None)
    elif text in ON:
        table(document, *path)
    else:
        raise HotlineError(f"{'.'.join(path)} is a table: say on or off, or one of its keys")


def _kind(tables: Sequence[str]) -> Any:
    """What stands at a path of tables: a table of the model, or a type of plain values.

    :raises HotlineError: nothing does.
    """
    kind: Any = Hotline
    named = False  # the next word is a name that the admin has given, as of a queue
    for at, name in enumerate(tables):
        if named:
            named = False
            continue
        found = _tables(kind).get(name)
        if found is None:
            path = ".".join(tables[: at + 1])
            there = ", ".join(_tables(kind)) or "keys only"
            raise HotlineError(f"no table {path!r}; there are: {there}")
        kind, named = found
    return kind if not named or not _is_struct(kind) else _Named


class _Named:
    """A table of tables, as ``queues``: its keys are names."""


def _tables(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The tables within a table: key -> (type of what is in it, whether names come first)."""
    if not _is_struct(kind):
        return {}
    found: dict[str, tuple[Any, bool]] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        parts = parts_of(hint)
        structs = [part for part in parts if _is_struct(part)]
        if list in parts:
            continue
        if dict in parts:
            found[name] = (structs[0], True) if structs else (str, False)
        elif structs:
            found[name] = (structs[0], False)
    return found


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
