"""The shifts and the own card over HTTP: who may do what, what is shown, and the secret links."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from decroche import hotline
from decroche.dashboard import accounts, joining
from decroche.dashboard.app import make_app
from decroche.kb import schema as kb_schema
from decroche.records import kinds, people, presence, schema, shifts, signups, welcome
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal
from decroche.records.rota import DAY, read_hours

from .calendars import parse

LINE = hotline.parse("""[line]
name = "Entraide; numérique, à \\"Guéret\\""
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
""")
PARIS = ZoneInfo("Europe/Paris")
TODAY = datetime.now(PARIS).date()
NEXT = TODAY + (0 - TODAY.weekday()) % 7 * DAY + 7 * DAY
PASSWORD = "une petite phrase"
Client = TestClient[Request, Application]


@dataclass
class Someone:
    """A browser that is signed in."""

    client: Client

    async def get(self, path: str) -> str:
        answer = await self.client.get(path)
        assert answer.status == 200, path
        return re.sub(r"[\s\u00a0\u202f]+", " ", await answer.text())

    async def post(self, path: str, expected: int = 303, /, **form: str) -> str:
        origin = {"Origin": str(self.client.make_url("/")).rstrip("/")}
        answer = await self.client.post(path, data=form, headers=origin, allow_redirects=False)
        assert answer.status == expected, path
        text = answer.headers.get("Location") or await answer.text()
        return re.sub(r"[\s\u00a0\u202f]+", " ", text)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A line with a coordinator, Camille, and two agents with accounts: Driss and Léa."""
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    for name, label in (("driss", "Driss"), ("lea", "Léa"), ("odile", "Odile")):
        people.add_agent(folder.database, name, label, ["demarches"])
    accounts.claim(folder.database, accounts.issue_code(folder.database), "Camille", PASSWORD)
    for name, agent in (("Driss", "driss"), ("Léa", "lea")):
        accounts.claim(folder.database, accounts.issue_code(folder.database), name, PASSWORD)
        with accounts.writing(folder.database) as connection:
            sql = "UPDATE accounts SET roles = 'agent' WHERE label = ?"
            connection.execute(sql, (name,))
        joining.tie(folder.database, name, agent)
        welcome.note(folder.database, kinds.ACCEPTED, agent, charter="0" * 64)
    return folder


@asynccontextmanager
async def served(folder: Folder, *names: str) -> AsyncIterator[list[Someone]]:
    async with Journal(folder.database) as journal:
        server = TestServer(make_app(folder, lambda: LINE, journal), host="127.0.0.1")
        await server.start_server()
        people_: list[Someone] = []
        for name in names:
            client = TestClient(server, cookie_jar=CookieJar(unsafe=True))
            client.session.headers["Accept-Language"] = "fr"
            cookie = accounts.open_session(folder.database, accounts.fold(name)) if name else ""
            client.session.cookie_jar.update_cookies({"decroche": cookie}, server.make_url("/"))
            people_.append(Someone(client))
        try:
            yield people_
        finally:
            for one in people_:
                await one.client.close()
            await server.close()


def state(folder: Folder, agent: str) -> tuple[str, int | None]:
    connection = schema.reader(folder.database)
    row = presence.one(connection, agent)
    connection.close()
    assert row is not None
    return row["state"], row["until"]


async def test_an_agent_says_what_they_are(folder: Folder) -> None:
    async with served(folder, "driss", "camille") as (driss, camille):
        assert "Ma disponibilité" in await driss.get("/")
        assert "Ma disponibilité" not in await camille.get("/")
        assert await driss.post("/me", minutes="20") == "/"
        said, until = state(folder, "driss")
        assert said == "available"
        assert until and 1_190 * MICRO < until - now() <= 1_200 * MICRO
        assert "Disponible jusqu’à" in await driss.get("/me")
        assert await driss.post("/me", state="paused", next="/sheets") == "/sheets"
        assert await driss.post("/me", state="paused", next="//evil.example") == "/"
        assert state(folder, "driss") == ("paused", None)
        for form in (
            {"state": "asleep"},
            {"minutes": "20000"},
            {"state": "available", "until": "1"},
            {"state": "available", "until": "x"},
            {},
        ):
            await driss.post("/me", 400, **form)
        await camille.post("/me", 403, state="away")
        assert (await camille.client.get("/me")).status == 404
        assert state(folder, "driss") == ("paused", None)


