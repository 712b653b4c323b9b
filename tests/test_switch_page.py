"""The switch on the board: thrown by a coordinator, seen by everybody, live."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from decroche import hotline
from decroche.dashboard import accounts, switching
from decroche.dashboard.app import make_app
from decroche.kb import schema as kb_schema
from decroche.records import schema, switch
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal
from decroche.records.opening import AUTO, CLOSED, OPEN, SHORT, Switch

from .test_dashboard_web import Page

LINE = hotline.parse("""[line]
name = "Entraide"
timezone = "UTC"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
""")
spoken: list[str] = []


def speak(text: str) -> str:
    spoken.append(text)
    return "said/abc" if text else ""


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    spoken.clear()
    async with Journal(folder.database) as journal:
        app = make_app(folder, lambda: LINE, journal, speech=speak)
        server = TestServer(app, host="127.0.0.1")
        async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
            made = Page(folder.database, journal, client)
            await made.sign_in()
            yield made


def thrown(page: Page) -> dict[str, Switch]:
    return switch.read_from(page.path)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


async def test_a_coordinator_closes_the_line_and_everybody_sees_it(page: Page) -> None:
    _, text, _ = await page.get("/")
    assert "Selon les horaires." in text and 'data-kind="switch"' not in text
    form = {"state": CLOSED, "say": "  De retour\u00a0à 14 h. ", "until": "", "clears": "1"}
    status, _, headers = await page.post("/switch", **form)
    assert (status, headers["Location"]) == (303, "/")
    (one,) = thrown(page).values()
    assert (one.state, one.text, one.sound) == (CLOSED, "De retour à 14 h.", "said/abc")
    assert (one.actor, one.clears) == ("Camille", True)
    assert spoken == ["De retour à 14 h."]
    _, text, _ = await page.get("/")
    assert 'data-kind="switch"' in text and "« De retour à 14 h. »" in plain(text)
    assert "fermée jusqu’à demain 0 h, par Camille." in plain(text)
    assert "Les personnes qui attendaient ont été prévenues." in text
    _, sheets, _ = await page.get("/sheets")
    assert "Fermé jusqu’à demain 0 h" in plain(sheets)  # the pill, on every page
    await page.post("/switch", state=AUTO)
    _, text, _ = await page.get("/")
    assert "Selon les horaires." in text


async def test_short_of_staff_for_one_queue(page: Page) -> None:
    await page.post("/switch", state=SHORT, queue="visio")
    _, text, _ = await page.get("/")
    assert "Visio</span> en sous-effectif jusqu’à" in text
    await page.post("/switch", state=SHORT)
    _, text, _ = await page.get("/")
    assert "En sous-effectif jusqu’à" in text
    await page.post("/switch", state=OPEN, say="Rien.")
    assert thrown(page)[""].state == OPEN
    assert spoken == []  # nobody hears anything of it


async def test_a_text_without_a_voice_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switching, "SPEAKING", 0.0)
    await page.post("/switch", state=CLOSED, say="Demain.")
    assert thrown(page)[""].sound == ""
    _, text, _ = await page.get("/")
    assert "sans voix : la phrase habituelle est dite" in plain(text)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"until": "00:00"}, "cette heure est passée"),
        ({"until": "bientôt"}, "cette heure est passée ou illisible"),
        ({"say": "a" * 401}, "ce texte est trop long"),
        ({"queue": "gone"}, "cette file n’existe plus"),
    ],
)
async def test_what_makes_no_sense_is_told_and_what_was_typed_stays(
    page: Page, form: dict[str, str], told: str
) -> None:
    status, text, _ = await page.post("/switch", state=CLOSED, **({"say": "Demain <x>"} | form))
    assert status == 409 and told in text and "<details open>" in text
    assert form.get("say", "Demain &lt;x&gt;") in text
    assert thrown(page) == {}


async def test_no_such_state(page: Page) -> None:
    assert (await page.post("/switch", state="party"))[0] == 400


async def test_agents_see_it_and_do_not_throw_it(page: Page) -> None:
    with closing(sqlite3.connect(page.path)) as connection, connection:
        connection.execute("UPDATE accounts SET roles = 'agent'")
    _, text, _ = await page.get("/")
    assert "Selon les horaires." in text and 'action="/switch"' not in text
    assert (await page.post("/switch", state=CLOSED))[0] == 403
    assert thrown(page) == {}


async def test_a_form_of_another_site_throws_nothing(page: Page) -> None:
    headers = {"Origin": "https://evil.example"}
    async with page.client.post("/switch", data={"state": CLOSED}, headers=headers) as answer:
        assert answer.status == 403
    assert thrown(page) == {}


async def test_it_is_on_every_board_when_it_is_thrown_and_when_it_ends(page: Page) -> None:
    async with page.client.get("/stream") as stream:

        async def until(text: str) -> None:
            seen = ""
            async with asyncio.timeout(8):
                while text not in seen:
                    seen += plain((await stream.content.readany()).decode())

        await until("Selon les horaires.")
        ends = now() + 2 * MICRO
        await asyncio.to_thread(switch.throw, page.path, LINE, CLOSED, "admin", until=ends)
        await until("par admin.")
        await until("Selon les horaires.")  # nobody did anything: its time was over
        assert now() >= ends
