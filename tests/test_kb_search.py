"""Search as you type: any text is a query, and the right sheet comes first."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decroche.kb.library import import_folder
from decroche.kb.marks import to_html
from decroche.kb.schema import migrate
from decroche.kb.search import Results, search

SHEETS = {
    "numero-fiscal": "# Retrouver son numéro fiscal\n\nS’il n’a jamais reçu de courrier, écrire.",
    "declaration": "# Première déclaration en ligne\n\nLe numéro fiscal est sur les impôts reçus.",
    "ecoute": "# L’écoute d’abord\n\nUne sœur au grand cœur. Laisser parler & <b>écouter</b>.",
    "visio": "+++\ntitle = 'La visio'\nkeywords = ['skype']\n+++\nOuvrir la caméra du téléphone.",
    "mot-de-passe": "# Mot de passe perdu\n\nCliquer sur oublié, puis lire ses courriels.",
    "vieux": "+++\ntitle = 'Vieux'\nupdated = 2001-01-01\n+++\nUn texte ancien sur le courrier.",
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    root = tmp_path_factory.mktemp("kb")
    for name, text in SHEETS.items():
        (root / f"{name}.md").write_text(text, encoding="utf-8")
    migrate(root / "decroche.db")
    import_folder(root / "decroche.db", root)
    with closing(sqlite3.connect(root / "decroche.db")) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def slugs(results: Results) -> list[str]:
    return [hit.slug for hit in results.hits]


def test_it_finds_at_every_letter(connection: sqlite3.Connection) -> None:
    typed = "numero fiscal"
    for end in range(1, len(typed) + 1):
        assert "numero-fiscal" in slugs(search(connection, typed[:end])), typed[:end]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("numero fiscal pas recu", "numero-fiscal"),
        ("NUMÉRO FISCAL", "numero-fiscal"),
        ("l'écoute", "ecoute"),
        ("l’ecoute", "ecoute"),
        ("qu'ecou", "ecoute"),
        ("coeur", "ecoute"),
        ("cœur", "ecoute"),
        ("soeurs", "ecoute"),
        ("impot ligne", "declaration"),
        ("mot de passe oublié", "mot-de-passe"),
        ("mots de passe", "mot-de-passe"),
        ("mot de", "mot-de-passe"),
        ("skype", "visio"),
        ("telephone camera", "visio"),
        ("fisca\u0301l", "numero-fiscal"),
        ('"numero" AND (fiscal', "numero-fiscal"),
    ],
)
def test_it_puts_the_right_sheet_first(
    connection: sqlite3.Connection, text: str, first: str
) -> None:
    results = search(connection, text)
    assert results.mode == "all"
    assert slugs(results)[0] == first


def test_a_title_counts_more_than_a_text(connection: sqlite3.Connection) -> None:
    assert slugs(search(connection, "fiscal")) == ["numero-fiscal", "declaration"]


def test_without_a_word_it_shows_the_most_recent(connection: sqlite3.Connection) -> None:
    for text in ("", "  ", "…", "l'", "\x00"):
        results = search(connection, text)
        assert (results.mode, len(results.hits)) == ("recent", len(SHEETS))
        assert slugs(results)[-1] == "vieux"


def test_without_a_sheet_that_has_all_it_shows_some(connection: sqlite3.Connection) -> None:
    results = search(connection, "visio ordinateur")
    assert (results.mode, slugs(results)) == ("some", ["visio"])


def test_one_word_too_many_does_not_hide_the_right_sheet(connection: sqlite3.Connection) -> None:
    results = search(connection, "numero fiscal recus impot")
    assert results.mode == "all"
    assert [(hit.slug, hit.partial) for hit in results.hits][:2] == [
        ("declaration", False),
        ("numero-fiscal", True),
    ]


def test_with_nothing_it_says_so(connection: sqlite3.Connection) -> None:
    assert search(connection, "xylophone").hits == ()


def test_it_marks_what_was_found(connection: sqlite3.Connection) -> None:
    hit = search(connection, "numero fiscal pas recu").hits[0]
    assert to_html(hit.title) == "Retrouver son <mark>numéro</mark> <mark>fiscal</mark>"
    assert to_html(hit.snippet).startswith("S’il n’a jamais <mark>reçu</mark> de courrier")


def test_what_it_shows_is_text(connection: sqlite3.Connection) -> None:
    hit = search(connection, "ecouter").hits[0]
    assert "&amp; &lt;b&gt;<mark>écouter</mark>&lt;/b&gt;" in to_html(hit.snippet)


def test_it_keeps_to_the_limit(connection: sqlite3.Connection) -> None:
    assert len(search(connection, "", limit=2).hits) == 2
    assert len(search(connection, "e n c", limit=1).hits) <= 1


QUERIES = st.one_of(
    st.text(),
    st.text(alphabet="abé\"'*()^:{}+- NEARORANDT\x00\ud800œ", max_size=300),
    st.lists(st.sampled_from(["AND", "OR", "NOT", "NEAR(", '"', "*", "title:", "écou"])).map(
        " ".join
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(QUERIES)
def test_any_text_is_a_query(connection: sqlite3.Connection, text: str) -> None:
    for hit in search(connection, text).hits:
        assert "".join(piece.text for piece in hit.title) in " ".join(SHEETS.values())


def test_the_length_of_a_query_is_bounded(connection: sqlite3.Connection) -> None:
    assert search(connection, "fiscal " + "x" * 100_000).mode == "some"
    assert slugs(search(connection, "écoute " * 10_000)) == ["ecoute"]


def test_a_query_that_fits_too_many_is_decided_by_titles(tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    for number in range(1200):
        title = "Courrier" if number in (7, 1199) else "Autre chose"
        text = f"# {title} {number}\n\nUn courrier.\n"
        (folder / f"{number:04}.md").write_text(text, encoding="utf-8")
    migrate(tmp_path / "decroche.db")
    import_folder(tmp_path / "decroche.db", folder)
    with closing(sqlite3.connect(tmp_path / "decroche.db")) as connection:
        connection.row_factory = sqlite3.Row
        found = slugs(search(connection, "courrier"))
    assert sorted(found[:2]) == ["0007", "1199"] and len(found) == 10
