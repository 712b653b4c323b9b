"""Who may dial what: agents reach feature codes, trunks reach their numbers, nobody more."""

from collections.abc import Iterator

import pytest

from decroche.records import kinds

from .conftest import Open
from .live import DID, LiveLine, until
from .rawsip import RawCall
from .sip import HERE, Phones

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
ring_time = 5
max_wait = 8
"""
INNER = [
    "s", "h", "i", "t", "T", "a", "o", "after", "over", "queue", "closed", "toolong", "callers",
    "agents", "demarches", "ana", "bob", "trunk-street", "1", "112", "*1", "*1430", "**11",
    "0612345678", "+33612345678", "0900000001", "09000000001", "%2a11%2a",
]  # fmt: skip


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    return open_line(LINE, {"ana": ["demarches"], "bob": ["demarches"]}).start()


@pytest.fixture(autouse=True)
def nobody_else_was_reached(line: LiveLine) -> Iterator[None]:
    """No channel but those of the trunk and of phones that were rung; nothing is left."""
    yield
    line.until_quiet(10)
    sql = "SELECT DISTINCT channel FROM cel WHERE channel NOT LIKE 'PJSIP/%'"
    assert line.cel(sql) == []


def state(line: LiveLine, agent: str) -> str:
    rows = line.rows("SELECT state FROM presence WHERE agent = ?", agent)
    return str(rows[0]["state"]) if rows else ""


@pytest.mark.parametrize(
    ("code", "declared", "kind"),
    [
        ("*11", "available", kinds.AVAILABLE),
        ("*12", "paused", kinds.PAUSED),
        ("*10", "away", kinds.AWAY),
    ],
)
def test_an_agent_declares_presence_by_phone(
    line: LiveLine, code: str, declared: str, kind: str
) -> None:
    line.dial("bob", code)
    until(lambda: state(line, "bob") == declared, 3)
    event = line.rows("SELECT * FROM journal WHERE kind = ? ORDER BY seq DESC LIMIT 1", kind)[0]
    assert (event["actor"], event["body"]) == ("bob", '{"by":"phone"}')
    assert state(line, "ana") in ("", "away")


def test_an_agents_phone_reaches_nothing_but_feature_codes(line: LiveLine) -> None:
    before = line.cel("SELECT count(*) AS n FROM cel")
    for number in (DID, *INNER):
        with RawCall(
            line.ports["sip"], number.encode(), user="ana", password=line.passwords["ana"]
        ) as call:
            assert call.status == 404, number
    line.dial("ana", "*10")  # behind all that was refused, in Asterisk's own record
    rows = until(lambda: line.cel("SELECT DISTINCT exten FROM cel WHERE rowid > ?", before[0]["n"]))
    assert {row["exten"] for row in rows} <= {"*10", "s", "after", "over"}


def test_a_trunk_reaches_nothing_but_its_numbers(line: LiveLine) -> None:
    for number in ("*11", "*12", "*10", "*13", "*14", "*1420", *INNER):
        with RawCall(line.ports["sip"], number.encode()) as call:
            assert call.status == 404, number
    assert line.arrivals() == []
    with RawCall(line.ports["sip"], DID.encode()) as call:
        assert call.status == 200


@pytest.mark.parametrize("name", ["trunk-street", "0145000000", "decroche"])
def test_a_stranger_does_not_call_in_whatever_name(line: LiveLine, name: str) -> None:
    """Another address than the provider's: the name of its endpoint is no secret."""
    before = len(line.arrivals())
    for number in (DID, *INNER):
        call = RawCall(line.ports["sip"], number.encode(), user=name, host="127.0.0.2")
        with call:
            assert call.status == 401, number
    assert len(line.arrivals()) == before


@pytest.mark.parametrize("password", ["", "wrong", "decroche"])
def test_a_wrong_password_opens_nothing(line: LiveLine, password: str) -> None:
    with RawCall(line.ports["sip"], b"*11", user="ana", password=password) as call:
        assert call.status == 401
    stranger = Phones({"ana": password or "none"}, line.ports["sip"], line.sip)
    assert stranger.register().wait(20) != 0
    assert "ana" not in line.pbx.ask("pjsip show contacts")
    assert state(line, "ana") in ("", "away")


def test_another_agents_password_opens_nothing(line: LiveLine) -> None:
    with RawCall(line.ports["sip"], b"*11", user="ana", password=line.passwords["bob"]) as call:
        assert call.status == 401


@pytest.fixture
def diverted(line: LiveLine) -> Iterator[tuple[Phones, Phones]]:
    """Ana's phone forwards every ring to Bob's, who is away, but whose phone would answer."""
    target = line.phones("bob", answer=100)
    to = f"sip:bob@127.0.0.1:{target.port}"
    phones = line.phones("ana", reject="302 Moved Temporarily", forward=to)
    line.declare(kinds.AWAY, "bob")
    line.declare(kinds.AVAILABLE, "ana")
    yield phones, target
    line.declare(kinds.AWAY, "ana")
    phones.stop()
    target.stop()


def test_a_forwarding_phone_sends_nobody_elsewhere(
    line: LiveLine, diverted: tuple[Phones, Phones]
) -> None:
    phones, target = diverted
    line.call(("bye-after", "4000")).succeed(20)
    assert phones.log.messages("sent", "SIP/2.0 302")
    assert target.log.messages("received", "INVITE") == []
    line.until_quiet()
    row = line.calls()[-1]
    assert (row["outcome"], row["fellback"]) == ("abandoned", 0)


def test_a_forwarding_phone_sends_nobody_elsewhere_from_the_fallback(
    line: LiveLine, diverted: tuple[Phones, Phones]
) -> None:
    phones, target = diverted
    line.stop_services("flows")
    try:
        line.call(("bye-after", "4000")).succeed(20)
    finally:
        line.serve("flows")
    assert phones.log.messages("sent", "SIP/2.0 302")
    assert target.log.messages("received", "INVITE") == []
    line.until_quiet()
    row = line.calls()[-1]
    assert (row["outcome"], row["fellback"]) == ("abandoned", 1)


def test_the_target_would_have_been_reached(line: LiveLine) -> None:
    """The two tests above can fail: such a phone answers when it is rung."""
    target = line.phones("bob", answer=100)
    line.declare(kinds.AVAILABLE, "bob")
    line.call(("bye-after", "3000")).succeed(20)
    assert target.log.messages("received", "INVITE")
    assert target.forward == HERE
    target.stop()
