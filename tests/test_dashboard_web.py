"""The page over HTTP: who may see what, forms, headers, errors, the board's first paint."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict
from yarl import URL

from decroche import hotline
from decroche.dashboard import accounts, assets, routes
from decroche.dashboard.app import make_app
from decroche.dashboard.keys import ROLES, TRIES
from decroche.dashboard.settings import HASHES_AT_ONCE, TRIES_PER_ADDRESS, TRIES_PER_NAME
from decroche.kb import library
from decroche.kb import schema as kb_schema
from decroche.records import kinds, people, schema
from decroche.records.events import Event, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal

PASSWORD = "une petite phrase"
HTML = {"Accept": "text/html"}
LINE = """[line]
name = "Entraide <numérique>"
[trunks.t]
host = "127.0.0.1"
dids = ["0987654321"]
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""
SHEET = """# Retrouver son numéro fiscal

Le **numéro** est en haut de la première page : 13 chiffres. <script>alert(1)</script>
"""
Client = TestClient[web.Request, web.Application]


class Page:
    """A line with its page, and one person's browser."""

    def __init__(self, path: Path, journal: Journal, client: Client) -> None:
        self.path = path
        self.journal = journal
        self.client = client
        self.origin = str(client.make_url("/")).rstrip("/")

    async def append(self, kind: str, call: str = "", actor: str = "", **body: Any) -> None:
        event = Event(
            id=f"{kind} {call} {actor} {body}",
            at=now(),
            kind=kind,
            call=call,
            actor=actor,
            body=body,
        )
        await self.journal.append(event)

    async def post(self, path: str, **form: str) -> tuple[int, str, CIMultiDict[str]]:
        headers = {"Origin": self.origin} | HTML
        async with self.client.post(
            path, data=form, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), CIMultiDict(answer.headers)

    async def get(self, path: str, **headers: str) -> tuple[int, str, CIMultiDict[str]]:
        async with self.client.get(path, headers=HTML | headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), CIMultiDict(answer.headers)

    async def sign_in(self) -> None:
        code = accounts.issue_code(self.path)
        status, _, _ = await self.post("/start", code=code, name="Camille", password=PASSWORD)
        assert status == 303


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    line = hotline.parse(LINE)
    async with Journal(folder.database) as journal:
        app = make_app(folder, lambda: line, journal)
        server = TestServer(app, host="127.0.0.1")
        async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
            yield Page(folder.database, journal, client)


async def test_it_asks_who_you_are(page: Page) -> None:
    status, _, headers = await page.get("/sheets?q=a")
    assert status == 303 and URL(headers["Location"]).path == "/sign-in"
    assert URL(headers["Location"]).query == {"next": "/sheets?q=a"}
    status, text, _ = await page.get("/stream", Accept="text/event-stream")
    assert status == 401
    status, text, _ = await page.get("/sign-in")
    assert status == 200
    assert "Personne n’a encore de compte" in text


async def test_it_begins_with_a_code(page: Page) -> None:
    code = accounts.issue_code(page.path)
    status, text, _ = await page.get(f"/start?code={code}")
    assert status == 200 and f'value="{code}"' in text
    status, text, _ = await page.post("/start", code=code, name="Camille", password="court")
    assert status == 422 and "10 à 200" in text.replace("\u00a0", " ")
    status, _, headers = await page.post("/start", code=code, name="Camille", password=PASSWORD)
    assert (status, headers["Location"]) == (303, "/")
    status, text, _ = await page.get("/")
    assert status == 200 and "Camille" in text
    status, text, _ = await page.post("/start", code=code, name="Driss", password=PASSWORD)
    assert status == 422 and "valable" in text


async def test_it_signs_in_and_out(page: Page) -> None:
    await page.sign_in()
    status, _, headers = await page.post("/sign-out")
    assert (status, headers["Location"]) == (303, "/sign-in")
    assert (await page.get("/"))[0] == 303
    status, text, _ = await page.post("/sign-in", name="camille", password="x", next="/")
    assert status == 422 and "ne vont pas ensemble" in text
    form = {"name": "CAMILLE", "password": PASSWORD, "next": "//evil.example"}
    status, _, headers = await page.post("/sign-in", **form)
    assert (status, headers["Location"]) == (303, "/")
    assert (await page.get("/"))[0] == 200


async def test_it_slows_guessing_down(page: Page) -> None:
    await page.sign_in()
    for _ in range(TRIES_PER_NAME):
        assert (await page.post("/sign-in", name="camille", password="x"))[0] == 422
    status, text, _ = await page.post("/sign-in", name="camille", password=PASSWORD)
    assert status == 429 and "Attendez" in text


