"""The switch in a real Chromium: by keyboard alone, live, accessible in both themes and sizes."""

import pytest
from playwright.async_api import Page, expect

from decroche.records import switch
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.opening import CLOSED, SHORT

from .test_dashboard_browser import LINE, PHONE, WIDE, findings, folder, page, served

pytestmark = pytest.mark.browser
__all__ = ["folder", "page"]


async def test_it_is_thrown_by_keyboard_and_ended_with_one_key(page: Page, folder: Folder) -> None:
    async with served(folder) as (address, _):
        await page.goto(address)
        back = page.get_by_role("button", name="Revenir aux horaires")
        await expect(back).to_be_hidden()  # there is nothing to end
        summary = page.locator("summary")
        await summary.focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Ce que l’on dit à qui appelle").focus()
        await page.keyboard.type("Nous revenons demain.")
        await page.keyboard.press("Tab")  # who waits
        await page.keyboard.press("Tab")  # close
        await page.keyboard.press("Enter")
        await expect(page.locator("#switch")).to_contain_text("Nous revenons demain.")
        await expect(page.locator("#opening")).to_contain_text("Fermé jusqu’à demain")
        (thrown,) = switch.read_from(folder.database).values()
        assert (thrown.state, thrown.actor) == (CLOSED, "Camille")
        await back.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#switch")).to_have_text("Selon les horaires.")
        await expect(back).to_be_hidden()


async def test_what_somebody_types_stays_while_another_throws_it(
    page: Page, folder: Folder
) -> None:
    async with served(folder) as (address, _):
        await page.goto(address)
        await page.locator("summary").click()
        said = page.get_by_label("Ce que l’on dit à qui appelle")
        await said.fill("Je n’ai pas fini")
        until = now() + 3_600 * MICRO
        switch.throw(folder.database, LINE, SHORT, "Odile", until=until)
        await expect(page.locator("#switch")).to_contain_text("par Odile")
        await expect(page.get_by_role("button", name="Revenir aux horaires")).to_be_visible()
        await expect(said).to_have_value("Je n’ai pas fini")
        await expect(page.locator("section.owed details")).to_have_attribute("open", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_it_is_accessible_and_fits(
    page: Page, folder: Folder, scheme: str, size: dict[str, int]
) -> None:
    until = now() + 3_600 * MICRO
    switch.throw(folder.database, LINE, CLOSED, "Odile", until=until, text="Demain.", clears=True)
    switch.throw(folder.database, LINE, SHORT, "Odile", until=until, queue="visio")
    async with served(folder) as (address, _):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.goto(address)
        await page.locator("summary").click()
        assert await findings(page) == []
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"]
