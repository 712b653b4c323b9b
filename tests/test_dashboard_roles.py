"""Every route with every role and with none; forms of other sites; bodies that are no form."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from decroche import hotline
from decroche.dashboard import accounts
from decroche.dashboard.app import make_app
from decroche.dashboard.routes import ROUTES
from decroche.kb import schema as kb_schema
from decroche.records import kinds, people, schema, secrets, welcome
from decroche.records.folder import Folder
from decroche.records.journal import Journal

LINE = hotline.parse("""[line]
name = "Entraide"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
""")
WHO = ("nobody", "beginner", "agent", "coordinator")
EVERYBODY = "nobody beginner agent coordinator"
OWN = "beginner agent"  # about who asks: a coordinator who takes no calls has nothing there
MEMBERS = "beginner agent coordinator"
PLEDGED = "agent coordinator"
CALLER = "0123456789abcdef" * 2
MAY = {  # method and address -> who may, written by hand: what routes.py says is compared with it
    "GET /": MEMBERS,
    "GET /stream": MEMBERS,
    "POST /switch": "coordinator",
    "GET /ledger": PLEDGED,
    f"POST /ledger/{CALLER}/claim": PLEDGED,
    f"POST /ledger/{CALLER}/call": PLEDGED,
    f"POST /ledger/{CALLER}/later": PLEDGED,
    f"POST /callbacks/{CALLER}/cancel": PLEDGED,
    "GET /messages/b-1": PLEDGED,
    "POST /messages/b-1/remove": PLEDGED,
    "GET /me": MEMBERS,
    "POST /me": OWN,
    "GET /presence": "coordinator",
    "POST /presence/driss": "coordinator",
    "GET /shifts": MEMBERS,
    "POST /shifts": "coordinator",
    "POST /shifts/1/2026-12-07/sign-up": OWN,
    "POST /shifts/1/2026-12-07/cancel": "coordinator",
    "POST /shifts/1/set": "coordinator",
    "POST /shifts/1/remove": "coordinator",
    "POST /shifts/calendar/mine/renew": OWN,
    f"GET /calendar/{CALLER}.ics": EVERYBODY,
    "GET /blocked": "coordinator",
    "POST /blocked": "coordinator",
    f"POST /blocked/{CALLER}/remove": "coordinator",
    "GET /sheets": MEMBERS,
    "GET /sheets/nothing": MEMBERS,
    "GET /figures": MEMBERS,
    "GET /figures.csv": MEMBERS,
    "GET /figures.json": MEMBERS,
    "GET /start": EVERYBODY,
    "POST /start": EVERYBODY,
    "GET /sign-in": EVERYBODY,
    "POST /sign-in": EVERYBODY,
    "POST /sign-out": MEMBERS,
    "POST /language": EVERYBODY,
    f"GET /join/{CALLER}": EVERYBODY,
    f"POST /join/{CALLER}": EVERYBODY,
    "GET /welcome": MEMBERS,
    "GET /welcome/state": MEMBERS,
    "POST /welcome/charter": MEMBERS,
    "POST /welcome/phone": MEMBERS,
    "POST /welcome/heard": MEMBERS,
}
POSTS = [which.removeprefix("POST ") for which in MAY if which.startswith("POST")]
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A coordinator, an agent, and one who has not accepted the charter yet."""
    folder = Folder(tmp_path)
    secrets.create(folder.secrets)
    schema.prepare(folder.database)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    for name in ("agent", "beginner"):
        people.add_agent(folder.database, name, name.capitalize(), [])
    rows: list[tuple[str, str, str, str, int, str | None]]
    rows = [("coordinator", "coordinator", "coordinator", "", 0, None)]
    rows += [(name, name, "agent", "", 0, name) for name in ("agent", "beginner")]
    with accounts.writing(folder.database) as connection:
        sql = "INSERT INTO accounts (name, label, roles, password, added, agent)"
        connection.executemany(f"{sql} VALUES (?, ?, ?, ?, ?, ?)", rows)
    welcome.note(folder.database, kinds.ACCEPTED, "agent", charter="0" * 64)
    return folder


@pytest.fixture
async def client(folder: Folder) -> AsyncIterator[Client]:
    async with Journal(folder.database) as journal:
        server = TestServer(make_app(folder, lambda: LINE, journal), host="127.0.0.1")
        async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
            yield client


def become(client: Client, folder: Folder, who: str) -> None:
    """A fresh session of somebody's, for each request: one of them ends it."""
    client.session.cookie_jar.clear()
    if who != "nobody":
        cookie = accounts.open_session(folder.database, who)
        client.session.cookie_jar.update_cookies({"decroche": cookie}, client.make_url("/"))


async def answer(client: Client, which: str, **headers: str) -> tuple[int, str]:
    method, path = which.split()
    async with client.request(method, path, headers=headers, allow_redirects=False) as found:
        return found.status, found.headers.get("Location", "")


