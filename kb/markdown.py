"""The one Markdown parser of the house: CommonMark and tables, raw HTML off."""

from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@cache
def parser() -> MarkdownIt:
    """Return the shared parser; parsing keeps no state in it, so threads may share it."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def plain_text(markdown: str) -> str:
    """Return what a reader sees, one line per block: for the index, snippets and summaries."""
    blocks = (_block_text(token) for token in parser().parse(markdown))
    return "\n".join(block for block in blocks if block)


def first_paragraph(markdown: str) -> str:
    """Return the text of the first paragraph, or an empty string."""
    tokens = parser().parse(markdown)
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before.type == "paragraph_open":
            return _block_text(token)
    return ""


def _block_text(token: Token) -> str:
    if token.type in ("fence", "code_block"):
        return token.content.strip()
    return "".join(map(_inline_text, token.children or [])).strip()


def _inline_text(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return token.content
