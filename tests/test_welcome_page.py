"""A volunteer's page over HTTP: every step, taken up again anywhere, and nobody else's."""

import re
from pathlib import Path

import pytest

from decroche.dashboard import charter, joining
from decroche.dashboard.beginning import placed
from decroche.dashboard.keys import SESSIONS
from decroche.records import invitations, kinds, people, staffing, welcome
from decroche.records.folder import Folder
from decroche.records.starting import NOTHING

from .test_dashboard_web import PASSWORD, Page
from .test_dashboard_web import page as page  # the fixture

Form = tuple[int, str, str]


@pytest.fixture
def secret(page: Page) -> str:
    people.add_agent(page.path, "lea", "Léa <R.>", ["demarches"])
    return invitations.invite(page.path, ["lea"], 14, "paper")[0].secret


async def join(page: Page, secret: str, password: str = PASSWORD) -> Form:
    status, text, headers = await page.post(f"/join/{secret}", password=password)
    return status, text, headers.get("Location", "")


async def at(page: Page) -> str:
    """Which step the page shows."""
    status, text, _ = await page.get("/welcome")
    assert status == 200
    marks = {"charter": "/welcome/charter", "phone": "welcome.js", "ready": "prêt·e"}
    (found,) = [step for step, mark in marks.items() if mark in text]
    return found


async def accept(page: Page) -> None:
    text = (await page.get("/welcome"))[1]
    found = re.search(r'name="version" value="([0-9a-f]{64})"', text)
    assert found
    assert (await page.post("/welcome/charter", version=found[1]))[0] == 303


async def test_every_step_and_every_reload(page: Page, secret: str) -> None:
    status, text, _ = await page.get(f"/join/{secret}")
    assert status == 200 and "Bienvenue Léa &lt;R.&gt;" in text and 'value="lea"' in text
    status, text, _ = await join(page, secret, "court")
    assert status == 422 and "10 à 200" in text.replace("\u00a0", " ")
    assert (await join(page, secret))[::2] == (303, "/welcome")
    assert await at(page) == "charter"
    assert (await page.post("/welcome/phone"))[0] == 303  # not before the charter
    assert await at(page) == "charter"
    await accept(page)
    assert await at(page) == "phone"
    status, text, _ = await page.post("/welcome/phone")
    found = re.search(r'id="password">([a-z0-9]{16})<', text)
    assert found
    (agent,) = people.list_agents(page.path)
    assert agent.ha1 == people.ha1("lea", found[1])
    assert found[1] not in (await page.get("/welcome"))[1]
    assert (await page.post("/welcome/heard"))[0] == 409  # not before the call
    await page.append(kinds.REACHABLE, actor="lea")
    assert await state(page) == {"registered": True, "echoed": False}
    welcome.note(page.path, kinds.ECHOED, "lea", by="phone")
    assert await state(page) == {"registered": True, "echoed": True}
    assert (await page.post("/welcome/heard"))[0] == 303
    assert await at(page) == "ready"
    status, text, _ = await page.post("/welcome/phone")  # another phone
    assert 'id="password">' in text and found[1] not in text
    assert await at(page) == "ready"


async def state(page: Page) -> dict[str, bool]:
    async with page.client.get("/welcome/state") as answer:
        found: dict[str, bool] = await answer.json()
        return found


async def test_it_goes_on_from_another_device_with_the_password(page: Page, secret: str) -> None:
    await join(page, secret)
    page.client.session.cookie_jar.clear()
    status, _, headers = await page.get(f"/join/{secret}")
    assert (status, headers["Location"]) == (303, "/welcome")
    status, _, headers = await page.get("/welcome")
    assert (status, headers["Location"]) == (303, "/sign-in?next=/welcome")
    form = {"name": "lea", "password": PASSWORD, "next": "/"}
    assert (await page.post("/sign-in", **form))[2]["Location"] == "/welcome"
    await accept(page)
    assert (await page.post("/sign-in", **form))[2]["Location"] == "/"


