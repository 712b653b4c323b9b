"""The page of who is to be called back: claimed by one, called, settled, or taken back."""

import re
import wave
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page

from decroche import hotline
from decroche.dashboard import accounts
from decroche.dashboard.app import make_app
from decroche.dashboard.ledger_page import written
from decroche.kb import schema as kb_schema
from decroche.records import callbacks, kinds, ledger, messages, numbers, schema, secrets, tokens
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal

from .test_dashboard_browser import PHONE, WIDE, findings, folder, is_too_wide, page, served

__all__ = ["folder", "page"]  # fixtures
NUMBER = "+33611223344"
LINE = hotline.parse("""[line]
name = "Entraide"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
""")

CALLS = """[line]
name = "Entraide"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
[trunks.t]
host = "127.0.0.1"
dids = ["100"]
[callbacks]
"""


async def owe(folder: Folder, journal: Journal, number: str = NUMBER, ago: float = 60) -> str:
    """A call that waited and reached nobody; its caller's token."""
    key = secrets.create(folder.secrets)
    caller = tokens.token(number, key.token_key) if number else ""
    at = now() - int(ago * MICRO)
    steps = (
        (kinds.ARRIVED, 0, {"trunk": "t", "did": "1"}),
        (kinds.KNOWN, 0, {"caller": caller} if caller else {}),
        (kinds.QUEUED, 5, {"queue": "demarches"}),
        (kinds.ENDED, 50, {"cause": "16"}),
    )
    events = [
        Event(id=f"{at}:{kind}", at=at + s * MICRO, kind=kind, call=f"b-{at}", body=body)
        for kind, s, body in steps
    ]
    sealed = [numbers.seal(number, caller, key.number_key)] if caller else []
    await journal.append(*sealed, *events)
    return caller


