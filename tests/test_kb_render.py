"""Markdown becomes HTML that may stand in a page, whoever wrote it."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.kb.render import CACHED, Renderer, sanitise

ALLOWED = {
    *"a blockquote br code em h2 h3 h4 h5 h6 hr li ol p pre s strong".split(),
    *"table tbody td th thead tr ul".split(),
}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/sign-out)",
    "[x](../../sign-out?now=1)",
    '[x](https://evil.example"onmouseover=alert(1))',
    '[x](<https://evil.example/" onmouseover="alert(1)>)',
    "[x](https://evil.example 'a\" onfocus=\"alert(1)')",
    "<javascript:alert(1)>",
    '<https://evil.example/"onclick=alert(1)>',
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![<script>alert(1)</script>](x)",
    "[![x](https://evil.example/p.png)](javascript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    '```html"><script>alert(1)</script>\n<script>alert(1)</script>\n```',
    "`<script>alert(1)</script>`",
    "<style>body{display:none}</style>",
    "<form action=https://evil.example><input></form>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "| a |\n|:-:|\n| <img src=x onerror=alert(1)> |",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!-- --><script>alert(1)</script>-->",
]


class Reader(HTMLParser):
    """Notes each element and attribute, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))


def elements(html: str) -> list[tuple[str, dict[str, str]]]:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.elements


def check(html: str) -> None:
    for tag, attributes in elements(html):
        assert tag in ALLOWED, html
        for name, value in attributes.items():
            assert name in {"href", "rel", "target", "start", "style"}, html
            if name == "href":
                assert value.startswith(("https://", "http://", "mailto:", "tel:", "/sheets/")), (
                    html
                )
            if name == "style":
                assert value in {f"text-align:{side}" for side in ("left", "center", "right")}


@pytest.mark.parametrize("text", HOSTILE)
def test_it_disarms(text: str) -> None:
    check(Renderer().html(text))
    check(Renderer().html(f"# {text}\n\n> - {text}\n\n**{text}**"))


@given(st.lists(st.sampled_from([*HOSTILE, "\n", "\n\n", "> ", "- ", "`", "](", "<", "é"])))
def test_it_disarms_any_mixture(parts: list[str]) -> None:
    check(Renderer().html("".join(parts)))


@given(st.text())
def test_it_renders_any_text(text: str) -> None:
    check(Renderer().html(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_second_wall_stands_alone(text: str) -> None:
    # Were the parser ever to let HTML through, the allow-list still holds by itself.
    html = sanitise(text)
    assert {tag for tag, _ in elements(html)} <= ALLOWED
    assert "javascript:" not in str(elements(html)).lower()


def test_it_shifts_headings() -> None:
    html = Renderer().html("# A\n\n## B\n\n###### C")
    assert html.split() == ["<h2>A</h2>", "<h3>B</h3>", "<h6>C</h6>"]


def test_links_elsewhere_open_beside_the_call() -> None:
    ((_, _), (tag, attributes)) = elements(Renderer().html("[x](https://impots.gouv.fr/a?b=1&c=2)"))
    assert (tag, attributes["href"]) == ("a", "https://impots.gouv.fr/a?b=1&c=2")
    assert (attributes["rel"], attributes["target"]) == ("noopener noreferrer", "_blank")


@pytest.mark.parametrize(
    "href", ["numero-fiscal.md", "./numero-fiscal.md", "impots/numero-fiscal.md"]
)
def test_links_to_sheets_stay(href: str) -> None:
    html = Renderer("/fiches/").html(f"[x]({href})")
    assert 'href="/fiches/numero-fiscal"' in html
    assert "_blank" not in html


def test_an_image_leaves_its_description() -> None:
    assert Renderer().html("![Le bouton](https://x.example/a.png)") == "<p>Le bouton</p>\n"


def test_tables_and_lists_live() -> None:
    html = Renderer().html("| a | b |\n|--:|---|\n| 1 | 2 |\n\n3. trois\n")
    assert '<td style="text-align:right">1</td>' in html
    assert '<ol start="3">' in html


def test_it_renders_once_per_content(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer()
    first = renderer.html("# A")
    monkeypatch.setattr(renderer, "_render", lambda markdown: "again")
    assert renderer.html("# A") is first
    assert renderer.html("# B") == "again"


def test_its_cache_is_bounded() -> None:
    renderer = Renderer()
    for number in range(CACHED + 10):
        renderer.html(f"{number}")
    assert len(renderer._cached) == CACHED
