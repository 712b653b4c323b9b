"""The page in a real Chromium: live, right again after a restart, in both themes and sizes."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from decroche import hotline
from decroche.dashboard import accounts, assets
from decroche.dashboard.app import make_app, serve
from decroche.kb import library
from decroche.kb import schema as kb_schema
from decroche.records import invitations, kinds, people, schema
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal

pytestmark = pytest.mark.browser

LINE = hotline.parse(
    """[line]
name = "Entraide numérique"
[trunks.t]
host = "127.0.0.1"
dids = ["0987654321"]
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio, famille"
"""
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
SHEETS = {
    "numero-fiscal.md": "# Retrouver son numéro fiscal\n\nIl est en haut de la première page.\n",
    "mot-de-passe.md": "# Mot de passe oublié\n\n1. Demander l’adresse.\n2. Cliquer « Oublié ».\n",
    "visio.md": "# Appeler en vidéo\n\n| Avec | Comment |\n| --- | --- |\n| un lien | cliquer |\n",
}


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.fail("no Chromium: set CHROMIUM, or apt-get install chromium")
    return found


def axe() -> str:
    """The source of axe-core, brought by npm with the page's other files."""
    file = assets.HERE / "node_modules/axe-core/axe.min.js"
    if not file.is_file():
        npm = assets.find_npm()
        if npm is None:
            pytest.fail("axe-core is missing and there is no npm: install npm, then pip install .")
        assets.bring(npm, with_tests=True)
    return file.read_text("utf-8")


def event(kind: str, ago: float = 0, call: str = "", actor: str = "", **body: Any) -> Event:
    """What happened ``ago`` seconds ago."""
    at = now() - int(ago * MICRO)
    key = f"{kind} {call} {actor} {at} {body}"
    return Event(id=key, at=at, kind=kind, call=call, actor=actor, body=body)


def story(call: str, *, agent: str = "", queue: str = "demarches", ago: float = 0) -> list[Event]:
    """A call that waits, or talks with an agent."""
    events = [
        event(kinds.ARRIVED, ago, call, trunk="t", did="1"),
        event(kinds.ASKED, ago, call),
        event(kinds.QUEUED, ago, call, queue=queue),
    ]
    if agent:
        events.append(event(kinds.RANG, ago, call, agent=agent, offer=f"o{call}"))
        events.append(event(kinds.ANSWERED, ago, call, agent=agent, offer=f"o{call}"))
    return events


@asynccontextmanager
async def served(
    folder: Folder, port: int = 0, line: hotline.Hotline | None = None
) -> AsyncIterator[tuple[str, Journal]]:
    loop = asyncio.get_running_loop()
    address: asyncio.Future[str] = loop.create_future()
    async with Journal(folder.database) as journal:
        app = make_app(folder, lambda: line or LINE, journal)
        task = asyncio.create_task(serve(app, "127.0.0.1", port, address.set_result))
        try:
            yield (await asyncio.wait_for(address, 10)).rstrip("/"), journal
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    accounts.claim(
        folder.database, accounts.issue_code(folder.database), "Camille", "une petite phrase"
    )
    for name, label in {"driss": "Driss", "lea": "Léa", "odile": "Odile"}.items():
        people.add_agent(folder.database, name, label, ["demarches"])
    (tmp_path / "sheets").mkdir()
    for file, text in SHEETS.items():
        (tmp_path / "sheets" / file).write_text(text, "utf-8")
    library.import_folder(folder.database, tmp_path / "sheets")
    return folder