async def test_a_coordinator_says_what_somebody_is(folder: Folder) -> None:
    async with served(folder, "camille", "driss") as (camille, driss):
        assert await camille.post("/presence/lea", state="available") == "/presence#agent-lea"
        assert state(folder, "lea") == ("available", None)
        text = await camille.get("/presence")
        assert text.index("Léa") < text.index("Odile")  # who is there stands first
        assert "Odile" not in await camille.get("/presence?q=l%C3%A9")
        assert "Personne ne s’appelle « zoé »." in await camille.get("/presence?q=zo%C3%A9")
        await camille.post("/presence/nobody", 404, state="away")
        await driss.post("/presence/lea", 403, state="away")
        assert (await driss.client.get("/presence")).status == 403
        assert state(folder, "lea") == ("available", None)


def running(folder: Folder) -> int:
    """A shift that runs now, of Léa and Odile; its number."""
    at = datetime.now(PARIS)
    day = at.date() if at.hour else at.date() - DAY
    hours = read_hours(f"{max(at.hour - 1, 0) if at.hour else 23:02}:00-{(at.hour + 2) % 24:02}:59")
    id = shifts.add(folder.database, day.weekday(), hours, 2, TODAY - 7 * DAY)
    for agent in ("lea", "odile"):
        signups.sign_up(folder.database, id, agent, day, PARIS)
    return id


async def test_a_shift_that_begins_asks_and_never_forces(folder: Folder) -> None:
    running(folder)
    async with served(folder, "léa", "driss") as (lea, driss):
        text = await lea.get("/")
        assert "Votre créneau a commencé" in text
        assert re.search(r"Attendu·es selon les créneaux : Léa \(\d+ h\), Odile \(\d+ h\)", text)
        assert state(folder, "lea")[0] == "away"
        end = re.search(r'name="until" value="(\d+)"', text)
        assert end
        await lea.post("/me", state="available", until=end[1])
        assert state(folder, "lea") == ("available", int(end[1]))
        text = await driss.get("/")
        assert "Votre créneau" not in text
        assert "Léa (" not in text
        assert "Odile (" in text


async def test_signing_up_is_one_click(folder: Folder) -> None:
    id = shifts.add(folder.database, 0, read_hours("09:00-12:00"), 1, TODAY, None, ["demarches"])
    place = f"/shifts/{id}/{NEXT}"
    async with served(folder, "driss", "léa", "camille") as (driss, lea, camille):
        week = f"/shifts?week={NEXT + 3 * DAY}"
        assert "1 place" in await driss.get(week)
        onward = f"/shifts?week={NEXT}#shift-{id}-{NEXT}"
        assert await driss.post(f"{place}/sign-up", weekly="1") == onward
        text = await driss.get(week)
        assert "je viens chaque semaine" in text
        assert "Démarches" in text
        text = await lea.get(week)
        assert "<bdi>Driss</bdi> · complet" in text
        assert f"{place}/sign-up" not in text
        assert "vient d’être complété" in await lea.post(f"{place}/sign-up", 409)
        assert await driss.post(f"{place}/withdraw") == onward
        await lea.post(f"{place}/sign-up")
        assert "<bdi>Léa</bdi> · complet" in await driss.get(week)
        await lea.post(f"{place}/withdraw")
        assert "n’étiez pas inscrit·e" in await lea.post(f"{place}/withdraw", 409)
        await camille.post(f"{place}/sign-up", 403)
        await lea.post(f"{place}/cancel", 403)
        await lea.post(f"/shifts/{id}/remove", 403)
        await lea.post("/shifts", 403)
        await lea.post(f"/shifts/{id}/2026-02-30/sign-up", 404)
        await lea.post(f"/shifts/{id}/{NEXT + DAY}/sign-up", 409)
        await camille.post(f"{place}/cancel")
        assert "annulé" in await driss.get(week)
        await camille.post(f"{place}/restore")
        assert await camille.post(f"/shifts/{id}/remove") == f"/shifts?removed={id}"
        assert "Aucun créneau cette semaine" not in await camille.get(f"/shifts?removed={id}")
        assert "Il n’y a pas encore de créneau" in await driss.get("/shifts")
        await camille.post(f"/shifts/{id}/keep")
        assert "1 place" in await driss.get(week)


