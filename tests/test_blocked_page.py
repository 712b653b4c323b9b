"""The page of blocked callers: for coordinators, by keyboard, in both sizes and themes."""

import sqlite3
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page

from decroche.dashboard import accounts
from decroche.records import blocks, secrets
from decroche.records.events import now
from decroche.records.folder import Folder
from decroche.records.schema import reader

from .test_dashboard_browser import PHONE, WIDE, findings, folder, is_too_wide, page, served
from .test_ledger_page import NUMBER, owe

__all__ = ["folder", "page"]  # fixtures
PARIS = ZoneInfo("Europe/Paris")
pytestmark = pytest.mark.browser


def blocked(folder: Folder) -> dict[str, int]:
    connection = reader(folder.database)
    try:
        return blocks.active(connection, now())
    finally:
        connection.close()


async def test_a_number_is_blocked_and_let_in_again_by_keyboard(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        caller = await owe(folder, journal)
        await page.goto(f"{address}/ledger")
        await page.get_by_role("link", name="Numéros bloqués").click()
        assert "Aucun numéro n’est bloqué" in await page.inner_text("main")
        await page.get_by_label("Qui").fill("06 11 22 33 44")
        await page.get_by_label("Jusqu’au soir du").fill(str(date.today() + timedelta(days=7)))
        await page.get_by_label("Motif").fill("<b>insultes</b>")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#caller-" + caller)
        assert blocked(folder).keys() == {caller}
        text = await page.inner_text("main")
        assert "<b>insultes</b>" in text and "11 22 33 44" not in text
        assert "1 numéro bloqué" in (await page.inner_text("h1")).replace("\u00a0", " ")
        await page.goto(f"{address}/ledger")
        assert "Personne n’attend d’être rappelé" in await page.inner_text("main")
        await page.goto(f"{address}/blocked")
        await page.get_by_role("button", name="Débloquer").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".empty")
        assert blocked(folder) == {}


async def test_what_cannot_be_is_said_and_what_was_typed_stays(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, _):
        secrets.create(folder.secrets)
        await page.goto(f"{address}/blocked?who=zut%22%3E")
        assert await page.get_by_label("Qui").input_value() == 'zut">'
        await page.get_by_label("Motif").fill("essai")
        await page.get_by_role("button", name="Bloquer", exact=True).click()
        notice = await page.inner_text("[role=alert]")
        assert "ni un numéro de téléphone" in notice
        assert await page.get_by_label("Motif").input_value() == "essai"
        assert await findings(page) == []


async def test_it_is_for_coordinators_alone(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, journal):
        caller = await owe(folder, journal)
        with_role(folder, accounts.AGENT)
        answer = await page.goto(f"{address}/blocked")
        assert answer is not None and answer.status == 403
        await page.goto(f"{address}/ledger")
        assert await page.get_by_role("link", name="Numéros bloqués").count() == 0
        assert caller not in blocked(folder)


def with_role(folder: Folder, role: str) -> None:
    with sqlite3.connect(folder.database) as connection:
        connection.execute("UPDATE accounts SET roles = ?", (role,))
    connection.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_and_axe_finds_nothing(page: Page, folder: Folder, scheme: str) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    async with served(folder) as (address, journal):
        await owe(folder, journal)
        keys = secrets.load(folder.secrets)
        for number, reason in ((NUMBER, "Insultes, trois fois " * 9), ("0633333333", "")):
            target = blocks.find(folder.database, keys, number)
            blocks.block(folder.database, target, blocks.ends("", "7d", PARIS), "Zoé", reason)
        blocks.block(
            folder.database, blocks.Target("e" * 32, kept=False), now() + 10**9, "Zoé", "Au tableau"
        )
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            await page.goto(f"{address}/blocked")
            assert not await is_too_wide(page)
            assert await findings(page) == []
