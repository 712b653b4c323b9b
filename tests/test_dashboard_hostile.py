"""Every form of the page, filled in by nobody's browser: an answer, never an accident."""

import re
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from yarl import URL

from decroche.dashboard.settings import COOKIE
from decroche.records.folder import Folder

from .test_dashboard_roles import addresses, client, cookie_of

__all__ = ["client"]  # a fixture
TEMPLATES = Path(__file__).parent.parent / "dashboard/templates"
SEEN = [re.findall(r' name="(\w+)"', file.read_text("utf-8")) for file in TEMPLATES.iterdir()]
FIELDS = sorted({name for names in SEEN for name in names})
ASKED = ("after", "of", "period", "removed", "topic", "week")  # of addresses without a form
WORDS = {
    "nul": "a\x00b",
    "controls": "\x1b[31m\r\nX: y",
    "huge": "9" * 20_000,
    "number": "-99999999999999999999",
    "script": "<script>alert(1)</script>",
    "right to left": "\u202egro.elpmaxe@\u2066",
    "path": "../../etc/passwd",
    "none": "",
}
BODIES = {
    "lone surrogate": (b"who=%ED%A0%80&until=%FF&text=%C3", "application/x-www-form-urlencoded"),
    "no form": (b"\x00\xff" * 500, "application/octet-stream"),
    "json": (b'{"who": {"a": []}}', "application/json"),
    "broken multipart": (
        b"--x\r\nContent-Disposition: form-data",
        "multipart/form-data; boundary=x",
    ),
    "a file": (
        b'--x\r\nContent-Disposition: form-data; name="who"; filename="a"\r\n\r\nb\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "charset": (b"who=a", "application/x-www-form-urlencoded; charset=no-such"),
} | {
    name: (
        "&".join(f"{field}={quote_plus(word)}" for field in FIELDS).encode(),
        "application/x-www-form-urlencoded",
    )
    for name, word in WORDS.items()
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("who", ["nobody", "agent", "coordinator"])
async def test_no_form_is_an_accident(
    client: TestClient[web.Request, web.Application], tmp_path: Path, who: str, body: str
) -> None:
    data, kind = BODIES[body]
    headers = {"Origin": str(client.make_url("/")).rstrip("/"), "Content-Type": kind}
    if cookie := cookie_of(Folder(tmp_path).database, who):
        headers["Cookie"] = f"{COOKIE}={cookie}"
    wrong = []
    for method, path in addresses():
        if method == "POST":
            async with client.post(
                path, data=data, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status >= 500:
                    wrong.append(f"{path}: {answer.status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("word", [*WORDS, "lone surrogate"])
@pytest.mark.parametrize("who", ["nobody", "agent", "coordinator"])
async def test_no_address_is_an_accident(
    client: TestClient[web.Request, web.Application], tmp_path: Path, who: str, word: str
) -> None:
    value = quote_plus(WORDS[word][:4_000]) if word in WORDS else "%ED%A0%80"
    query = "&".join(f"{name}={value}" for name in (*FIELDS, *ASKED))[:8_000]
    headers = {"Accept": "text/html"}
    if cookie := cookie_of(Folder(tmp_path).database, who):
        headers["Cookie"] = f"{COOKIE}={cookie}"
    wrong = []
    for method, path in addresses():
        if method == "GET":
            address = URL(f"{path}?{query}", encoded=True)
            async with client.get(address, headers=headers, allow_redirects=False) as answer:
                if answer.status >= 500:
                    wrong.append(f"{path}: {answer.status}")
    assert not wrong, "\n".join(wrong)