async def test_a_coordinator_plans_a_shift(folder: Folder) -> None:
    form = {"day": "tuesday", "starts": "09:00", "ends": "12:30", "wanted": "3"}
    form |= {"queue": "demarches", "first": NEXT.isoformat(), "last": ""}
    async with served(folder, "camille") as (camille,):
        assert "Créez le premier ci-dessous" in await camille.get("/shifts")
        assert await camille.post("/shifts", **form) == f"/shifts?week={NEXT}"
        text = await camille.get(f"/shifts?week={NEXT}")
        assert "9 h – 12 h 30" in text
        assert "3 places" in text
        for bad in (
            {"day": "someday"},
            {"starts": "9"},
            {"ends": "09:00"},
            {"wanted": "many"},
            {"first": "2026-13-01"},
        ):
            assert "ne peut pas être créé" in await camille.post("/shifts", 422, **form | bad)
        onward = await camille.post(
            f"/shifts/1/set?week={NEXT}", starts="10:00", ends="11:00", wanted="1"
        )
        text = await camille.get(onward)
        assert "10 h – 11 h" in text
        assert "1 place" in text
        for bad in ({"starts": "x"}, {"wanted": ""}):
            form_ = {"starts": "10:00", "ends": "11:00", "wanted": "1"} | bad
            assert "ne peut pas être créé" in await camille.post("/shifts/1/set", 422, **form_)
        late = {"first": NEXT.isoformat(), "last": NEXT.isoformat()}
        assert "ne peut pas être créé" in await camille.post("/shifts", 409, **form | late)
        await camille.post("/shifts", 409, **form | {"wanted": "0"})
        assert len(shifts.read_from(folder.database).shifts) == 1
        for odd in ("x", "9999-12-31", "0001-01-01", "2026-02-30"):
            await camille.get(f"/shifts?week={odd}")


async def feed(one: Someone, path: str) -> tuple[dict[str, str], list[dict[str, object]]]:
    answer = await one.client.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return parse(await answer.read())


async def link(one: Someone, whose: str) -> str:
    text = await one.post(f"/shifts/calendar/{whose}/renew", 200)
    found = re.search(r'value="https?://[^/"]+(/calendar/[^"]+)"', text)
    assert found
    return found[1]


async def test_a_personal_calendar_names_nobody_else(folder: Folder) -> None:
    id = shifts.add(folder.database, 0, read_hours("09:00-12:00"), 2, TODAY)
    for agent in ("driss", "lea"):
        signups.sign_up(folder.database, id, agent, NEXT, PARIS, weekly=True)
    async with served(folder, "driss", "") as (driss, outside):
        path = await link(driss, "mine")
        head, before = await feed(outside, path)
        assert head["NAME"] == 'Mes créneaux, Entraide; numérique, à "Guéret"'
        assert len(before) >= 25
        data = await (await outside.client.get(path)).text()
        assert not re.search("l[eé]a|odile|driss", data, re.IGNORECASE)
        first = before[0]
        local = first["DTSTART"].astimezone(PARIS)  # type: ignore[attr-defined]
        assert (local.date(), local.hour) == (NEXT, 9)
        assert {e["DTSTART"].astimezone(PARIS).hour for e in before} == {9}  # type: ignore[attr-defined]

        signups.withdraw(folder.database, id, "lea", NEXT, PARIS)
        assert await feed(outside, path) == (head, before)  # what others do changes nothing
        signups.withdraw(folder.database, id, "driss", NEXT, PARIS)
        _, after = await feed(outside, path)
        assert after[0]["UID"] == first["UID"]
        assert (first["STATUS"], after[0]["STATUS"]) == ("CONFIRMED", "CANCELLED")
        assert after[0]["SEQUENCE"] > first["SEQUENCE"]  # type: ignore[operator]
        assert after[1:] == before[1:]

        fresh = await link(driss, "mine")
        assert (await outside.client.get(path)).status == 404
        await feed(outside, fresh)
        assert await driss.post("/shifts/calendar/mine/revoke") == "/shifts#calendar"
        assert (await outside.client.get(fresh)).status == 404
        assert (await outside.client.get(f"/calendar/{'x' * 32}.ics")).status == 404
        await driss.post("/shifts/calendar/team/renew", 403)


