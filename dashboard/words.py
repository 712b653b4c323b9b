"""The catalogue of the page: locale/fr.toml and locale/en.toml, by key.

An entry is a text, or a table with "one" and "other" that ``n`` chooses from: French
says one for 0 and 1, English for 1 only. Values stand in braces: "chez {agent}".
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("fr", "en")
NAMES = {"fr": "Français", "en": "English"}
ONE_UP_TO = {"fr": 1, "en": 1}
ONE_FROM = {"fr": 0, "en": 1}

Entry = str | Mapping[str, str]


class Words:
    """``words("calls.more", n=17)`` in one language. An unknown key is a KeyError."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._entries = catalogue(language)

    def __call__(self, key: str, /, **values: object) -> str:
        entry = self._entries[key]
        if not isinstance(entry, str):
            n = values["n"]
            one = isinstance(n, int) and ONE_FROM[self.language] <= n <= ONE_UP_TO[self.language]
            entry = entry["one" if one else "other"]
        return entry.format(**values) if values else entry


@cache
def words(language: str) -> Words:
    return Words(language)


@cache
def catalogue(language: str) -> dict[str, Entry]:
    """All entries of a language, keys joined with dots."""
    path = Path(__file__).with_name("locale") / f"{language}.toml"
    return dict(_flat("", tomllib.loads(path.read_text("utf-8"))))


def choose(cookie: str | None, accept: str, default: str) -> str:
    """The language of a page: the person's choice, the browser's list, the line's own."""
    if cookie in LANGUAGES:
        return cookie
    return next((code for code in _preferred(accept) if code in LANGUAGES), default)


def _preferred(accept: str) -> list[str]:
    """Accept-Language (RFC 9110, 12.5.4) as language codes, the dearest first."""
    ranked = []
    for part in accept.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") or "1"
        try:
            ranked.append((float(quality), tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    ranked.sort(key=lambda pair: -pair[0])
    return [code for quality, code in ranked if quality > 0]


def _flat(prefix: str, table: Mapping[str, object]) -> list[tuple[str, Entry]]:
    found: list[tuple[str, Entry]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, str):
            found.append((name, value))
        elif isinstance(value, dict) and set(value) == {"one", "other"}:
            found.append((name, value))
        elif isinstance(value, dict):
            found += _flat(f"{name}.", value)
    return found
