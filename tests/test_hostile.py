"""Whatever a SIP message claims, it forges nothing, and a caller's number stands in no file.

The payloads are generated: control characters in every encoding, joined with text that
looks like structure to whoever splits lines.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_from_bytes

import pytest

from decroche.records import dialplan, kinds, secrets

from .conftest import Open
from .live import DID, LiveLine, until
from .rawsip import RawCall

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
wrap_up = 0
"""
NUMBER = "655667788"  # the national digits: also part of the international form
MARK = "zqforged"  # stands in every payload
AT_ONCE = 8  # calls placed at a time
CODES = [*range(0x00, 0x20), 0x7F, *range(0x80, 0xA0, 5), 0xFF]
BREAKS = [
    bytes([13, 10]),
    bytes([10]),
    bytes([13]),
    bytes([13, 10]) * 2,
    bytes([0]),
    b"\xe2\x80\xa8",
]
# What could be taken for structure, behind a break.
STRUCTURES = [
    f"Event: {MARK}",
    f"Event: CEL{{0}}EventName: {MARK}{{0}}Channel: PJSIP/trunk-street-1",
    f"Action: {MARK}",
    f"200 result=1 ({MARK})",
    f"HANGUP{{0}}{MARK}",
    f"[2030-01-01 00:00:00.000] ERROR[1] {MARK}.c: {MARK}",
    f"X-{MARK}: 1",
]
EXPRESSIONS = [
    f"${{GLOBAL({MARK})}}",
    f"$[1 + 1]{MARK}",
    f"');DROP TABLE cel;--{MARK}",
    f'"{MARK},{MARK}&PJSIP/ana',
    "&".join([MARK] * 3),
]


def texts() -> Iterator[bytes]:
    """What is smuggled, decoded."""
    for code in CODES:
        yield b"%s%s%s" % (NUMBER.encode(), bytes([code]), MARK.encode())
    for brk in BREAKS:
        for structure in STRUCTURES:
            line = structure.encode().replace(b"{0}", brk)
            yield b"0" + NUMBER.encode() + brk + line + brk
    for expression in EXPRESSIONS:
        yield NUMBER.encode() + expression.encode()
    yield (MARK.encode() + bytes([13, 10])) * 60


def in_user(text: bytes, raw: bool) -> bytes:
    """As a user part: percent-encoded, or raw where the bytes end neither line nor message."""
    if raw:
        return re.sub(rb"[\x00\r\n @<>]", b"", text)
    return quote_from_bytes(text, safe="").encode()


def in_display(text: bytes, raw: bool) -> bytes:
    """As a display name: quoted pairs, or raw bytes in quotes."""
    if raw:
        return b'"' + re.sub(rb'[\x00\r\n"\\]', b"", text) + b'"'
    pairs = b"".join(
        b"\\" + bytes([byte]) for byte in text if byte not in b"\r\n\0" and byte < 0x80
    )
    return b'"' + pairs + b'"'


def identities(text: bytes, raw: bool, user: bytes = b"") -> dict[str, bytes]:
    """Every header of an INVITE that claims who somebody is."""
    smuggled = in_user(text, raw)
    claim = b"%s <sip:%s@127.0.0.1>" % (in_display(text, raw), smuggled)
    sender = b"%s <sip:%s@127.0.0.1>" % (in_display(text, raw), user or smuggled)
    names = (
        "To", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion",
        "Referred-By", "Reply-To", "History-Info",
    )  # fmt: skip
    here = b"%s <sip:%s@127.0.0.1:5060>" % (in_display(text, raw), smuggled)
    return {name: claim for name in names} | {"From": sender, "Contact": here}


CASES = [(text, raw) for raw in (False, True) for text in texts()]


class Listener:
    """A second AMI session like the recorder's: every byte that Asterisk sends it."""

    def __init__(self, line: LiveLine) -> None:
        secret = secrets.load(line.folder.secrets).ami_recorder
        self._wire = socket.create_connection(("127.0.0.1", line.ports["ami"]), 5)
        self._wire.settimeout(None)  # it is silent while nothing happens; end() wakes it
        login = ("Action: Login", "Username: recorder", f"Secret: {secret}", "Events: on", "", "")
        self._wire.sendall("\r\n".join(login).encode())
        self.heard = b""
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._wire.recv(65536):
                self.heard += data

    def end(self) -> bytes:
        self._wire.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._wire.close()
        return self.heard


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    line = open_line(LINE, {"ana": ["demarches"]}).start()
    line.phones("ana", answer=200)
    line.declare(kinds.AVAILABLE, "ana")
    return line


