"""A trunk that we register with: the password from secrets.toml proves who we are."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from decroche.asterisk.render import RenderError
from decroche.cli import main
from decroche.records import secrets

from .conftest import Open
from .live import LiveLine, until
from .ports import free_port
from .sip import EMPTY, HEAD, Process, message, run

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


def found(line: LiveLine, name: str, code: int) -> dict[str, dict[str, str]]:
    """What ``decroche trunk test`` says: thing -> its row."""
    arguments = ["--dir", str(line.folder.root), "trunk", "test", name, "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output
    return {row["what"]: row for row in json.loads(done.stdout)}


def test_it_registers_with_the_password(open_line: Open, provider: Process, port: int) -> None:
    line: LiveLine = open_line(LINE.format(port=port), {})
    with pytest.raises(RenderError, match="no password"):
        line.apply()
    secrets.keep_trunk(line.folder.secrets, "provider", PASSWORD)
    line.start("recorder")
    until(lambda: "Registered" in line.pbx.ask("pjsip show registrations"), 10, "a registration")
    sent = provider.log.read_text("utf-8", "replace")
    assert re.search(r'Authorization: Digest username="0033900000000"', sent)
    assert PASSWORD not in sent and "sip:0911111111@" in sent
    rows = found(line, "provider", 0)
    assert rows["registration"] == {"state": "ok", "what": "registration", "said": "registered"}
    assert rows["answers"]["state"] == "?"  # this provider answers nothing but REGISTER
    line.call(("bye-after", "300"), number="0911111111").succeed(20)
    line.until_quiet()
    (call,) = line.calls()
    assert call["did"] == "0911111111"


@contextmanager
def answering() -> Iterator[int]:
    """Somebody who answers every SIP request with 405, on a port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(0.1)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    request, source = ours.recvfrom(65535)
                except TimeoutError:
                    continue
                kept = [line for line in request.split(b"\r\n") if line.startswith(KEPT)]
                ours.sendto(b"\r\n".join([b"SIP/2.0 405 Not Allowed", *kept, b"", b""]), source)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield int(ours.getsockname()[1])
        finally:
            over.set()
            thread.join(5)


KEPT = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")


def test_a_test_says_what_does_not_work(open_line: Open) -> None:
    """Not in force, a wrong address, nobody there; then somebody who answers."""
    line: LiveLine = open_line(LINE.format(port=free_port()).replace('"register"', '"ip"'), {})
    rows = found(line, "provider", 1)
    assert rows["in force"]["said"] == "type: decroche apply"
    assert rows["answers"]["state"] == "WRONG" and "no answer" in rows["answers"]["said"]
    line.apply()
    with answering() as port:
        line.write(LINE.format(port=port).replace('"register"', '"ip"'))
        line.apply()
        rows = found(line, "provider", 0)
        assert rows["answers"]["said"] == "405 Not Allowed"
    host = "a" * 64  # longer than a name can be: nobody is asked for it
    line.write(LINE.format(port=port).replace('"register"', '"ip"').replace("127.0.0.1", host))
    rows = found(line, "provider", 1)
    assert "is not known" in rows["address"]["said"]


def test_a_registration_that_nobody_answers_is_named(open_line: Open) -> None:
    line: LiveLine = open_line(LINE.format(port=free_port()), {})
    secrets.keep_trunk(line.folder.secrets, "provider", PASSWORD)
    line.apply()
    assert "decroche pbx start" in found(line, "provider", 1)["registration"]["said"]
    line.start("recorder")
    said = found(line, "provider", 1)["registration"]
    assert said["state"] == "WRONG" and "nobody has answered" in said["said"]
