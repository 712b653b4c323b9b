"""A trunk that we register with: the password from secrets.toml proves who we are."""

import re
from collections.abc import Iterator

import pytest

from decroche.asterisk.render import RenderError

from .conftest import Open
from .live import LiveLine, until
from .sip import EMPTY, HEAD, Process, free_port, message, run

pytestmark = pytest.mark.pbx

LINE = """
[trunks.provider]
kind = "register"
host = "127.0.0.1"
port = {port}
username = "0033900000000"
dids = ["0911111111"]
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""
ANSWER = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=p[call_number]
[last_Call-ID:]
[last_CSeq:]
{more}"""
CHALLENGE = 'WWW-Authenticate: Digest realm="provider", nonce="n0nce", algorithm=MD5\n'
PASSWORD = "a provider's password"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A registrar that asks for the password once."""
    story = HEAD + '<recv request="REGISTER"/>\n'
    story += message(ANSWER.format(status="401 Unauthorized", more=CHALLENGE + EMPTY))
    story += '<recv request="REGISTER"/>\n'
    contact = "[last_Contact:]\nExpires: 300\n"
    story += message(ANSWER.format(status="200 OK", more=contact + EMPTY)) + "</scenario>"
    process = run(story, tmp_path_factory.mktemp("provider"), port, 9, calls=None)
    yield process
    process.stop()


def test_it_registers_with_the_password(open_line: Open, provider: Process, port: int) -> None:
    line: LiveLine = open_line(LINE.format(port=port), {})
    with pytest.raises(RenderError, match="no password"):
        line.apply()
    secrets = line.folder.secrets.read_text()
    secrets = secrets.replace("[trunks]", f'[trunks]\nprovider = "{PASSWORD}"')
    line.folder.secrets.write_text(secrets)
    line.start("recorder")
    until(lambda: "Registered" in line.pbx.ask("pjsip show registrations"), 10, "a registration")
    sent = provider.log.read_text("utf-8", "replace")
    assert re.search(r'Authorization: Digest username="0033900000000"', sent)
    assert PASSWORD not in sent and "sip:0911111111@" in sent
    line.call(("bye-after", "300"), number="0911111111").succeed(20)
    line.until_quiet()
    (call,) = line.calls()
    assert call["did"] == "0911111111"