@pytest.fixture(autouse=True)
def nothing_is_forged(line: LiveLine) -> Iterator[None]:
    """Around every test: what came out of Asterisk and what was written holds no payload."""
    listener = Listener(line)
    yield
    line.until_quiet(10)
    until(lambda: b"Event: CEL" in listener.heard, 5, "events in AMI")
    heard = listener.end()
    assert MARK.encode() not in heard
    assert NUMBER.encode() not in heard
    for name, found in written(line):
        assert MARK.encode() not in found, f"a payload stands in {name}"
        assert NUMBER.encode() not in found, f"a number stands in {name}"
    known = {"CHAN_START", "BRIDGE_ENTER", "HANGUP", dialplan.SEALED, *kinds.CALL_KINDS}
    assert {row["eventtype"] for row in line.cel()} <= known
    assert {row["exten"] for row in line.arrivals()} <= {DID, "s"}
    assert {row["kind"] for row in line.rows("SELECT kind FROM journal")} <= kinds.KINDS
    for process in line.services.values():
        assert process.poll() is None
    for text in (line.log("flows"), line.log("recorder")):
        assert "Traceback" not in text
        assert "left to the dialplan" not in text


def written(line: LiveLine) -> Iterator[tuple[str, bytes]]:
    """Every file of the line's folder, what other programs wrote there included."""
    for path in line.folder.root.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".alaw", ".sln16"):
            yield str(path.relative_to(line.folder.root)), path.read_bytes()


def place_all(place: Callable[[bytes, bool], int]) -> int:
    """Place every case, and return how many were served.

    Raw control characters are no SIP: such a message may be refused, never half understood.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(place, *zip(*CASES, strict=True)))
    for (text, raw), status in zip(CASES, statuses, strict=True):
        assert status == 200 or (raw and status in (0, 400)), (text, raw, status)
    return statuses.count(200)


def test_a_call_over_the_trunk_is_served_whatever_it_claims(line: LiveLine) -> None:
    before = len(line.arrivals())

    def place(text: bytes, raw: bool) -> int:
        with RawCall(line.ports["sip"], DID.encode(), identities(text, raw)) as call:
            return call.status

    served = place_all(place)
    until(lambda: len(line.arrivals()) - before == served, 5, "one call for each INVITE")
    line.until_quiet(10)
    rows = line.calls()[-served:]
    assert {row["fellback"] for row in rows} == {0}
    assert {(row["trunk"], row["did"]) for row in rows} == {("street", DID)}


def test_the_fallback_serves_a_call_whatever_it_claims(line: LiveLine) -> None:
    """Without our flows the dialplan itself looks at the number."""
    line.stop_services("flows")
    before = len(line.arrivals())

    def place(text: bytes, raw: bool) -> int:
        with RawCall(line.ports["sip"], DID.encode(), identities(text, raw)) as call:
            return call.status

    try:
        served = place_all(place)
        until(lambda: len(line.arrivals()) - before == served, 5, "one call for each INVITE")
        line.until_quiet(10)
    finally:
        line.serve("flows")
    until(lambda: {row["fellback"] for row in line.calls()[-served:]} == {1}, 5, "the fallback")
    warned = (line.folder.cel.parent / "messages.log").read_text("utf-8", "replace")
    assert "func_" not in warned and "Parse" not in warned


def test_an_agents_phone_is_served_whatever_it_claims(line: LiveLine) -> None:
    password = line.passwords["ana"]

    def place(text: bytes, raw: bool) -> int:
        headers = identities(text, raw, b"ana")
        with RawCall(line.ports["sip"], b"*11", headers, "ana", password) as call:
            return call.status

    place_all(place)
    assert line.rows("SELECT state FROM presence WHERE agent = 'ana'") == [{"state": "available"}]


def test_a_number_that_is_dialled_is_not_logged(line: LiveLine) -> None:
    """What a phone or a trunk dials is claimed as well: nothing answers, nothing is written."""

    def place(text: bytes, raw: bool) -> int:
        with RawCall(line.ports["sip"], in_user(text, raw)) as call:
            return call.status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = set(pool.map(place, *zip(*CASES, strict=True)))
    assert statuses <= {0, 400, 404}
    with RawCall(line.ports["sip"], DID.encode()) as call:
        assert call.status == 200


def test_an_ordinary_callers_number_stands_in_no_file(line: LiveLine) -> None:
    for user in (f"0{NUMBER}", f"+33{NUMBER}", f"0033{NUMBER}"):
        line.call(("bye-after", "2500"), user=user, display=f"0{NUMBER}").succeed(30)
    line.until_quiet()
    rows = line.calls()[-3:]
    assert [row["outcome"] for row in rows] == ["answered"] * 3
    assert len({row["caller"] for row in rows}) == 1
    assert re.fullmatch("[0-9a-f]{32}", rows[0]["caller"])


def test_an_ordinary_number_is_the_same_caller_however_it_is_encoded(line: LiveLine) -> None:
    for user in (f"0{NUMBER}", "".join(f"%{ord(sign):02X}" for sign in f"+33{NUMBER}")):
        headers = {"From": b"<sip:%s@127.0.0.1>" % user.encode()}
        before = known(line)
        with RawCall(line.ports["sip"], DID.encode(), headers) as call:
            assert call.status == 200
            until(lambda: known(line) == before + 1, 5, "the caller to be known")  # noqa: B023
    callers = [row["caller"] for row in line.calls()[-2:]]
    assert callers[0] == callers[1]


def known(line: LiveLine) -> int:
    """How many calls have a caller who was told apart."""
    return sum(row["caller"] is not None for row in line.calls())