def own(client: Client) -> str:
    return str(client.make_url("/")).rstrip("/")


def test_the_table_knows_every_route() -> None:
    def known(method: str, path: str) -> Iterator[str]:
        resource = web.UrlDispatcher().add_resource(path)
        for which in MAY:
            if which.startswith(f"{method} ") and resource._match(which.split()[1]) is not None:
                yield which

    assert [path for method, path, _, _ in ROUTES if not list(known(method, path))] == []
    assert len(MAY) == len(ROUTES)


@pytest.mark.parametrize("which", MAY)
async def test_a_route_is_open_to_those_of_the_table_alone(
    which: str, client: Client, folder: Folder
) -> None:
    for who in WHO:
        become(client, folder, who)
        status, onward = await answer(client, which, Origin=own(client), Accept="text/html")
        place = URL(onward).path if onward else ""
        if who in MAY[which].split():
            assert status < 500 and status not in (401, 403) or "calendar/mine" in which
            assert place != "/sign-in" or which == "POST /sign-out"
        elif who == "nobody":
            asked = (303, "/sign-in") if which.startswith("GET") else (401, "")
            assert (status, place) == asked, who
        elif who == "beginner" and which.startswith("GET") and "agent" in MAY[which]:
            assert (status, place) == (303, "/welcome")
        else:
            assert (status, place) in ((403, ""), (303, "/welcome")), who


async def test_who_is_signed_out_meanwhile_is_told_what_to_do(client: Client) -> None:
    headers = {"Origin": own(client), "Accept": "text/html", "Accept-Language": "fr"}
    async with client.post("/me", data={"state": "available"}, headers=headers) as one:
        text = await one.text()
    assert one.status == 401
    assert "Vous n’êtes plus connecté·e" in text and "Rien n’a été changé" in text


async def test_a_database_that_takes_nothing_is_told_as_what_it_is(
    client: Client, folder: Folder
) -> None:
    become(client, folder, "agent")
    headers = {"Origin": own(client), "Accept-Language": "fr"}
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await answer(client, "GET /"))[0] == 200
        async with client.post("/me", data={"state": "available"}, headers=headers) as one:
            text = await one.text()
    assert one.status == 503
    assert "La base de données n’a pas répondu à temps" in text and "Les appels continuent" in text


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_no_form_of_another_site_does_anything(
    headers: dict[str, str], client: Client, folder: Folder
) -> None:
    for who in ("agent", "coordinator"):
        become(client, folder, who)
        for path in POSTS:
            assert (await answer(client, f"POST {path}", **headers))[0] == 403, path


FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--x--\r\n'
BODIES = [
    (FORM, b"state=\xff\xfe&name=\xc3"),
    (FORM + "; charset=klingon", b"name=a"),
    (FORM + "; charset=utf-16", b"name=a"),
    (FORM, b"name=%00%ff%ed%a0%80&password=%00&until=%d9%a3&wanted=%d9%a3&who=%00&say=%00"),
    (FORM, b"minutes=" + b"9" * 5000 + b"&until=" + b"9" * 5000),
    (FORM, b"next=//[&next=%2F%2F%5B&name=agent&language=en"),
    (FORM, b"&".join(b"a%d=1" % n for n in range(2000))),
    ("multipart/form-data", b"no boundary"),
    (PARTS, b"garbage"),
    (PARTS, PART % (b"name", b"\xff\xfe")),
    (PARTS, PART[:30]),
    (PARTS, b'--x\r\nContent-Disposition: form-data; name="state"; filename="a"\r\n\r\nb\r\n--x--'),
    ("application/json", b"{}"),
    (FORM, b"name=" + b"a" * 70_000),
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
async def test_a_body_that_is_no_form_is_the_senders_fault(
    kind: str, body: bytes, client: Client, folder: Folder
) -> None:
    wrong = []
    for who in WHO:
        for path in POSTS:
            become(client, folder, who)
            headers = {"Origin": own(client), "Content-Type": kind}
            async with client.post(path, data=body, headers=headers, allow_redirects=False) as one:
                if one.status >= 500:
                    wrong.append((who, path, one.status))
    assert wrong == []


async def test_a_body_that_cannot_be_unpacked_is_refused(client: Client) -> None:
    headers = {"Origin": own(client), "Content-Type": FORM, "Content-Encoding": "gzip"}
    async with client.post("/sign-in", data=b"garbage", headers=headers) as one:
        assert one.status == 400


async def test_a_cookie_that_is_no_text_is_nobodys(client: Client) -> None:
    """Written by hand: a browser's library would not send it."""
    url = client.make_url("/")
    reading, writing = await asyncio.open_connection(url.host, url.port)
    head = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nConnection: close\r\n"
    writing.write(head + b"Cookie: decroche=\xff\xc3\r\n\r\n")
    answered = await asyncio.wait_for(reading.readline(), 10)
    writing.close()
    assert b" 303 " in answered  # to the sign-in
