"""The one Markdown parser of the house: CommonMark and tables, raw HTML off."""

from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@cache
def parser() -> MarkdownIt:
    """Return the shared parser; parsing keeps no state in it, so threads may share it."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def plain_text(markdown: str) -> str:
    """Return what a reader sees, one line per block: for the index and its snippets."""
    return read(markdown)[0]


def read(markdown: str) -> tuple[str, str]:
    """Return the plain text, and of it the first paragraph (or an empty string)."""
    tokens = parser().parse(markdown)
    blocks = [_block_text(token) for token in tokens]
    kinds = [token.type for token in tokens]
    first = kinds.index("paragraph_open") + 1 if "paragraph_open" in kinds else None
    plain = "\n".join(block for block in blocks if block)
    return plain, "" if first is None else blocks[first]


def _block_text(token: Token) -> str:
    if token.type in ("fence", "code_block"):
        return token.content.strip()
    return "".join(map(_inline_text, token.children or [])).strip()


def _inline_text(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return token.content