async def test_behind_a_proxy_one_who_guesses_keeps_nobody_else_out(page: Page) -> None:
    await page.sign_in()

    async def try_from(address: str, name: str, password: str) -> int:
        headers = {"Origin": page.origin, "X-Forwarded-For": f"192.0.2.200, {address}"}
        form = {"name": name, "password": password}
        async with page.client.post(
            "/sign-in", data=form, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status

    tries = page.client.server.app[TRIES]  # type: ignore[attr-defined]
    for n in range(TRIES_PER_ADDRESS):
        tries.was_wrong(f"n{n}", "192.0.2.1")
    assert await try_from("192.0.2.1", "camille", PASSWORD) == 429
    assert await try_from("192.0.2.2", "camille", PASSWORD) == 303


async def test_many_who_sign_in_at_once_hold_nobody_else_up(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page.sign_in()
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Semaphore(0), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(HASHES_AT_ONCE))

    def refuse(*_: object) -> None:
        loop.call_soon_threadsafe(begun.release)
        go_on.wait(30)
        raise accounts.AccountError("signin.wrong")

    monkeypatch.setattr(accounts, "sign_in", refuse)
    waiting = [asyncio.create_task(page.post("/sign-in", name=f"n{n}")) for n in range(6)]
    try:
        async with asyncio.timeout(10):
            for _ in range(HASHES_AT_ONCE):
                await begun.acquire()
            assert (await page.get("/sign-in"))[0] == 200  # it reads the database in a thread
    finally:
        go_on.set()
        await asyncio.gather(*waiting)


async def test_it_keeps_only_an_id_in_a_guarded_cookie(page: Page) -> None:
    code = accounts.issue_code(page.path)
    _, _, headers = await page.post("/start", code=code, name="Camille", password=PASSWORD)
    cookie = headers["Set-Cookie"]
    name, _, flags = cookie.partition("=")
    assert name == "decroche"
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(flags.split("; "))
    assert "Secure" not in flags and "Camille" not in cookie


async def test_it_uses_a_host_cookie_behind_tls(page: Page) -> None:
    code = accounts.issue_code(page.path)
    headers = {
        "Origin": page.origin.replace("http:", "https:"),
        "X-Forwarded-Proto": "https",
    }
    form = {"code": code, "name": "Camille", "password": PASSWORD}
    async with page.client.post(
        "/start", data=form, headers=headers, allow_redirects=False
    ) as answer:
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"]
    assert cookie.startswith("__Host-decroche=")
    flags = set(cookie.split("; ")[1:])
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= flags
    assert not any(flag.startswith("Domain") for flag in flags)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/start", "/sign-in", "/sign-out", "/language"])
async def test_it_refuses_forms_of_other_sites(
    page: Page, path: str, headers: dict[str, str]
) -> None:
    async with page.client.post(path, data={}, headers=headers) as answer:
        assert answer.status == 403


async def test_it_sends_safe_headers_with_everything(page: Page) -> None:
    for path in ("/sign-in", "/static/page.css", "/nothing"):
        _, text, headers = await page.get(path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'") and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "<style" not in text and " style=" not in text and " onclick" not in text


def test_it_declares_a_role_for_every_route(tmp_path: Path) -> None:
    app = web.Application()
    routes.add_routes(app)
    found = list(app.router.routes())
    assert len(found) >= len(routes.ROUTES)
    assert [route for route in found if route not in app[ROLES]] == []
    public = {r.resource.canonical for r in found if r.resource and not app[ROLES][r]}
    feeds = "/calendar/{secret}.ics"  # whoever has the secret
    assert public == {"/join/{secret}", "/start", "/sign-in", "/language", "/static", feeds}


async def test_it_refuses_a_route_without_a_role(page: Page) -> None:
    await page.sign_in()
    app = page.client.server.app  # type: ignore[attr-defined]
    del app[ROLES][next(r for r in app[ROLES] if r.resource.canonical == "/sheets")]
    assert (await page.get("/sheets"))[0] == 403


async def test_it_refuses_a_role_that_may_not(page: Page) -> None:
    await page.sign_in()
    with closing(sqlite3.connect(page.path)) as connection:
        connection.execute("UPDATE accounts SET roles = 'editor'")
        connection.commit()
    status, text, _ = await page.get("/")
    assert status == 403 and "Ce n’est pas permis" in text


async def test_it_explains_errors_in_both_languages(page: Page) -> None:
    status, text, _ = await page.get("/nothing", **{"Accept-Language": "en"})
    assert status == 404 and "This page does not exist" in text
    await page.sign_in()
    with closing(sqlite3.connect(page.path)) as connection:
        connection.execute("DROP TABLE sheets_fts")
        connection.commit()
    status, text, _ = await page.get("/sheets?q=code")
    assert status == 500 and "Les appels continuent" in text and "OperationalError" not in text


async def test_it_remembers_a_language(page: Page) -> None:
    _, text, headers = await page.get("/sign-in")
    assert headers["Content-Language"] == "fr" and '<html lang="fr">' in text
    status, _, headers = await page.post("/language", language="en", next="/sign-in")
    assert (status, headers["Location"]) == (303, "/sign-in")
    _, text, headers = await page.get("/sign-in", **{"Accept-Language": "fr"})
    assert headers["Content-Language"] == "en" and "Your name" in text


async def test_it_says_what_to_do_before_the_first_call(page: Page) -> None:
    await page.sign_in()
    _, text, _ = await page.get("/")
    assert "decroche agent add" in text
    assert "09\u00a087\u00a065\u00a043\u00a021" in text
    people.add_agent(page.path, "driss", "Driss", ["demarches"])
    _, text, _ = await page.get("/")
    assert "decroche agent add" not in text and "*11" in text
    await page.append(kinds.REACHABLE, actor="driss")
    await page.append(kinds.AVAILABLE, actor="driss")
    _, text, _ = await page.get("/")
    assert "1\u00a0bénévole est libre pour répondre" in text


async def test_it_paints_a_call_completely_without_script(page: Page) -> None:
    await page.sign_in()
    people.add_agent(page.path, "driss", "Driss <b>", ["demarches"])
    await page.append(kinds.AVAILABLE, actor="driss")
    await page.append(kinds.ARRIVED, call="b-1", trunk="t", did="1")
    await page.append(kinds.QUEUED, call="b-1", queue="demarches")
    await page.append(kinds.RANG, call="b-1", agent="driss", offer="o1")
    _, text, _ = await page.get("/")
    assert "sonne chez Driss &lt;b&gt;" in text
    assert "Entraide &lt;numérique&gt;" in text
    assert 'id="call-1"' in text and "></time>" not in text
    assert '<noscript><meta http-equiv="refresh"' in text


async def test_it_says_that_the_pbx_is_lost_and_keeps_the_figures(page: Page) -> None:
    await page.sign_in()
    await page.append(kinds.PBX_CONNECTED, boot="b")
    await page.append(kinds.ARRIVED, call="b-1", trunk="t", did="1")
    await page.append(kinds.PBX_LOST, reason="closed")
    _, text, _ = await page.get("/")
    assert 'data-kind="pbx"' in text and "Les appels continuent" in text
    assert '<p class="figure">1</p>' in text
    await page.append(kinds.PBX_CONNECTED, boot="b", again=True)
    assert 'data-kind="pbx"' not in (await page.get("/"))[1]


async def test_it_finds_and_shows_sheets(page: Page, tmp_path: Path) -> None:
    await page.sign_in()
    assert "decroche kb import" in (await page.get("/sheets"))[1]
    folder = tmp_path / "sheets" / "Impôts"
    folder.mkdir(parents=True)
    (folder / "numero-fiscal.md").write_text(SHEET, "utf-8")
    library.import_folder(page.path, folder.parent)
    _, text, _ = await page.get("/sheets?q=numero+fiscal")
    assert "<mark>numéro</mark>" in text
    assert 'href="/sheets/numero-fiscal?q=numero%20fiscal#reading"' in text
    _, text, _ = await page.get("/sheets/numero-fiscal")
    assert "<strong>numéro</strong>" in text and "<script>alert" not in text
    assert "Impôts" in (await page.get("/sheets?topic=Imp%C3%B4ts"))[1]
    assert (await page.get("/sheets/nothing"))[0] == 404
    assert "Rien sur" in (await page.get("/sheets?q=%3Czzz%3E"))[1]


async def test_it_stays_under_100_kilobytes_before_fonts(page: Page) -> None:
    await page.sign_in()
    size = 0
    for path in ("/", "/static/page.css", "/static/vendor/pico.css", "/static/board.js"):
        async with page.client.get(path, headers=HTML, auto_decompress=False) as answer:
            assert answer.status == 200
            size += len(await answer.read())
    assert size < 100_000


async def test_it_works_without_the_files_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "nowhere")
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    accounts.prepare(folder.database)
    line = hotline.parse(LINE)
    async with Journal(folder.database) as journal:
        app = make_app(folder, lambda: line, journal)
        async with TestClient(TestServer(app, host="127.0.0.1")) as client:
            assert (await client.get("/sign-in")).status == 200
    assert "a file of the page is missing" in capsys.readouterr().out