async def test_a_used_link_opens_nothing(page: Page, secret: str) -> None:
    await join(page, secret)
    page.client.session.cookie_jar.clear()
    assert (await join(page, secret, "another phrase"))[0] == 404
    assert (await page.get("/"))[0] == 303


async def test_a_dead_link_says_what_to_do(page: Page, secret: str) -> None:
    invitations.revoke(page.path, ["lea"])
    for path in (f"/join/{secret}", f"/join/{'x' * 27}"):
        status, text, _ = await page.get(path)
        assert status == 404 and "demandez un nouveau lien" in text
    assert (await join(page, secret))[0] == 404


async def test_the_charter_is_kept_by_version(page: Page, secret: str) -> None:
    await join(page, secret)
    folder = Folder(page.path.parent)
    before = charter.version_of(charter.text_of(folder, "fr"))
    (page.path.parent / "charter.md").write_text("# Notre charte\n\n<script>x</script>\n", "utf-8")
    status, text, _ = await page.post("/welcome/charter", version=before)
    assert status == 409 and "vient de changer" in text
    assert "Notre charte" in text and "<script>x" not in text
    await accept(page)
    after = charter.version_of(charter.text_of(folder, "fr"))
    assert welcome.steps_of(page.path, "lea")["charter"] == after != before
    (page.path.parent / "charter.md").write_text("# Une autre\n", "utf-8")
    assert await at(page) == "charter"


async def test_an_account_without_a_phone_has_no_start(page: Page) -> None:
    await page.sign_in()
    for path in ("/welcome", "/welcome/state"):
        status, _, headers = await page.get(path)
        assert (status, headers["Location"]) == (303, "/")
    assert (await page.post("/welcome/phone"))[2]["Location"] == "/"


async def test_who_is_disabled_is_signed_out_by_that_alone(page: Page, secret: str) -> None:
    await join(page, secret)
    assert (await page.get("/"))[0] == 200
    sessions = page.client.server.app[SESSIONS]  # type: ignore[attr-defined]
    connection = page.journal.open_reader()
    ids = {row["id"] for row in connection.execute("SELECT id FROM sessions")}
    connection.close()
    assert sessions.alive(ids) == ids  # of streams that are open
    staffing.disable_agent(page.path, "lea")
    assert sessions.alive(ids) == set()
    assert (await page.get("/"))[0] == 303
    status, text, _ = await page.post("/sign-in", name="lea", password=PASSWORD)
    assert status == 422 and "fermé" in text
    staffing.enable_agent(page.path, "lea")
    joining.end_sessions(page.path, "lea")
    assert (await page.get("/"))[0] == 303


async def test_a_volunteer_sees_what_volunteers_see(page: Page, secret: str) -> None:
    await join(page, secret)
    for path in ("/", "/sheets", "/figures"):
        assert (await page.get(path))[0] == 200
    # Nobody sees a caller's number, or hears one, who has not accepted the charter.
    for path in ("/ledger", "/messages/x"):
        status, _, headers = await page.get(path)
        assert (status, headers["Location"]) == (303, "/welcome")
    assert (await page.post(f"/ledger/{'0' * 32}/claim"))[0] == 403
    await accept(page)
    assert (await page.get("/ledger"))[0] == 200


def test_where_somebody_stands() -> None:
    start = {**NOTHING, "registered": False}
    assert placed(start, {"a"}).step == "charter"
    start |= {"charter": "a", "accepted": 1}
    assert placed(start, {"b"}).step == "charter"
    assert placed(start, {"a"}).step == "phone"
    start |= {"phone": 5, "echoed": 4}
    assert not placed(start, {"a"}).echoed  # with the password of before
    start |= {"echoed": 6}
    assert placed(start, {"a"}).echoed
    start |= {"heard": 7}
    assert placed(start, {"a"}).step == "ready"


def test_both_charters_of_ours_can_be_read() -> None:
    folder = Folder(Path("/nowhere"))
    for language in charter.LANGUAGES:
        assert "<h2>" in charter.html_of(charter.text_of(folder, language))
    assert len(charter.versions(folder)) == 2
