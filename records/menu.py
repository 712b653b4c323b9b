"""The menu as commands show and change it: in hotline.toml, with its comments."""

from collections.abc import Sequence
from typing import Any

import tomlkit
from tomlkit.items import AoT

from ..hotline import HotlineError, Menu, load, prompt_texts
from .assign import put, rows_of, values_of
from .editing import Document, edit, table
from .folder import Folder


def set_key(folder: Folder, key: str, queue: str, label: str) -> list[str]:
    """Let a key lead to a queue; an empty queue or label keeps the present one.

    :raises HotlineError: a key, queue or label that cannot be; nothing has changed.
    """

    def change(document: Document) -> None:
        menu = table(document, "menu")
        choice = _find(menu, key)
        if choice is None:
            if not queue or not label:
                raise HotlineError(f"key {key} is new: say its queue and --label")
            return _append(menu, {"key": key, "queue": queue, "label": label})
        put(choice, {name: word for name, word in (("queue", queue), ("label", label)) if word})

    return edit(folder, change)


def remove_key(folder: Folder, key: str) -> list[str]:
    """Take a key out of the menu. :raises HotlineError: it is none of its keys."""

    def change(document: Document) -> None:
        menu = table(document, "menu")
        choices = menu.get("choices", [])
        at = [place for place, choice in enumerate(choices) if choice["key"] == key]
        if not at:
            there = ", ".join(choice["key"] for choice in choices) or "none"
            raise HotlineError(f"the menu has no key {key}; it has: {there}")
        del choices[at[0]]
        if not choices:
            del menu["choices"]

    return edit(folder, change)


def set_values(folder: Folder, words: Sequence[str]) -> list[str]:
    """Set what concerns the whole menu: default, repeat, patience ...

    :raises HotlineError: no such key of hotline.toml's [menu], or a bad value.
    """
    values = values_of(Menu, words)
    return edit(folder, lambda document: put(table(document, "menu"), values))


def shown(folder: Folder) -> dict[str, Any]:
    """What a caller hears, what each key does, and the rules, as one record."""
    hotline = load(folder.hotline)
    texts = prompt_texts(hotline)
    rules = hotline.callbacks
    back = [{"key": rules.menu, "does": "promises a call-back"}] if rules and rules.menu else []
    return {
        "heard": [texts[name] for name in ("greeting", "information", "menu") if name in texts],
        "keys": [
            {"key": choice.key, "does": f"queue {choice.queue}", "label": choice.label}
            for choice in hotline.menu.choices
        ]
        + [one | {"label": ""} for one in back],
        "nothing": f"queue {hotline.menu.default}",
        "rules": {row["key"]: row["value"] for row in rows_of(hotline.menu)},
    }


def _find(menu: Any, key: str) -> Any:
    return next((choice for choice in menu.get("choices", ()) if choice["key"] == key), None)


def _append(menu: Any, values: dict[str, str]) -> None:
    """One more choice, in the way in which the file writes them."""
    choices = menu.get("choices")
    if isinstance(choices, AoT):
        fresh = tomlkit.table()
        fresh.update(values)
        choices.append(fresh)
        return
    if choices is None:
        choices = tomlkit.array()
        choices.multiline(True)
        menu["choices"] = choices
        choices = menu["choices"]
    inline = tomlkit.inline_table()
    inline.update(values)
    choices.append(inline)
