"""KEY=VALUE words of a command, as values of one table of hotline.toml."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from ..hotline import HotlineError


def keys_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The keys of a table that a word can set, with their types: no tables within it."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint for name, hint in hints.items() if not _is_table(hint)}


def values_of(kind: type[msgspec.Struct], words: Sequence[str]) -> dict[str, Any]:
    """``("ring_time=25", "overflow=")`` -> ``{"ring_time": 25, "overflow": None}``.

    An empty value stands for the default. A list is written with commas.

    :raises HotlineError: no such key, or no value of its kind; says what there is.
    """
    keys, found = keys_of(kind), dict[str, Any]()
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise HotlineError(f"{word!r}: write KEY=VALUE, for instance {next(iter(keys))}=...")
        if key not in keys:
            raise HotlineError(f"no key {key!r}; there are: {', '.join(keys)}")
        found[key] = _value(key, keys[key], text.strip())
    return found


def put(table: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set ``values`` in a table of the file; None takes a key out."""
    for key, value in values.items():
        if value is not None:
            table[key] = value
        elif key in table:
            del table[key]


def rows_of(one: msgspec.Struct) -> list[dict[str, Any]]:
    """A table of the model as rows: key, value, and whether that is its default."""
    found = []
    for field in msgspec.structs.fields(one):
        if field.name not in keys_of(type(one)):
            continue
        value = getattr(one, field.name)
        made = field.default_factory
        default = field.default if made is msgspec.NODEFAULT else made()
        row = {"key": field.name, "value": shown(value), "is_default": value == default}
        found.append(row)
    return found


def rows_of_all(one: msgspec.Struct, path: str = "") -> list[dict[str, Any]]:
    """Every key of a table and of the tables within it: key (with its path), value, is_default.

    A table that is not there has one row, with an empty value.
    """
    rows = [row | {"key": path + row["key"]} for row in rows_of(one)]
    for name, hint in get_type_hints(type(one), include_extras=True).items():
        if not _is_table(hint):
            continue
        value = getattr(one, name)
        if isinstance(value, dict):
            for key, inner in value.items():
                within = f"{path}{name}.{key}"
                if isinstance(inner, msgspec.Struct):
                    rows += rows_of_all(inner, f"{within}.")
                else:
                    rows.append({"key": within, "value": shown(inner), "is_default": False})
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                rows += rows_of_all(inner, f"{path}{name}.{at}.")
        elif value is None:
            rows.append({"key": path + name, "value": "", "is_default": True})
        else:
            rows += rows_of_all(value, f"{path}{name}.")
    return rows


def shown(value: object) -> str:
    """A value as a word writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _value(key: str, kind: Any, text: str) -> Any:
    if not text:
        return None
    raw: Any = text
    if _is_list(kind):
        raw = [part.strip() for part in text.split(",") if part.strip()]
    try:
        value = msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        raise HotlineError(f"{key}={text}: {str(error).partition(' - at')[0]}") from None
    return value


def parts_of(kind: Any) -> list[Any]:
    """The plain types that a type hint is made of."""
    inner = get_args(kind)
    own = [] if inner and get_origin(kind) not in (list, dict) else [get_origin(kind) or kind]
    return own + [part for one in inner for part in parts_of(one)]


def _is_list(kind: Any) -> bool:
    return list in parts_of(kind)


def _is_table(kind: Any) -> bool:
    return any(
        part is dict or (isinstance(part, type) and issubclass(part, msgspec.Struct))
        for part in parts_of(kind)
    )