async def test_the_teams_calendar_shows_aliases_and_places(folder: Folder) -> None:
    id = shifts.add(folder.database, 0, read_hours("09:00-12:00"), 3, TODAY, None, ["demarches"])
    signups.sign_up(folder.database, id, "lea", NEXT, PARIS)
    async with served(folder, "camille", "") as (camille, outside):
        await camille.post("/shifts/calendar/mine/renew", 403)
        _, events = await feed(outside, await link(camille, "team"))
        (one,) = [event for event in events if event["SUMMARY"] != "3 places"]
        summary = str(one["SUMMARY"]).replace("\u00a0", " ")
        assert (summary, one["DESCRIPTION"]) == ("Léa · 2 places", "Démarches")
        shifts.cancel(folder.database, id, NEXT)
        _, events = await feed(outside, await link(camille, "team"))
        assert [e["STATUS"] for e in events if "Léa" in str(e["SUMMARY"])] == ["CANCELLED"]


async def test_who_is_no_agent_any_more_has_no_card(folder: Folder) -> None:
    async with served(folder, "driss") as (driss,):
        people.remove_agent(folder.database, "driss")
        assert "Ma disponibilité" not in await driss.get("/")
        await driss.get("/shifts")
        await driss.post("/me", 404, state="available")
        assert (await driss.client.get("/me")).status == 404


def test_an_account_is_one_agents_and_an_agent_has_one_account(folder: Folder) -> None:
    joining.tie(folder.database, "", "lea")
    joining.tie(folder.database, "CAMILLE", "lea")
    connection = schema.reader(folder.database)
    rows = connection.execute("SELECT label, agent FROM accounts ORDER BY label").fetchall()
    connection.close()
    assert [tuple(row) for row in rows] == [("Camille", "lea"), ("Driss", "driss"), ("Léa", None)]
    for account, agent in (("Camille", "zoe"), ("Zoé", "lea"), ("Léa", "lea")):
        with pytest.raises(people.PeopleError):
            joining.tie(folder.database, account, agent)
    joining.tie(folder.database, "", "lea")


async def test_dates_at_the_ends_of_the_calendar_and_a_shift_for_nobody_are_refused(
    folder: Folder,
) -> None:
    id = shifts.add(folder.database, 0, read_hours("09:00-12:00"), 2, TODAY)
    async with served(folder, "driss", "camille") as (driss, camille):
        for day in ("0001-01-01", "9999-12-31"):
            await driss.post(f"/shifts/{id}/{day}/sign-up", 409)
            await camille.post(f"/shifts/{id}/{day}/cancel", 409)
            plan = {
                "day": "tuesday",
                "starts": "09:00",
                "ends": "12:00",
                "wanted": "2",
                "queue": "",
            }
            await camille.post("/shifts", 409, first=day, last=day, **plan)
        hours = {"starts": "09:00", "ends": "12:00"}
        await camille.post(f"/shifts/{id}/set", 409, wanted="0", **hours)
    assert shifts.read_from(folder.database).shifts[id].wanted == 2
