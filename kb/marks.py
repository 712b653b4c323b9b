"""Showing where a text answers a query, as pieces of plain text: no HTML in, none out."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .words import any_accent, spellings

SNIPPET_CHARS = 140
_SCAN_CHARS = 12 * 1024  # a snippet from further down is worth less than the time it takes


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text; ``marked`` when it answers the query."""

    text: str
    marked: bool = False


Segments = tuple[Segment, ...]


def mark(text: str, words: tuple[str, ...]) -> Segments:
    """Cut a text into marked and unmarked pieces; joined they are the text again."""
    pieces: list[Segment] = []
    at = 0
    for start, end in _spans(text, words):
        pieces += [Segment(text[at:start]), Segment(text[start:end], marked=True)]
        at = end
    return tuple(piece for piece in (*pieces, Segment(text[at:])) if piece.text)


def snippet(text: str, words: tuple[str, ...], size: int = SNIPPET_CHARS) -> Segments:
    """Return the stretch of at most ``size`` characters that holds most of the words.

    Empty when the text holds none of them. Cuts fall between words and show as "…".
    """
    text = text[:_SCAN_CHARS]
    spans = _spans(text, words)
    if not spans:
        return ()
    start, end = _window(text, _best_start(text, spans, size), size)
    before, after = "…" if start else "", "…" if end < len(text) else ""
    cut = " ".join(text[start:end].split())
    return tuple(mark(f"{before}{cut}{after}", words))


def to_html(segments: Iterable[Segment]) -> str:
    """Write pieces as HTML: text escaped, marked pieces in <mark>."""
    pieces = ((html.escape(piece.text), piece.marked) for piece in segments)
    return "".join(f"<mark>{text}</mark>" if marked else text for text, marked in pieces)


def _spans(text: str, words: tuple[str, ...]) -> list[tuple[int, int]]:
    if not words:
        return []
    return [match.span() for match in _pattern(words).finditer(_lower(text))]


def _lower(text: str) -> str:
    """Return a text in lower case, letter by letter where places would shift (as with "İ")."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _best_start(text: str, spans: list[tuple[int, int]], size: int) -> int:
    """Return the beginning of the span from which most different words are in reach."""
    # 24 places are enough to choose from: a word that is everywhere decides nothing.
    places = [(start, end, text[start : start + 4].lower()) for start, end in spans[:24]]

    def different(first: int) -> int:
        reach = places[first][0] + size - size // 4
        return len({word for _, end, word in places[first : first + 6] if end <= reach})

    return places[max(range(len(places)), key=lambda first: (different(first), -first))][0]


def _window(text: str, start: int, size: int) -> tuple[int, int]:
    """Return a stretch around ``start`` that begins and ends between words."""
    left = max(0, start - size // 4)
    if left:
        space = re.search(r"\s", text[left:start])
        left = left + space.end() if space else start
    right = min(len(text), left + size)
    if right < len(text):
        space_at = max(text.rfind(" ", start, right), text.rfind("\n", start, right))
        right = space_at if space_at > start else right
    return left, right


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Match whole words whatever their accents; a word that ends in "*" may go on."""
    choices = "|".join(
        any_accent(word.rstrip("*")) + (r"[^\W_]*" if word.endswith("*") else "") for word in words
    )
    # The class of first letters stands in front because the engine then skips to where a word
    # can begin: 3.6 times faster. Behind it: no letter before, and one of the words from here.
    first = "".join(sorted({letter for word in words for letter in spellings(word[0])}))
    return re.compile(rf"[{first}](?<![^\W_].)(?<=(?=(?:{choices})(?![^\W_])).)[^\W_]*", re.DOTALL)