@pytest.mark.browser
async def test_it_is_worked_from_the_keyboard(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        await page.goto(f"{address}/ledger")
        assert "Personne n’attend d’être rappelé" in await page.inner_text("main")
        caller = await owe(folder, journal)
        await owe(folder, journal, NUMBER, 30)
        await owe(folder, journal, "+33145678901", 3000)
        await owe(folder, journal, "", 20)
        await page.reload()
        text = await page.inner_text("main")
        assert "2 personnes à rappeler" in text.replace("\u00a0", " ")
        assert "1 appel masqué" in text.replace("\u00a0", " ")
        assert "06" not in text  # no number before somebody is on it
        first = page.locator(".owed li").first
        assert "2 appels" in (await first.inner_text()).replace("\u00a0", " ")
        await first.get_by_role("button", name="Je rappelle").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/ledger#caller-{caller}")
        number = page.get_by_role("link", name="06 11 22 33 44")
        assert await number.get_attribute("href") == f"tel:{NUMBER}"
        await page.get_by_role("button", name="Nous avons parlé").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/ledger?after=*")
        assert "1 personne à rappeler" in (await page.inner_text("h1")).replace("\u00a0", " ")
        await page.get_by_role("button", name="Annuler").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/ledger#caller-{caller}")
        assert await page.get_by_role("link", name="06 11 22 33 44").is_visible()
        await page.get_by_role("button", name="Pas de réponse").click()
        await page.wait_for_url("**/ledger?after=*")
        assert "rappelée 1 fois en vain" in (await first.inner_text()).replace("\u00a0", " ")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_and_axe_finds_nothing(page: Page, folder: Folder, scheme: str) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    async with served(folder) as (address, journal):
        caller = await owe(folder, journal)
        other = await owe(folder, journal, "+33145678901", 3000)
        await owe(folder, journal, "+33145678902", 300)
        ledger.claim(folder.database, caller, "Camille")
        ledger.claim(folder.database, other, "Driss")
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            await page.goto(f"{address}/ledger")
            assert not await is_too_wide(page)
            assert await findings(page) == []


@pytest.mark.browser
async def test_whoever_is_on_it_has_the_line_call_now_or_on_a_day(
    page: Page, folder: Folder
) -> None:
    line = hotline.parse(CALLS)
    async with served(folder, line=line) as (address, journal):
        caller = await owe(folder, journal)
        await page.goto(f"{address}/ledger")
        await page.get_by_role("button", name="Je rappelle").click()
        await page.get_by_text("Rappeler un autre jour").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Pourquoi").fill("La réponse de la CAF est là")
        await page.get_by_label("Plutôt").select_option("evening")
        day = await page.get_by_label("Le", exact=True).input_value()
        tomorrow = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
        await page.get_by_label("Le", exact=True).fill(tomorrow)
        await page.locator("form[action$=later] select[name=agent]").select_option("driss")
        await page.get_by_role("button", name="Promettre").click()
        await page.wait_for_url("**/ledger#promises")
        assert "La réponse de la CAF est là" in await page.inner_text("#promises")
        assert "d’abord par Driss" in await page.inner_text("#promises")
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            assert not await is_too_wide(page)
            assert await findings(page) == []

        await page.get_by_role("button", name="Je rappelle").click()
        await page.get_by_text("Appeler par la ligne").click()
        assert await findings(page) == []
        await page.get_by_role("button", name="Faire sonner").click()
        await page.wait_for_url(f"**/ledger#caller-{caller}")
        with closing(schema.reader(folder.database)) as connection:
            (row,) = callbacks.due(connection, now(), 9)
        assert (row["agent"], row["only"], row["tries_max"]) == ("driss", 1, 1)
        callbacks.take(folder.database, caller, "driss")
        await page.goto(f"{address}/ledger")
        assert "le téléphone sonne" in await page.inner_text("main")
        assert await page.locator("#promises").get_by_role("button").count() == 0

        await journal.append(callbacks.cancelled("ab" * 16, "", ""))  # says nothing to anybody
        other = await owe(folder, journal, "+33145678901", 3000)
        where = ("c-1", "demarches", "t", "100")
        assert line.callbacks
        promise = callbacks.promise(line.callbacks, other, *where, now(), now())
        await journal.append(promise)
        await page.goto(f"{address}/ledger")
        assert "2 rappels promis" in (await page.inner_text("#promises")).replace("\u00a0", " ")
        await page.get_by_role("button", name="Retirer").click()
        await page.wait_for_url("**/ledger#promises")
        assert "1 rappel promis" in (await page.inner_text("#promises")).replace("\u00a0", " ")


@pytest.mark.browser
async def test_a_message_is_heard_on_the_page_and_that_is_written_down(
    page: Page, folder: Folder
) -> None:
    messages.prepare(folder)
    async with served(folder) as (address, journal):
        await owe(folder, journal)
        at = now() - 60 * MICRO
        with closing(schema.reader(folder.database)) as connection:
            call = connection.execute("SELECT call FROM calls").fetchone()["call"]
        with wave.open(str(messages.file_of(folder, call)), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(16_000 * 3))
        await journal.append(messages.left(call, "demarches", 3, at))
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            await page.goto(f"{address}/ledger")
            assert not await is_too_wide(page)
            assert await findings(page) == []
        text = (await page.inner_text("main")).replace("\u00a0", " ")
        assert "1 nouveau message" in text
        assert "a laissé un message de 3 s" in text
        length = await page.evaluate(
            """async () => {
                const audio = document.querySelector("audio");
                await new Promise((done, fail) => {
                    audio.onloadedmetadata = done; audio.onerror = fail; audio.load();
                    audio.preload = "metadata";
                });
                return audio.duration;
            }"""
        )
        assert length == pytest.approx(3, abs=0.1)
        part = await page.request.get(
            f"{address}/messages/{call}", headers={"Range": "bytes=44-143"}
        )
        assert (part.status, len(await part.body())) == (206, 100)
        assert part.headers["cache-control"] == "no-store"
        await page.reload()
        assert "écouté par Camille" in await page.inner_text("#messages")
        await page.get_by_role("button", name="Effacer").click()
        await page.wait_for_url("**/ledger#messages")
        assert not messages.file_of(folder, call).exists()
        assert await page.locator("#messages").count() == 0
        gone = await page.request.get(f"{address}/messages/{call}")
        assert gone.status == 404
        await page.context.clear_cookies()
        refused = await page.request.get(f"{address}/messages/{call}")
        assert refused.status == 401


async def test_two_volunteers_and_one_entry(tmp_path: Path) -> None:
    from aiohttp import CookieJar
    from aiohttp.test_utils import TestClient, TestServer

    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    async with Journal(folder.database) as journal:
        caller = await owe(folder, journal)
        app = make_app(folder, lambda: LINE, journal)
        async with TestClient(
            TestServer(app, host="127.0.0.1"), cookie_jar=CookieJar(unsafe=True)
        ) as client:
            origin = {"Origin": str(client.make_url("/")).rstrip("/")}
            form = {"code": accounts.issue_code(folder.database), "name": "Camille"}
            form["password"] = "une petite phrase"
            await client.post("/start", data=form, headers=origin)
            ledger.claim(folder.database, caller, "Driss")
            answer = await client.post(f"/ledger/{caller}/claim", headers=origin)
            text = await answer.text()
            assert answer.status == 409
            assert "Driss s’en occupe déjà" in text
            assert not re.search(r"06.?11.?22", text)
            ledger.close(folder.database, caller, "Driss", "talked")
            answer = await client.post(f"/ledger/{caller}/tried", headers=origin)
            assert answer.status == 409
            assert "déjà réglé" in (await answer.text()).replace("\u202f", " ")
            wrong = {"reason": "because"}
            await owe(folder, journal, NUMBER, 1)
            answer = await client.post(f"/ledger/{caller}/close", data=wrong, headers=origin)
            assert answer.status == 400
            answer = await client.post("/ledger/nobody/claim", headers=origin)
            assert answer.status == 404


@pytest.mark.parametrize(
    ("number", "text"),
    [("", ""), (NUMBER, "06 11 22 33 44"), ("+32470123456", "+32 470 12 34 56")],
)
def test_a_number_is_written_as_people_write_it(number: str, text: str) -> None:
    assert written(number) == text
