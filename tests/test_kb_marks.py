"""Marks show where a text answers, and never change it."""

from hypothesis import given
from hypothesis import strategies as st

from decroche.kb.marks import Segment, mark, snippet, to_html

WORDS = st.lists(st.sampled_from(["e*", "coeur", "impot*", "mot", "a*", "ß", "i*"]), max_size=4)


def test_it_marks_whole_words_whatever_their_accents() -> None:
    marked = to_html(mark("Sa sœur a des Impôts, pas un impotent", ("soeur", "impots")))
    assert marked == "Sa <mark>sœur</mark> a des <mark>Impôts</mark>, pas un impotent"


def test_an_open_word_goes_on() -> None:
    assert to_html(mark("numéros", ("num*",))) == "<mark>numéros</mark>"


def test_it_escapes_everything() -> None:
    pieces = (Segment("<script>&\"'"), Segment("</mark><img>", marked=True))
    assert to_html(pieces) == (
        "&lt;script&gt;&amp;&quot;&#x27;<mark>&lt;/mark&gt;&lt;img&gt;</mark>"
    )


def test_a_snippet_shows_where_most_words_are() -> None:
    text = "fiscal " + "autre " * 80 + "le numéro fiscal est ici " + "encore " * 80
    shown = to_html(snippet(text, ("numero", "fiscal")))
    assert "<mark>numéro</mark> <mark>fiscal</mark> est ici" in shown
    assert shown.startswith("…autre") and shown.endswith("encore…")


def test_a_snippet_without_a_word_is_empty() -> None:
    assert snippet("rien de tel", ("fiscal",)) == ()


@given(st.text(), WORDS)
def test_pieces_join_to_the_text(text: str, words: list[str]) -> None:
    assert "".join(piece.text for piece in mark(text, tuple(words))) == text


@given(st.text(max_size=2000), WORDS)
def test_a_snippet_is_short(text: str, words: list[str]) -> None:
    shown = "".join(piece.text for piece in snippet(text, tuple(words), size=60))
    assert len(shown) <= 62
    assert "\n" not in shown


@given(st.text(), WORDS)
def test_html_holds_no_tag_but_ours(text: str, words: list[str]) -> None:
    html = to_html(mark(text, tuple(words)))
    assert "<" not in html.replace("<mark>", "").replace("</mark>", "")
