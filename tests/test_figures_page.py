"""The page of the figures: what it says, what it refuses, its files, and how it looks."""

import csv
import io
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page as Tab
from playwright.async_api import expect

from decroche.dashboard import figures_view
from decroche.dashboard.chart import HEIGHT, WIDTH
from decroche.dashboard.figures_chart import Count, bars, columns
from decroche.dashboard.words import words
from decroche.records import exports, figures
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.periods import period
from decroche.records.tally import Tally, totals

from .calls import LINE as SHAPE
from .calls import Call, append, generate
from .test_dashboard_browser import PHONE, WIDE, findings, folder, is_too_wide, page, served
from .test_dashboard_web import Page
from .test_dashboard_web import page as site
from .test_figures import call, instant

__all__ = ["folder", "page", "site"]  # fixtures
DAY = "2026-03-02"


def plain(text: str) -> str:
    """Text of a page with ordinary spaces and without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text).replace("\u202f", " "))


@pytest.fixture
async def open_site(site: Page) -> AsyncIterator[Page]:
    """Signed in, with a day of three calls."""
    await site.sign_in()
    append(
        site.path,
        [
            call(1, f"{DAY}T09:10", waits=90 * MICRO, talks=600 * MICRO),
            call(2, f"{DAY}T10:20", "waiting", waits=30 * MICRO),
            call(3, f"{DAY}T10:40", waits=20 * MICRO, key=""),
        ],
    )
    yield site


async def test_it_says_what_was_counted(open_site: Page) -> None:
    status, text, _ = await open_site.get(f"/figures?of={DAY}")
    said = plain(text)
    assert status == 200
    assert "Lundi 2 mars 2026" in said
    assert " 3 appels " in said and " 2 répondus " in said and " 1 sans réponse " in said
    assert " 30 s attente médiane " in said
    assert " 33 % répondus en 60 s de 3 appels " in said
    assert "9 h 1 1 0 1 min 30 0 %" in said
    assert "10 h 2 1 1" in said
    assert "Démarches 3 2 1" in said
    assert "aucune touche 1 1 0" in said
    assert "a raccroché en attendant 1" in said
    assert "<title>9\u00a0h\u00a0: 1 répondus, 0 sans réponse</title>" in text
    assert text.count("<svg") == 4 and "<script" not in text.split("<main")[1]
    assert "camille" not in text and " ana" not in said.lower()  # no figure of an agent


async def test_it_goes_from_period_to_period(open_site: Page) -> None:
    _, text, _ = await open_site.get(f"/figures?period=week&of={DAY}")
    assert "Semaine du 2 mars au 8 mars 2026" in plain(text)
    links = dict(re.findall(r'<a href="([^"]+)" rel="(prev|next)"', text))
    assert sorted(links.values()) == ["next", "prev"]
    for link, week in zip(links, ("23 février au 1 mars", "9 mars au 15 mars"), strict=True):
        _, text, _ = await open_site.get(link.replace("&amp;", "&"))
        assert f"Semaine du {week}" in plain(text)
        assert "Aucun appel pendant cette période" in text
    _, text, _ = await open_site.get("/figures?period=month")
    assert 'rel="prev"' in text and 'rel="next"' not in text
    _, text, _ = await open_site.get("/figures?period=year&of=2026-03-02")
    assert '<h1 id="when-title">2026</h1>' in text and "mars 3 2 1" in plain(text)


async def test_it_counts_one_queue(open_site: Page) -> None:
    status, text, _ = await open_site.get(f"/figures?of={DAY}&queue=demarches")
    assert status == 200 and " 3 appels " in plain(text)
    assert (await open_site.get("/figures?queue=nothing"))[0] == 404


@pytest.mark.parametrize("query", ["of=yesterday", "period=century", "of=9999-99-99"])
async def test_it_refuses_what_is_no_period(open_site: Page, query: str) -> None:
    for path in ("/figures", "/figures.csv", "/figures.json"):
        assert (await open_site.get(f"{path}?{query}"))[0] == 400


@pytest.mark.parametrize("query", ["of=0001-01-01", "period=year&of=1999-12-31"])
async def test_long_ago_is_empty(open_site: Page, query: str) -> None:
    status, text, _ = await open_site.get(f"/figures?{query}")
    assert status == 200 and "Aucun appel" in text


async def test_it_says_kindly_that_the_future_has_not_begun(open_site: Page) -> None:
    tomorrow = date.today() + timedelta(2)
    status, text, _ = await open_site.get(f"/figures?of={tomorrow}")
    assert status == 400 and "n’a pas encore commencé" in text
    assert (await open_site.get(f"/figures.csv?of={tomorrow}"))[0] == 400


async def test_an_unreadable_database_is_said_and_never_a_zero(
    open_site: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(figures, "of_line", fail)
    status, text, _ = await open_site.get(f"/figures?of={DAY}")
    assert status == 503 and "ne peuvent pas être lus" in text
    assert re.findall(r'class="figure[^"]*">([^<]+)<', text) == ["–"] * 5
    assert (await open_site.get(f"/figures.json?of={DAY}"))[0] == 500


async def test_it_gives_files(open_site: Page) -> None:
    status, text, headers = await open_site.get(f"/figures.csv?of={DAY}")
    assert status == 200 and headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"] == f'attachment; filename="figures-day-{DAY}.csv"'
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(row["from"], row["queue"], row["arrived"]) for row in rows] == [
        (f"{DAY} 09:00", "demarches", "1"),
        (f"{DAY} 10:00", "demarches", "2"),
    ]
    status, text, _ = await open_site.get(f"/figures.json?of={DAY}")
    assert status == 200 and json.loads(text)["totals"]["answered"] == 2


@pytest.mark.parametrize("path", ["/figures", "/figures.csv", "/figures.json"])
async def test_it_is_for_who_has_signed_in(site: Page, path: str) -> None:
    assert (await site.get(path))[0] == 303


# Files, as values.


def test_no_cell_is_a_formula() -> None:
    for start in ("=", "+", "-", "@", "\t", "\r"):
        assert exports.safe(f"{start}1+1") == f"'{start}1+1"
    assert (exports.safe("a=1"), exports.safe(None), exports.safe(7)) == ("a=1", "", "7")


def report(path: Path, calls: list[Call], kind: str) -> figures.Report:
    append(path, calls)
    return figures.of_line(path, SHAPE, period(kind, date.fromisoformat(DAY)), "", now())


@pytest.mark.parametrize("kind", ["day", "week", "month", "year"])
def test_csv_and_tables_add_up_to_the_whole(folder: Folder, kind: str) -> None:
    calls = generate(5, 200, instant(DAY), instant("2026-03-05"))
    found = report(folder.database, calls, kind)
    rows = list(csv.DictReader(io.StringIO(exports.as_csv(found))))
    for name in ("arrived", "answered", "abandoned", "overflow", "refused_empty", "decided"):
        whole = getattr(found.totals, name, None)
        if whole is None:
            whole = found.totals.unanswered[name.replace("_", "-")]
        assert sum(int(row[name]) for row in rows) == whole, name
    assert json.loads(exports.as_json(found))["totals"]["arrived"] == found.totals.arrived
    for table in exports.as_tables(found)[1:]:
        assert sum(int(row["arrived"]) for row in table.rows) == found.totals.arrived, table.title


# Titles, names and charts, as values.


@pytest.mark.parametrize(
    ("kind", "french", "english"),
    [
        ("day", "Lundi 2 mars 2026", "Monday 2 March 2026"),
        ("week", "Semaine du 2 mars au 8 mars 2026", "Week from 2 March to 8 March 2026"),
        ("month", "Mars 2026", "March 2026"),
        ("year", "2026", "2026"),
    ],
)
def test_a_period_has_a_title(kind: str, french: str, english: str) -> None:
    found = period(kind, date.fromisoformat(DAY))
    assert figures_view.title(found, words("fr")) == french
    assert figures_view.title(found, words("en")) == english


def test_a_reason_without_words_stands_as_it_is() -> None:
    tally = Tally()
    for fate in ("abandoned.menu", "message-left", "sang-a-song", "closed"):
        tally.add(fate, 3)
    found = figures_view.reasons(totals(tally, 60), words("fr"))
    assert [label for label, _ in found.lines] == [
        "a raccroché dans le menu",
        "a laissé un message",
        "sang-a-song",
    ]


def test_columns_and_bars_fill_the_picture() -> None:
    counts = [Count("a", 6, 2), Count("b", 0, 0), Count("c", 3, 0)]
    drawn = columns(counts)
    assert drawn.columns[0].unanswered_y == 0
    assert drawn.columns[0].answered_y + drawn.columns[0].answered_height == HEIGHT
    assert drawn.columns[2].x + drawn.width <= WIDTH
    assert [text for _, text in drawn.labels] == ["a", "b", "c"]
    assert len(columns([Count(str(n), n, 0) for n in range(31)]).labels) <= 8
    laid = bars(counts)
    assert laid.bars[0].answered + laid.bars[0].unanswered == WIDTH
    assert columns([]).columns == () and bars([]).height == 0


# In a browser.


@pytest.mark.browser
async def test_it_is_read_with_the_keyboard(page: Tab, folder: Folder) -> None:
    async with served(folder) as (address, _):
        await page.goto(f"{address}/figures?of={DAY}")
        await expect(page.locator(".empty")).to_contain_text("Aucun appel")
        append(folder.database, generate(2, 300, instant(DAY), instant("2026-03-03")))
        await page.reload()
        await page.get_by_role("link", name="Mois", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Mars 2026")
        await page.get_by_role("link", name="Le mois d’avant").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Février 2026")
        await page.go_back()
        summary = page.locator("summary").first
        await summary.focus()
        await page.keyboard.press("Enter")
        row = page.get_by_role("row", name="lun. 2")
        await expect(row.first).to_contain_text("300")
        await page.get_by_role("link", name="Visio, famille").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("a[aria-current=true]").last).to_have_text("Visio, famille")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_and_axe_finds_nothing(page: Tab, folder: Folder, scheme: str) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    append(folder.database, generate(2, 400, instant(DAY), instant("2026-03-06")))
    async with served(folder) as (address, _):
        for size in (WIDE, PHONE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            for query in (f"of={DAY}", f"period=month&of={DAY}", "of=2001-01-01", "of=2999-01-01"):
                await page.goto(f"{address}/figures?{query}")
                await page.locator("summary").evaluate_all("all => all.forEach(s => s.click())")
                assert not await is_too_wide(page), query
                assert await findings(page) == [], query
