"""The example sheets answer what people really ask, in the words they use."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from decroche.kb.library import import_folder
from decroche.kb.schema import migrate
from decroche.kb.search import search

FOLDER = Path(__file__).parent.parent / "configs" / "sheets"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("kb") / "decroche.db"
    migrate(path)
    import_folder(path, FOLDER)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("numero fiscal pas recu", "numero-fiscal"),
        ("déclaration impôts", "premiere-declaration"),
        ("mot de passe oub", "mot-de-passe-oublie"),
        ("mdp oublié", "mot-de-passe-oublie"),
        ("attestation caf", "caf-attestation"),
        ("carte vitale perdue", "carte-vitale"),
        ("titre de sejour", "titre-de-sejour"),
        ("colis sms", "sms-colis"),
        ("faux conseiller", "faux-conseiller"),
        ("installer visio tablette", "visio-premiers-pas"),
        ("la camera ne marche pas", "visio-camera-micro"),
        ("pole emploi actualisation", "actualisation-france-travail"),
        ("rdv medecin", "rendez-vous-medecin"),
        ("c'est quoi france connect", "franceconnect"),
        ("whatsapp piraté", "usurpation"),
        ("carte grise", "permis-carte-grise"),
        ("appelant enerve", "appelant-en-colere"),
        ("suicide", "appelant-qui-pleure"),
        ("gmail", "boite-mail-bloquee"),
        ("france services", "france-services"),
    ],
)
def test_the_right_sheet_comes_first(connection: sqlite3.Connection, typed: str, slug: str) -> None:
    assert search(connection, typed).hits[0].slug == slug
