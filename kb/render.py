"""A sheet's Markdown as HTML that may stand in our pages: the one place of `|safe`."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import nh3
from markdown_it.token import Token

from .markdown import parser

CACHED = 256  # rendered sheets

_TAGS = frozenset(
    "a blockquote br code em h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr"
    " ul".split()
)
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_EXTERNAL = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_OTHER_SHEET = re.compile(r"(?:\./)?(?:[\w%-]+/)*([a-z0-9][a-z0-9-]{0,79})(?:\.md)?\Z")
_ALIGNED = re.compile(r"text-align:\s*(left|center|right)\Z")


class Renderer:
    """Renders Markdown once per content; may be shared by threads.

    Raw HTML shows as text, headings begin at h2 (the page has its own h1), images leave
    their description, links to other sheets (``numero-fiscal.md``) go to ``sheet_url``,
    links elsewhere open beside the call, and links to anything else are only text.
    """

    def __init__(self, sheet_url: str = "/sheets/") -> None:
        self._sheet_url = sheet_url
        self._cached: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()

    def html(self, markdown: str) -> str:
        """Return safe HTML."""
        key = hashlib.sha256(markdown.encode("utf-8", "replace")).digest()
        with self._lock:
            if key in self._cached:
                self._cached.move_to_end(key)
                return self._cached[key]
        html = self._render(markdown)
        with self._lock:
            self._cached[key] = html
            while len(self._cached) > CACHED:
                self._cached.popitem(last=False)
        return html

    def _render(self, markdown: str) -> str:
        markdown = markdown.encode("utf-8", "replace").decode()
        tokens = parser().parse(markdown)
        for token in tokens:
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
            if token.children:
                token.children = self._inline(token.children)
        return sanitise(parser().renderer.render(tokens, parser().options, {}))

    def _inline(self, tokens: Sequence[Token]) -> list[Token]:
        for token in tokens:
            if token.type == "link_open":
                token.attrs = self._link(str(token.attrs.get("href", "")))
            elif token.type == "image":
                token.type, token.tag, token.children = "text", "", None
        return list(tokens)

    def _link(self, href: str) -> dict[str, str | int | float]:
        if _EXTERNAL.match(href):
            return {"href": href, "target": "_blank"}
        other = _OTHER_SHEET.match(href)
        return {"href": self._sheet_url + other[1]} if other else {}


def sanitise(html: str) -> str:
    """Keep an allow-list of elements, attributes and schemes; external links get rel."""
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"a": {"href", "target"}, "ol": {"start"}, "td": {"style"}, "th": {"style"}},
        attribute_filter=_attribute,
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer",
    )


def _attribute(tag: str, name: str, value: str) -> Any:
    if name == "style":
        return value if _ALIGNED.match(value) else None
    if name == "target":
        return "_blank" if value == "_blank" else None
    return value
