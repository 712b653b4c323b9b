"""The own card and the shifts in a real Chromium: live, by keyboard, both themes and sizes."""

import asyncio
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from decroche.dashboard import accounts, joining
from decroche.records import kinds, people, presence, schema, shifts, signups, staffing
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.rota import DAY, read_hours

from .test_dashboard_browser import PHONE, WIDE, findings, folder, is_too_wide, page, served, story

__all__ = ["folder", "page"]  # fixtures
pytestmark = pytest.mark.browser

PARIS = ZoneInfo("Europe/Paris")
TODAY = datetime.now(PARIS).date()
MONDAY = TODAY - TODAY.weekday() * DAY


def state(folder: Folder) -> str:
    connection = schema.reader(folder.database)
    row = presence.one(connection, "lea")
    connection.close()
    return str(row["state"]) if row else ""


async def until_state(folder: Folder, wanted: str) -> None:
    async with asyncio.timeout(5):
        while state(folder) != wanted:
            await asyncio.sleep(0.02)
    assert state(folder) == wanted


async def test_my_card_is_live_and_worked_by_keyboard(page: Page, folder: Folder) -> None:
    joining.tie(folder.database, "Camille", "lea")
    async with served(folder) as (address, journal):
        await page.goto(f"{address}/")
        said = page.locator("#me [role=status]")
        await expect(said).to_contain_text("Absent·e")
        await page.get_by_role("button", name="Disponible").focus()
        await page.keyboard.press("Enter")
        await expect(said).to_contain_text("Disponible")
        await until_state(folder, "available")
        focused = "document.activeElement.value"
        assert await page.evaluate(focused) == "available"  # where one was
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await expect(said).to_contain_text("En pause")
        await page.get_by_role("button", name="20 min").press("Enter")
        await expect(said).to_have_text(re.compile(r"Disponible jusqu’à \d+\sh"))
        await expect(page.locator("#agent-lea")).to_contain_text("jusqu’à")
        # What the phone says shows on the page, and so does the end.
        await journal.append(people.declared("lea", kinds.AWAY, "phone"))
        await expect(said).to_contain_text("Absent·e")
        soon = now() + 2 * MICRO
        await journal.append(people.declared("lea", kinds.AVAILABLE, "phone", soon))
        await expect(said).to_contain_text("jusqu’à")
        await expect(said).to_contain_text("Absent·e")
        assert now() >= soon
        assert await page.evaluate("performance.getEntriesByType('navigation').length") == 1


async def test_a_shift_that_begins_asks(page: Page, folder: Folder) -> None:
    """The card changes at the minute, by the page's own clock."""
    joining.tie(folder.database, "Camille", "lea")
    soon = datetime.now(PARIS).replace(second=0, microsecond=0) + timedelta(minutes=1)
    hours = read_hours(f"{soon:%H:%M}-{soon + timedelta(hours=2):%H:%M}")
    day = soon.date()
    id = shifts.add(folder.database, day.weekday(), hours, 1, day)
    signups.sign_up(folder.database, id, "lea", day, PARIS)
    async with served(folder) as (address, _):
        await page.goto(f"{address}/")
        ask = page.get_by_role("button", name="Je suis là jusqu’à la fin")
        await expect(ask).to_be_visible(timeout=70_000)
        assert datetime.now(PARIS) >= soon
        await ask.press("Enter")
        await expect(page.locator("#me [role=status]")).to_contain_text("jusqu’à")
        await expect(ask).to_have_count(0)


def plan(folder: Folder) -> None:
    """A week with shifts that are past, mine, open, full, cancelled."""
    database = folder.database
    joining.tie(database, "Camille", "lea")
    first = MONDAY - 70 * DAY
    every = [shifts.add(database, day, read_hours("09:00-12:00"), 2, first) for day in range(7)]
    late = [shifts.add(database, day, read_hours("14:00-18:00"), 1, first) for day in (0, 2, 4)]
    later = MONDAY + 7 * DAY
    for day, id in enumerate(every):
        signups.sign_up(database, id, "driss", later + day * DAY, PARIS, weekly=day % 2 == 0)
    signups.sign_up(database, every[1], "lea", later + DAY, PARIS)
    signups.sign_up(database, every[2], "lea", later + 2 * DAY, PARIS, weekly=True)
    signups.sign_up(database, late[0], "odile", later, PARIS)
    shifts.cancel(database, late[1], later + 2 * DAY)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_and_axe_finds_nothing(
    page: Page, folder: Folder, scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    shots = tmp_path_factory.getbasetemp()
    async with served(folder) as (address, _):
        await page.goto(f"{address}/shifts")
        assert await findings(page) == []  # no shift yet
        plan(folder)
        presence.declare(folder.database, "lea", "available", "page", now() + 1200 * MICRO)
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            week = f"/shifts?week={MONDAY + 7 * DAY}"
            for at, path in enumerate(("/", "/shifts", week, "/presence")):
                await page.goto(f"{address}{path}")
                name = f"{scheme}-{size['width']}-{at}.png"
                await page.screenshot(path=shots / name, full_page=True)
                assert not await is_too_wide(page), path
                assert await findings(page) == [], path


async def test_names_without_an_end_fit(page: Page, folder: Folder) -> None:
    plan(folder)
    for name in ("lea", "driss"):
        staffing.edit_agent(folder.database, name, "W" * 80)
        presence.declare(folder.database, name, "available", "page", now() + 1200 * MICRO)
    with accounts.writing(folder.database) as connection:
        connection.execute("UPDATE accounts SET label = ?", ("W" * 60,))
    async with served(folder) as (address, journal):
        for one in story("b-1", agent="lea"):
            await journal.append(one)
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            for path in ("/", f"/shifts?week={MONDAY + 7 * DAY}", "/presence", "/welcome"):
                await page.goto(f"{address}{path}")
                assert not await is_too_wide(page), path


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_what_a_coordinator_opens_fits(page: Page, folder: Folder, language: str) -> None:
    plan(folder)
    async with served(folder) as (address, _):
        cookie = {"name": "decroche-language", "value": language, "url": address}
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            await page.goto(f"{address}/shifts?week={MONDAY + 7 * DAY}")
            await page.locator("li summary").first.press("Enter")
            await page.locator("section > details > summary").press("Enter")
            await expect(page.locator("details[open]")).to_have_count(2)
            assert not await is_too_wide(page)
            assert await findings(page) == []


async def test_signing_up_by_keyboard(page: Page, folder: Folder) -> None:
    plan(folder)
    async with served(folder) as (address, _):
        await page.goto(f"{address}/shifts?week={MONDAY + 7 * DAY}")
        first = page.locator("li", has_text="1 place").first
        button = first.get_by_role("button", name="Je viens", exact=True)
        await button.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**#shift-*")
        mine = page.locator("li:target")
        await expect(mine).to_contain_text("je viens")
        await expect(mine).to_contain_text("Léa")
        await mine.get_by_role("button", name="Je ne viens pas").press("Enter")
        await expect(mine).not_to_contain_text("Léa")
        await page.get_by_role("button", name="Créer le lien").first.press("Enter")
        address_ = page.get_by_label("À coller dans votre agenda")
        await expect(address_).to_have_value(
            re.compile(r"^http://127\.0\.0\.1:\d+/calendar/.+ics$")
        )
        assert await findings(page) == []
