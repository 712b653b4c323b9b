"""From what a person types to what the index is asked. Pure: text in, expressions out."""

from dataclasses import dataclass

from .words import SMALL_WORDS, split_words

MAX_CHARS = 200
MAX_WORDS = 12

_STEM_FROM = 3  # letters: shorter beginnings mean too many others


@dataclass(frozen=True, slots=True)
class Query:
    """A typed query: three questions to the index, each more generous than the one before.

    ``exact``: every word, the last one perhaps unfinished; ``loose``: every word, whatever its
    ending; ``some``: at least one of them. All are FTS5 expressions, quoted. ``words`` are what
    to mark in an answer, folded; one that may go on ends in "*".
    """

    words: tuple[str, ...]
    exact: str
    loose: str
    some: str


def parse_query(text: str) -> Query | None:
    """Read at most 200 characters and 12 words; None when no word is there to look for."""
    # Half a surrogate pair (a broken client) cannot be handed to SQLite.
    typed = text[:MAX_CHARS].encode("utf-8", "ignore").decode()
    words = _telling(split_words(typed)[:MAX_WORDS], finished=typed != typed.rstrip())
    if not words:
        return None
    exact = [*words[:-1], words[-1] + "*"]
    last = _stem(words[-1]).rstrip("*") + "*"
    loose = [*(_stem(word) for word in words[:-1]), last]
    return Query(
        words=_to_mark({*exact, *loose}),
        exact=" ".join(map(_quote, exact)),
        loose=" ".join(map(_quote, loose)),
        some=" OR ".join(map(_quote, loose)),
    )


def in_titles(expression: str) -> str:
    """Narrow an expression to titles, topics and keywords."""
    return f"{{title topic keywords}} : ({expression})"


def _telling(words: list[str], *, finished: bool) -> list[str]:
    """Drop small words and repetitions, unless nothing else is there.

    The last word may still grow ("de" into "declaration"): it stays until a space follows.
    """
    growing = words[-1:] if not finished else []
    kept = [word for word in words[: len(words) - len(growing)] if word not in SMALL_WORDS]
    return list(dict.fromkeys([*kept, *growing])) or words


def _to_mark(words: set[str]) -> tuple[str, ...]:
    """Drop a word that an open one covers already: "passe" beside "passe*"."""
    return tuple(sorted(word for word in words if word + "*" not in words))


def _stem(word: str) -> str:
    """Return a word without its plural ending, and open to others: "impots" -> "impot*"."""
    bare = word.rstrip("sx")
    return bare + "*" if len(bare) >= _STEM_FROM else word


def _quote(word: str) -> str:
    """Write a word as an FTS5 string; the star that opens it stands outside."""
    return f'"{word.rstrip("*")}"' + ("*" if word.endswith("*") else "")
