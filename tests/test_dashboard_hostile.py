"""Every form and every address of the page with hostile values: an answer, never an accident."""

import re
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from yarl import URL

from decroche.records.folder import Folder

from .test_dashboard_roles import MAY, WHO, Client, become, client, folder, own

__all__ = ["client", "folder"]  # fixtures
TEMPLATES = Path(__file__).parent.parent / "dashboard/templates"
SEEN = [re.findall(r' name="(\w+)"', file.read_text("utf-8")) for file in TEMPLATES.iterdir()]
FIELDS = sorted({name for names in SEEN for name in names})
ASKED = ("after", "of", "period", "removed", "topic", "week")  # of addresses without a form
WORDS = {
    "nul": "a\x00b",
    "controls": "\x1b[31m\r\nX: y",
    "huge": "9" * 20_000,
    "number": "-99999999999999999999",
    "foreign digits": "٣",
    "script": "<script>alert(1)</script>",
    "right to left": "\u202egro.elpmaxe@\u2066",
    "path": "../../etc/passwd",
    "host": "//[",
    "none": "",
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("who", WHO)
async def test_no_form_is_an_accident(client: Client, folder: Folder, who: str, word: str) -> None:
    form = dict.fromkeys(FIELDS, WORDS[word])
    wrong = []
    for path in (which.removeprefix("POST ") for which in MAY if which.startswith("POST")):
        become(client, folder, who)
        headers = {"Origin": own(client)}
        async with client.post(path, data=form, headers=headers, allow_redirects=False) as answer:
            if answer.status >= 500:
                wrong.append(f"{path}: {answer.status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("word", [*WORDS, "lone surrogate"])
@pytest.mark.parametrize("who", WHO)
async def test_no_address_is_an_accident(
    client: Client, folder: Folder, who: str, word: str
) -> None:
    value = quote_plus(WORDS[word][:400]) if word in WORDS else "%ED%A0%80"
    query = "&".join(f"{name}={value}" for name in (*FIELDS, *ASKED))[:7_900]
    become(client, folder, who)
    wrong = []
    for path in (which.removeprefix("GET ") for which in MAY if which.startswith("GET")):
        address = URL(f"{path}?{query}", encoded=True)
        headers = {"Accept": "text/html"}
        async with client.get(address, headers=headers, allow_redirects=False) as answer:
            if answer.status >= 500:
                wrong.append(f"{path}: {answer.status}")
    assert not wrong, "\n".join(wrong)
