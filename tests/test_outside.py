"""Agents on phones of their own, by value: numbers, the dialplan, the record, the hunt."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from decroche import cli
from decroche.agi.hunt import Hunt
from decroche.asterisk import line as lines
from decroche.asterisk import rotation, settings
from decroche.asterisk.conf import parse
from decroche.asterisk.devices import _state
from decroche.asterisk.render import Plan, RenderError, render, verify
from decroche.asterisk.roster import _phone, steps
from decroche.asterisk.sealed import reseal, seal_for_dialplan, unseal
from decroche.asterisk.translate import Record, translate
from decroche.dashboard.state import agent_of
from decroche.hotline import HotlineError, Queue
from decroche.hotline import parse as parse_hotline
from decroche.records import dialplan, kinds, people, phones, secrets, views
from decroche.records.abilities import Ability, Place
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

from .test_asterisk_files import HOTLINE, PLAN
from .test_hunt import Clock

CONFIGS = Path(__file__).parent.parent / "configs"
NUMBER = "+33712345678"
OUTSIDE = '[outside]\nnumber_format = "digits"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "line")
    lines.create(folder, CONFIGS)
    people.add_agent(folder.database, "nadia", "Nadia", ["demarches"])
    text = folder.hotline.read_text("utf-8")
    folder.hotline.write_text(text + "\n" + OUTSIDE, "utf-8")
    return folder


def run(folder: Folder, *arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["--dir", str(folder.root), *arguments])


# Numbers.


def test_a_number_is_sealed_and_shown_in_part(folder: Folder) -> None:
    assert "SIP phone" in run(folder, "agent", "phone", "nadia").output
    done = run(folder, "agent", "phone", "nadia", "--outside", "07 12 34 56 78")
    assert done.exit_code == 0 and "decroche apply" in done.output and "3456" not in done.output
    keys = secrets.load(folder.secrets)
    assert phones.numbers(folder.database, keys) == {"nadia": NUMBER}
    assert run(folder, "agent", "phone", "nadia").output == "nadia is called on +33 ... 78\n"
    assert "outside" in run(folder, "agent", "list").output
    raw = folder.database.read_bytes() + Path(f"{folder.database}-wal").read_bytes()
    assert b"712345678" not in raw
    assert run(folder, "agent", "phone", "nadia", "--sip").exit_code == 0
    assert phones.numbers(folder.database, keys) == {}


@pytest.mark.parametrize("number", ["0899123456", "+14155552671", "zut", "12"])
def test_only_numbers_that_the_admin_allows_and_that_cost_nothing_extra(
    folder: Folder, number: str
) -> None:
    done = run(folder, "agent", "phone", "nadia", "--outside", number)
    assert done.exit_code == 1 and "not a number that this line may call" in done.output


def test_what_is_missing_is_said(folder: Folder) -> None:
    for name in (["--outside", "0712345678"], ["--sip"], []):
        done = run(folder, "agent", "phone", "nobody", *name)
        assert done.exit_code == 1 and "no agent 'nobody'" in done.output
    both = run(folder, "agent", "phone", "nadia", "--sip", "--outside", "0712345678")
    assert both.exit_code == 2
    text = folder.hotline.read_text("utf-8").replace(OUTSIDE, "")
    folder.hotline.write_text(text, "utf-8")
    done = run(folder, "agent", "phone", "nadia", "--outside", "0712345678")
    assert done.exit_code == 1 and "[outside]" in done.output


def test_the_board_shows_her_as_reachable(folder: Folder) -> None:
    people.declare(folder.database, kinds.AVAILABLE, ["nadia"], "page")
    at = now()
    gone = Event(id="x", at=at, kind=kinds.UNREACHABLE, actor="nadia")
    store = Store(folder.database)
    store.append([gone])
    for outside, group in ((False, "unreachable"), (True, "free")):
        if outside:
            run(folder, "agent", "phone", "nadia", "--outside", "0712345678")
        (row,) = views.presence(store.connection)
        assert (agent_of(row, at).group, row["outside"]) == (group, int(outside))
    store.close()


def test_a_number_that_no_key_opens_is_dropped_by_a_restore(folder: Folder, tmp_path: Path) -> None:
    run(folder, "agent", "phone", "nadia", "--outside", "0712345678")
    assert run(folder, "backup", str(tmp_path / "b")).exit_code == 0
    other = Folder(tmp_path / "other")
    done = run(other, "restore", str(tmp_path / "b"))
    assert done.exit_code == 0 and "1 numbers cannot be opened" in done.output
    assert "SIP phone" in run(other, "agent", "phone", "nadia").output


def test_a_number_that_is_not_allowed_any_more_is_named(folder: Folder) -> None:
    run(folder, "agent", "phone", "nadia", "--outside", "0712345678")
    keys = secrets.load(folder.secrets)
    for prefix, names in (("+33", []), ("+32", ["nadia"])):
        hotline = parse_hotline(HOTLINE + f'[outside]\nprefixes = ["{prefix}"]\n')
        assert phones.refused(folder.database, hotline, keys) == names
    assert phones.refused(folder.database, parse_hotline(HOTLINE), keys) == []


def test_whoever_leaves_the_line_leaves_no_number(folder: Folder) -> None:
    run(folder, "agent", "phone", "nadia", "--outside", "0712345678")
    people.remove_agent(folder.database, "nadia")
    with sqlite3.connect(folder.database) as connection:
        assert connection.execute("SELECT count(*) FROM outside").fetchone() == (0,)
    connection.close()


def test_new_keys_seal_it_anew_also_in_the_dialplan(folder: Folder) -> None:
    run(folder, "agent", "phone", "nadia", "--outside", "0712345678")
    before = secrets.load(folder.secrets)
    folder.cel.parent.mkdir(parents=True)
    sealed = seal_for_dialplan("33712345678", before.fallback_key)
    text = f"AES_DECRYPT({before.fallback_key},{sealed})\nAES_ENCRYPT({before.fallback_key},n)\n"
    settings.switch(folder, {"extensions.conf": text}, None)
    rotation.renew_keys(folder, grace=0)
    after = secrets.load(folder.secrets)
    assert after.previous is None and after.number_key != before.number_key
    assert phones.numbers(folder.database, after) == {"nadia": NUMBER}
    assert phones.numbers(folder.database, before) == {}
    found = settings.current(folder)["extensions.conf"]
    expected = seal_for_dialplan("33712345678", after.fallback_key)
    assert f"AES_DECRYPT({after.fallback_key},{expected})" in found
    assert before.fallback_key not in found and sealed not in found


KEYS = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(st.text("0123456789+", min_size=1, max_size=31), KEYS, KEYS)
def test_a_dialplan_is_resealed_and_nothing_else_changes(number: str, old: str, new: str) -> None:
    sealed = seal_for_dialplan(f"n{number}", old)
    assert unseal(sealed, old) == number
    text = f"exten => a,1,Dial(PJSIP/${{AES_DECRYPT({old},{sealed})}}@x)\n; {number}\n"
    again = seal_for_dialplan(f"n{number}", new)
    assert reseal(text, old, new) == text.replace(sealed, again).replace(old, new)


# The dialplan.


def plan(text: str = OUTSIDE, number: str = NUMBER) -> Plan:
    outside = {"ana": number, "x": NUMBER}
    return replace(PLAN, hotline=parse_hotline(HOTLINE + text), outside=outside)


def test_nothing_is_written_for_a_line_without_them() -> None:
    for files in (render(PLAN), render(plan("")), render(plan(number="+14155552671"))):
        written = (files["extensions.conf"] + files["pjsip.conf"]).replace("outside-call", "")
        assert "outside" not in written  # but that its sentence can be recorded


@pytest.mark.parametrize(
    ("text", "trunk", "shown"),
    [
        (OUTSIDE, "street", "0900000000"),
        (OUTSIDE + 'trunk = "provider"\n', "provider", "0100000000"),
    ],
)
def test_the_dialplan_calls_them_and_holds_no_number(text: str, trunk: str, shown: str) -> None:
    files = render(plan(text))
    verify(plan(text), files)
    assert "712345678" not in "".join(files.values())
    contexts = {section.name: section for section in parse(files["extensions.conf"])}
    assert contexts["outside"].all("exten") == ["ana,1,Set(__DECROCHE_SIDE=${CHANNEL(name)})"]
    assert f"Set(CALLERID(all)=<{shown}>)" in files["extensions.conf"]
    (leg,) = [s for s in parse(files["pjsip.conf"]) if s.name == f"outside.{trunk}"]
    assert (leg.get("context"), leg.get("identify_by")) == ("nowhere", "ip")
    assert (leg.get("outbound_auth") == "trunk-provider") == (trunk == "provider")
    assert "nowhere" not in contexts
    # A ring of app_queue's must not end while somebody is asked.
    assert "timeout = 28" in files["queues.conf"]


def test_a_plan_that_does_not_read_back_is_refused() -> None:
    files = render(plan())
    files["extensions.conf"] = files["extensions.conf"].replace("exten => ana,1", "exten => zoe,1")
    with pytest.raises(RenderError, match="outside"):
        verify(plan(), files)
    with pytest.raises(RenderError):
        verify(PLAN, render(plan()))


def test_a_trunk_that_is_not_there_is_refused() -> None:
    with pytest.raises(HotlineError, match=r"line \d+: outside.trunk: no trunk 'moon'"):
        parse_hotline(HOTLINE + '[outside]\ntrunk = "moon"\n')


# The record.


def record(event: str, channel: str, unique: str = "9.2", linked: str = "9.1") -> Record:
    return Record(event, MICRO, channel, unique, linked, "nadia", "")


NEAR, FAR = "Local/nadia@outside-0000000a;1", "Local/nadia@outside-0000000a;2"
LEG = "PJSIP/outside.street-0000000b"


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (record("CHAN_START", NEAR), kinds.RANG),
        (record("BRIDGE_ENTER", NEAR), kinds.ANSWERED),
        (record("HANGUP", NEAR), kinds.OFFER_ENDED),
        (record("CHAN_START", FAR), None),
        (record("BRIDGE_ENTER", FAR), None),
        (record("CHAN_START", LEG), None),
        (record("BRIDGE_ENTER", LEG), None),
        (record("HANGUP", LEG), None),
        (record("CHAN_START", NEAR.replace("nadia", "eve")), None),
        (record("CHAN_START", NEAR.replace("@outside", "@agents")), None),
    ],
)
def test_only_the_near_half_speaks_for_the_agent(seen: Record, kind: str | None) -> None:
    event = translate(seen, frozenset({"nadia"}))
    assert (event.kind if event else None) == kind
    assert event is None or (event.actor, event.body["offer"]) == ("nadia", "9.2")


def test_a_call_back_has_the_same_two_sides() -> None:
    channel, caller = f"callback-{'a' * 32}-1", "PJSIP/trunk-street-0000000c"
    story = [
        ("CHAN_START", NEAR, channel, kinds.BACK_RANG),
        ("CHAN_START", FAR, f"{channel};2", None),
        ("CHAN_START", LEG, "9.5", None),
        ("BRIDGE_ENTER", LEG, "9.5", None),
        ("CHAN_START", caller, "9.6", kinds.BACK_DIALLED),
        ("BRIDGE_ENTER", caller, "9.6", kinds.BACK_KEPT),
        ("HANGUP", LEG, "9.5", None),
        ("HANGUP", FAR, f"{channel};2", None),
        ("HANGUP", NEAR, channel, kinds.BACK_LEFT),
    ]
    for name, seen, unique, kind in story:
        event = translate(record(name, seen, unique, channel), frozenset({"nadia"}))
        assert (event.kind if event else None) == kind, (name, seen)


def test_a_phone_has_one_name_everywhere() -> None:
    for agent, outside in (("nadia", True), ("sam", False)):
        phone = dialplan.phone_of(agent, outside)
        device = dialplan.device_of(phone)
        assert _phone(device) == phone
        told = {"Event": "DeviceStateChange", "Device": device.removesuffix("/n"), "State": "INUSE"}
        assert _state(told) == (phone, "INUSE")
        (added,) = steps({}, {("q", phone): (False, 0)})
        assert added[1]["MemberName"] == agent
        assert (added[1]["Interface"], added[1]["StateInterface"]) == (device, told["Device"])
    assert _state({"Event": "DeviceStateChange", "Device": "Local/nadia@agents"}) is None


# The hunt.


@pytest.fixture
def hunt() -> Iterator[Hunt]:
    """Nadia is outside and rung first, Sam has a SIP phone."""
    hunt = Hunt({"q": Queue(label="q", strategy="in-order")}, Clock())
    hunt.call_outside({"nadia"}, {}, 3)
    places = {"nadia": Place(0), "sam": Place(1)}
    hunt.staff({name: Ability(places={"q": place}) for name, place in places.items()})
    for name in ("nadia", "sam"):
        hunt.declare(name, True, 0)
    yield hunt


async def test_she_is_there_without_a_sip_phone(hunt: Hunt) -> None:
    hunt.phones({"nadia": "UNAVAILABLE", "sam": "UNAVAILABLE"})
    assert hunt.join("1", "q", 0).offer.result().agents == ("nadia",)
    assert (hunt.phone("nadia"), hunt.phone("sam")) == ("nadia@outside", "sam")
    assert hunt.longer(["sam"]) == 0 < hunt.longer(["sam", "nadia"])
    assert hunt.somebody_there("1")


async def test_a_phone_that_rings_for_us_is_busy(hunt: Hunt) -> None:
    hunt.device("nadia@outside", "INUSE")
    assert hunt.join("1", "q", 0).offer.result().agents == ("sam",)
    hunt.device("nadia", "NOT_INUSE")  # her SIP phone says nothing about the other one
    second = hunt.join("2", "q", 0)
    assert not second.offer.done()
    hunt.device("nadia@outside", "NOT_INUSE")
    assert second.offer.result().agents == ("nadia",)


async def test_only_the_journal_says_that_she_talked(hunt: Hunt) -> None:
    rests: list[str] = []
    hunt.people.told.rested = lambda agent, until: rests.append(agent)
    hunt.join("1", "q", 0)
    hunt.device("nadia@outside", "INUSE")  # it rings, and nothing else
    hunt.leave("1")
    assert rests == []
    hunt.device("nadia@outside", "NOT_INUSE")
    hunt.join("2", "q", 0)
    hunt.talks("nadia", "other")
    hunt.talks("nadia", "2")
    hunt.leave("2")
    assert rests == ["nadia"]


async def test_she_is_called_so_often_a_day_and_not_more(hunt: Hunt) -> None:
    for call in "123":
        assert hunt.join(call, "q", 0).offer.result().agents == ("nadia",)
        hunt.leave(call)
        hunt.device("nadia@outside", "NOT_INUSE")
    assert hunt.join("4", "q", 0).offer.result().agents == ("sam",)
    hunt.call_outside({"nadia"}, {"nadia": 0}, 3)  # a new day
    assert hunt.join("5", "q", 0).offer.result().agents == ("nadia",)


async def test_who_has_a_sip_phone_again_is_rung_there(hunt: Hunt) -> None:
    hunt.phones({"nadia": "UNAVAILABLE"})
    hunt.call_outside((), {}, 0)
    assert hunt.join("1", "q", 0).offer.result().agents == ("sam",)