@pytest.fixture
async def page(folder: Folder) -> AsyncIterator[Page]:
    """A tab that is signed in; an error in its console fails the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        context = await browser.new_context(locale="fr-FR", viewport=WIDE)  # type: ignore[arg-type]
        cookie = accounts.open_session(folder.database, "camille")
        await context.add_cookies(
            [{"name": "decroche", "value": cookie, "domain": "127.0.0.1", "path": "/"}]
        )
        tab = await context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))

        def listen(said: ConsoleMessage) -> None:
            # axe-core tries inline styles; that ours has none, test_dashboard_web.py checks.
            if "Content Security" in said.text and "inline style" not in said.text:
                errors.append(said.text)

        tab.on("console", listen)
        yield tab
        await browser.close()
    assert errors == []


async def findings(page: Page) -> list[str]:
    """What axe-core has to say; run in a world of its own, so that CSP stays in force."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Page.getFrameTree")
    world = await session.send(
        "Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]}
    )
    run = """axe.run().then(r => JSON.stringify(r.violations.map(
        v => v.id + ": " + v.nodes.map(n => n.target + " " + n.failureSummary).join(" | "))))"""
    for expression in (axe(), run):
        answer = await session.send(
            "Runtime.evaluate",
            {
                "expression": expression,
                "contextId": world["executionContextId"],
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        assert "exceptionDetails" not in answer, answer
    text: str = answer["result"]["value"]
    return [] if text == "[]" else [text]


async def is_too_wide(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > innerWidth"))


async def test_it_moves_without_reloading(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        await page.goto(address)
        await page.evaluate("document.body.dataset.same = 'page'")
        await expect(page.locator("#calls-empty")).to_contain_text("09\u00a087")
        await journal.append(*story("b-1"))
        await expect(page.locator("#call-1 .pill")).to_contain_text("attend")
        await expect(page.locator("#fig-waiting .figure")).to_have_text("1")
        offer = event(kinds.RANG, 0, "b-1", agent="driss", offer="o1")
        await journal.append(event(kinds.AVAILABLE, 9, actor="driss"), offer)
        await expect(page.locator("#call-1")).to_contain_text("sonne chez Driss")
        await journal.append(event(kinds.ANSWERED, 0, "b-1", agent="driss", offer="o1"))
        await expect(page.locator("#call-1")).to_contain_text("parle avec Driss")
        await expect(page.locator("#agents-talking")).to_contain_text("Driss")
        await journal.append(event(kinds.ENDED, 0, "b-1"))
        await expect(page.locator("#call-1")).to_have_count(0)
        await expect(page.locator("#fig-today .figure")).to_have_text("1")
        assert await page.evaluate("document.body.dataset.same") == "page"


async def test_it_says_why_an_agent_is_not_rung(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        await page.goto(address)
        for name in ("driss", "lea", "odile"):
            await journal.append(
                event(kinds.REACHABLE, 9, actor=name),
                event(kinds.AVAILABLE, 9, actor=name, by="phone"),
            )
        await journal.append(event(kinds.PAUSED, 5, actor="driss", by="missed"))
        until = now() + 3600 * MICRO
        await journal.append(event(kinds.CAPPED, 3, actor="lea", until=until, why="calls"))
        await expect(page.locator("#agents-pause")).to_contain_text("Driss · pause, appels manqués")
        await expect(page.locator("#agents-pause")).to_contain_text("Léa · quota atteint")
        await expect(page.locator("#agents-free")).to_contain_text("Odile")
        assert await findings(page) == []
        await journal.append(event(kinds.CAPPED, 0, actor="lea", until=0, why=""))
        await expect(page.locator("#agents-free")).to_contain_text("Léa")


async def test_it_patches_only_the_row_that_changed_and_keeps_order(
    page: Page, folder: Folder
) -> None:
    async with served(folder) as (address, journal):
        await journal.append(*story("b-1", ago=60), *story("b-2", ago=30), *story("b-3", ago=10))
        await page.goto(address)
        await page.wait_for_function("document.querySelector('#call-1 time').textContent != ''")
        await journal.append(*story("b-4", agent="driss"))
        await expect(page.locator("#call-4")).to_be_visible()
        await page.evaluate(
            "for (const id of [1, 2, 3]) document.getElementById('call-' + id).kept = 1"
        )
        offer = event(kinds.RANG, 0, "b-2", agent="lea", offer="o2")
        await journal.append(offer, event(kinds.ANSWERED, 0, "b-2", agent="lea", offer="o2"))
        await expect(page.locator("#call-2")).to_contain_text("parle avec Léa")
        kept = "[1, 2, 3].map(id => document.getElementById('call-' + id).kept === 1)"
        assert await page.evaluate(kept) == [True, False, True]
        order = await page.evaluate("[...document.querySelectorAll('#calls tr')].map(r => r.id)")
        assert order == ["call-1", "call-3", "call-4", "call-2"]


async def test_it_is_right_again_after_the_server_restarts(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        await journal.append(*story("b-1"), *story("b-2"))
        await page.goto(address)
        await expect(page.locator("#calls tr")).to_have_count(2)
    await expect(page.locator("#link")).to_contain_text("Elle se reconnecte", timeout=10_000)
    port = int(address.rpartition(":")[2])
    async with served(folder, port) as (_, journal):
        await journal.append(event(kinds.ENDED, 0, "b-1"), *story("b-3"))
        await expect(page.locator("#call-3")).to_be_visible(timeout=10_000)
        await expect(page.locator("#call-1")).to_have_count(0)
        await expect(page.locator("#link")).not_to_contain_text("Elle se reconnecte")


async def test_it_counts_time_and_says_that_the_pbx_is_lost(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        await journal.append(*story("b-1", ago=57))
        await page.goto(address)
        await expect(page.locator("#call-1 time")).to_have_text("1\u00a0min\u00a000", timeout=9_000)
        await journal.append(event(kinds.PBX_LOST, 0, reason="closed"))
        await expect(page.locator("#trouble")).to_contain_text("Les appels continuent")
        await expect(page.locator("#trouble")).to_have_attribute("data-kind", "pbx")
        await expect(page.locator("#fig-waiting .figure")).to_have_text("1")
        await journal.append(event(kinds.PBX_CONNECTED, 0, boot="b"))
        await expect(page.locator("#trouble")).to_be_empty()


async def test_it_shows_twelve_calls_and_all_when_asked(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        for number in range(15):
            await journal.append(*story(f"b-{number}", ago=60 - number))
        await page.goto(address)
        await expect(page.locator("#calls tr:visible")).to_have_count(12)
        await expect(page.locator("#calls-more")).to_contain_text("3\u00a0autres")
        await page.get_by_role("link", name="tout voir").click()
        await expect(page.locator("#calls tr:visible")).to_have_count(15)


async def test_it_is_read_by_keyboard_from_the_search_to_the_sheet(
    page: Page, folder: Folder
) -> None:
    async with served(folder) as (address, _):
        await page.goto(address)
        await page.keyboard.press("/")
        await page.wait_for_function("document.activeElement.id === 'q'")
        await page.keyboard.type("mot de pase oubl", delay=15)
        await expect(page.locator("#results li").first).to_contain_text("Mot de passe oublié")
        await page.keyboard.press("Escape")
        await page.keyboard.type("fiscal", delay=15)
        await expect(page.locator("#results li")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator("#reading h2")).to_have_text("Retrouver son numéro fiscal")
        assert page.url.startswith(f"{address}/sheets/numero-fiscal")
        await page.keyboard.press("/")
        assert await page.evaluate("document.activeElement.id") == "q"
        await page.keyboard.type("vidéo")
        await expect(page.locator("#results li")).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(page.locator("#reading h2")).to_have_text("Appeler en vidéo")
        await page.go_back()
        await expect(page.locator("#reading h2")).to_have_text("Retrouver son numéro fiscal")


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_it_is_accessible_and_fits_in_both_themes(
    page: Page, folder: Folder, colours: Any
) -> None:
    await page.emulate_media(color_scheme=colours)
    async with served(folder) as (address, journal):
        agents = [event(kinds.AVAILABLE, 9, actor=name) for name in ("driss", "lea", "odile")]
        agents += [event(kinds.REACHABLE, 9, actor=name) for name in ("driss", "lea")]
        calls = [*story("b-1"), *story("b-2", agent="driss"), *story("b-3"), *story("b-4")]
        rings = event(kinds.RANG, 0, "b-3", agent="lea", offer="o3")
        fell = event(kinds.FELL_BACK, 0, "b-4", why="token")
        arrived = event(kinds.ARRIVED, 0, "b-5", trunk="t", did="1")
        await journal.append(*agents, *calls, rings, fell, arrived, event(kinds.ENDED, 0, "b-1"))
        for path in ("/", "/sheets?q=num%C3%A9ro", "/sheets/visio", "/nothing"):
            await page.goto(address + path)
            await check(page)
        await journal.append(event(kinds.PBX_LOST, 3, reason="closed"))
        await page.goto(address)
        await check(page)
        await page.context.clear_cookies()
        for path in ("/sign-in", "/start?code=x"):
            await page.goto(address + path)
            await check(page)


async def check(page: Page) -> None:
    """No finding and no scrolling sideways, wide and on a phone."""
    for size in (WIDE, PHONE):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        assert not await is_too_wide(page), page.url
        assert await findings(page) == [], page.url


async def test_it_leaves_when_the_session_is_revoked(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, _):
        await page.goto(address)
        await expect(page.locator("#calls-empty")).to_be_visible()
        with accounts.writing(folder.database) as connection:
            assert accounts.close_sessions(connection, "camille") == 1
        await page.wait_for_url(re.compile("/sign-in"), timeout=10_000)


async def test_it_works_without_script(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        await journal.append(*story("b-1", ago=65))
        browser = page.context.browser
        assert browser
        context = await browser.new_context(java_script_enabled=False, locale="fr-FR")
        await context.add_cookies(await page.context.cookies())  # type: ignore[arg-type]
        plain = await context.new_page()
        await plain.goto(address)
        await expect(plain.locator("#call-1 time")).to_contain_text("1\u00a0min")
        await plain.goto(f"{address}/sheets")
        await plain.fill("#q", "fiscal")
        await plain.keyboard.press("Enter")
        await plain.get_by_role("link", name="Retrouver son numéro fiscal").click()
        await expect(plain.locator("#reading h2")).to_have_text("Retrouver son numéro fiscal")


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_a_volunteers_start_is_accessible_and_fits(
    page: Page, folder: Folder, colours: Any
) -> None:
    await page.emulate_media(color_scheme=colours)
    await page.context.clear_cookies()
    (made,) = invitations.invite(folder.database, ["driss"], 14, "paper")
    async with served(folder) as (address, journal):
        await page.goto(f"{address}/join/{'x' * 27}")
        await expect(page.locator("h1")).to_contain_text("valable")
        await check(page)
        await page.goto(f"{address}/join/{made.secret}")
        await check(page)
        await page.get_by_label("Mot de passe").fill("une petite phrase")
        await page.keyboard.press("Enter")
        await expect(page.locator(".text h2")).to_be_visible()
        await check(page)
        await page.get_by_role("button", name="J’accepte").click()
        await check(page)
        await page.get_by_role("button", name="Afficher").click()
        await page.locator("summary").click()
        await check(page)
        await journal.append(event(kinds.REACHABLE, 0, actor="driss"))
        await journal.append(event(kinds.ECHOED, -1, actor="driss", by="phone"))
        await expect(page.locator("[data-yes=echoed]")).to_be_visible(timeout=10_000)
        await check(page)
        await page.reload()  # the address is that of the page: nothing is sent again
        await expect(page.locator("#password")).to_have_count(0)
        await check(page)
        await page.get_by_role("button", name="Je me suis").click()
        await expect(page.locator("h1")).to_have_text("Vous êtes prêt·e")
        await check(page)
