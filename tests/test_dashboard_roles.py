"""Every address of the page, asked for by everybody: who may, in words of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from decroche import hotline
from decroche.asterisk import line as lines
from decroche.dashboard import accounts, joining, routes
from decroche.dashboard.app import make_app
from decroche.dashboard.settings import COOKIE
from decroche.kb import schema as kb_schema
from decroche.records import invitations, kinds, people, welcome
from decroche.records.folder import Folder
from decroche.records.journal import Journal

CONFIGS = Path(__file__).parent.parent / "configs"
PASSWORD = "une petite phrase"
LINE = hotline.parse("""[line]
name = "Entraide"
[trunks.t]
host = "127.0.0.1"
dids = ["0987654321"]
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
""")
TOKEN, SECRET = "0123456789abcdef" * 2, "abcdefgh" * 4
# What stands for each part of a path.
PARTS = {
    "caller": TOKEN, "call": "20261125-1.1", "agent": "driss", "shift": "1", "date": "2026-11-25",
    "whose": "mine", "slug": "une-fiche", "secret": SECRET,
}  # fmt: skip
ANYBODY = "/start /sign-in /language /join/ /calendar/"
# Who has an account, and has not accepted the charter yet: no caller's number, voice or story.
BEGINNERS = (
    "/ /stream /me /shifts /shifts/1/2026-11-25/sign-up /shifts/1/2026-11-25/withdraw "
    "/shifts/calendar/mine/renew /shifts/calendar/mine/revoke /sheets /sheets/une-fiche "
    "/figures /figures.csv /figures.json /sign-out /welcome /welcome/state /welcome/charter "
    "/welcome/phone /welcome/heard"
).split()
AGENTS = ("/ledger", "/callbacks/", "/messages/")
NOT_POSTED_BY_AGENTS = ("/shifts",)  # they read the plan, and do not make it
# What is about one's own phone and shifts: this coordinator takes no calls.
OWN = (
    "/me /shifts/1/2026-11-25/sign-up /shifts/1/2026-11-25/withdraw "
    "/shifts/calendar/mine/renew /shifts/calendar/mine/revoke"
).split()


def addresses() -> list[tuple[str, str]]:
    """(method, path) of every route; a choice in a path is each of its words once."""
    found = []
    for method, pattern, _, _ in routes.ROUTES:
        paths = [pattern]
        if "{act:" in pattern:
            before, _, rest = pattern.partition("{act:")
            acts, _, after = rest.partition("}")
            paths = [f"{before}{act}{after}" for act in acts.split("|")]
        for path in paths:
            found.append((method, filled(path)))
    return sorted(found, key=lambda one: one[1] == "/sign-out")  # last: it ends the session


def filled(pattern: str) -> str:
    """A pattern with a value for each of its parts; these may count their letters in braces."""
    path, rest = "", pattern
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, depth, at = rest.partition(":")[0], 1, 0
        while depth:
            depth += {"{": 1, "}": -1}.get(rest[at], 0)
            at += 1
        path, rest = path + before + PARTS[name], rest[at:]
    return path + rest


def may(who: str, method: str, path: str) -> bool:
    if path.startswith(tuple(ANYBODY.split())):
        return True
    if who == "nobody":
        return False
    if who == "coordinator":
        return method == "GET" or path not in OWN
    if method == "POST" and path in NOT_POSTED_BY_AGENTS:
        return False
    return path in BEGINNERS or (who == "agent" and path.startswith(AGENTS))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    folder = Folder(tmp_path)
    lines.create(folder, CONFIGS)
    kb_schema.migrate(folder.database)
    accounts.prepare(folder.database)
    async with Journal(folder.database) as journal:
        server = TestServer(make_app(folder, lambda: LINE, journal), host="127.0.0.1")
        async with TestClient(server) as client:
            yield client


def cookie_of(path: Path, who: str) -> str:
    """What the browser of somebody keeps."""
    if who == "nobody":
        return ""
    if who == "coordinator":
        name = accounts.claim(path, accounts.issue_code(path), "Camille", PASSWORD).name
        return accounts.open_session(path, name)
    people.add_agent(path, "driss", "Driss", ["demarches"])
    secret = invitations.invite(path, ["driss"], 14, "test")[0].secret
    account = joining.join(path, secret, PASSWORD)
    if who == "agent":
        welcome.note(path, kinds.ACCEPTED, "driss", charter="1")
    return accounts.open_session(path, account.name)


@pytest.mark.parametrize("who", ["nobody", "beginner", "agent", "coordinator"])
async def test_everybody_gets_what_is_theirs_and_nothing_else(
    client: TestClient[web.Request, web.Application], tmp_path: Path, who: str
) -> None:
    cookie = cookie_of(Folder(tmp_path).database, who)
    headers = {"Accept": "text/html", "Origin": str(client.make_url("/")).rstrip("/")}
    if cookie:
        headers["Cookie"] = f"{COOKIE}={cookie}"
    wrong = []
    for method, path in addresses():
        async with client.request(method, path, headers=headers, allow_redirects=False) as answer:
            where = answer.headers.get("Location", "")
            refused = (
                answer.status in (401, 403)
                or (answer.status == 303 and where.startswith("/sign-in?next="))
                or (who == "beginner" and where == "/welcome" and not path.startswith("/welcome"))
            )
            if refused == may(who, method, path) or answer.status >= 500:
                wrong.append(f"{method} {path}: {answer.status} {where}")
    assert not wrong, "\n".join(wrong)


def test_the_table_has_every_address() -> None:
    assert len(addresses()) >= len(routes.ROUTES)
    assert all("{" not in path and "|" not in path for _, path in addresses())
