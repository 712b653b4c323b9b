"""Asterisk's files: what cannot stand in them is refused, what is written reads back."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from decroche.asterisk import render as room
from decroche.asterisk.conf import parse, safe
from decroche.asterisk.render import Files, Plan, RenderError, render, verify
from decroche.hotline import parse as parse_hotline
from decroche.hotline import prompt_numbers
from decroche.records import dialplan
from decroche.records.folder import Folder
from decroche.records.people import Agent, ha1
from decroche.records.secrets import Secrets

HOTLINE = """
[line]
name = "Entraide"
[trunks.street]
host = "192.0.2.7"
dids = ["0900000000", "+33987654321"]
match = ["192.0.2.8"]
[trunks.provider]
kind = "register"
host = "sip.example.org"
username = "user"
dids = ["0100000000"]
[hours]
monday = ["09:00-12:00", "14:00-24:00"]
closed = [2026-12-25]
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
strategy = "ring-few"
ring_time = 12
[queues.visio]
label = "Visio"
"""
WHERE = ["password", "secret", "folder"]
SECRETS = Secrets(
    token_key="00" * 32,
    number_key="00" * 32,
    fallback_key="f" * 16,
    ami_recorder="rec-word",
    ami_flows="flow-word",
    trunks={"provider": "pw"},
)
PLAN = Plan(
    hotline=parse_hotline(HOTLINE),
    agents=[Agent("ana", "Ana", ha1("ana", "word")), Agent("zoe", "Zoé", ha1("zoe", "word"))],
    secrets=SECRETS,
    folder=Folder(Path("/srv/line")),
    modules=["chan_pjsip", "app_queue"],
)


@cache
def plain() -> Files:
    return render(PLAN)


@pytest.fixture
def files() -> Files:
    return plain()


def test_every_file_reads_back(files: Files) -> None:
    verify(PLAN, files)
    with_sections = {name for name, text in files.items() if parse(text)}
    assert files.keys() - with_sections == {"acl.conf"}


def test_every_endpoint_ignores_what_others_claim(files: Files) -> None:
    sections = [s for s in parse(files["pjsip.conf"]) if not s.template]
    endpoints = [s for s in sections if s.get("type") == "endpoint"]
    assert {s.name for s in endpoints} == {"ana", "zoe", "trunk-street", "trunk-provider"}
    for endpoint in endpoints:
        assert endpoint.get("trust_id_inbound") == "no"
        assert endpoint.get("trust_connected_line") == "no"
        assert endpoint.get("callerid").endswith("<decroche>")
        assert endpoint.get("message_context") == ""
        assert endpoint.get("allow_transfer") == "no"


def test_no_context_has_a_pattern_and_agents_reach_feature_codes_only(files: Files) -> None:
    contexts = {s.name: s for s in parse(files["extensions.conf"])}
    for context in contexts.values():
        for value in context.all("exten"):
            assert not value.startswith("_"), "a pattern"
            assert "!" not in value.split(",")[0]
        assert context.all("include") == []
    street = {value.split(",")[0] for value in contexts["from-street"].all("exten")}
    assert street == {"0900000000", "+33987654321"}
    codes = {value.split(",")[0] for value in contexts[dialplan.AGENTS].all("exten")}
    sentences = {f"*15{number}" for number in prompt_numbers().values()}
    free = {"*1410", "*1420", "*1440", "*1460"}
    assert codes == {"*10", "*11", "*12", "*13", "*14", "*16", "*17", *free, *sentences}
    assert all(re.fullmatch(r"\*15\d\d", code) for code in sentences)


def test_it_never_records_nor_logs_what_strangers_say(files: Files) -> None:
    for name, text in files.items():
        if name != "modules.conf":
            assert "MixMonitor" not in text
    logs = {s.name: s for s in parse(files["logger.conf"])}["logfiles"]
    assert logs.pairs == [("messages.log", "warning,error")]


def test_every_queue_forbids_forwarding(files: Files) -> None:
    assert files["extensions.conf"].count("Queue(") == 1
    assert "Queue(${DECROCHE_QUEUE},i," in files["extensions.conf"]
    queue = {s.name: s for s in parse(files["queues.conf"])}["demarches"]
    assert (queue.get("strategy"), queue.get("timeout")) == ("leastrecent", "12")


def test_the_fallbacks_hours_are_those_of_the_line(files: Files) -> None:
    text = files["extensions.conf"]
    assert "GotoIfTime(09:00-11:59,mon,*,*,Europe/Paris?${WAY},1)" in text
    assert "GotoIfTime(14:00-23:59,mon,*,*,Europe/Paris?${WAY},1)" in text
    assert '"${TODAY}" = "2026-12-25"' in text


def test_a_trunk_that_registers_needs_its_password() -> None:
    secrets = Secrets(
        token_key="00", number_key="00", fallback_key="f" * 16, ami_recorder="a", ami_flows="b"
    )
    with pytest.raises(RenderError, match=r"'provider' registers.*\[trunks\].*secrets.toml"):
        render(replace(PLAN, secrets=secrets))


def test_trunks_of_one_provider_share_their_numbers() -> None:
    """Asterisk knows whose a call is by its address only: two accounts at one provider."""
    second = '[trunks.second]\nhost = "192.0.2.8"\ndids = ["0111111111"]\n[trunks.street]'
    plan = replace(PLAN, hotline=parse_hotline(HOTLINE.replace("[trunks.street]", second)))
    files = render(plan)
    verify(plan, files)
    contexts = {s.name: s.all("exten") for s in parse(files["extensions.conf"])}
    found = {name: {value.split(",")[0] for value in contexts[f"from-{name}"]} for name in SHARED}
    both = {"0900000000", "+33987654321", "0111111111"}
    assert found == {"street": both, "second": both, "provider": {"0100000000"}}


SHARED = ("street", "second", "provider")


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("pjsip.conf", "[zoe](", "[eve](", "endpoints"),
        ("pjsip.conf", "trust_id_inbound = no", "trust_id_inbound = yes", "trust_id_inbound"),
        ("pjsip.conf", "callerid =", "callerid_tag =", "callerid"),
        ("pjsip.conf", f"context = {dialplan.AGENTS}", "context = callers", "context"),
        ("pjsip.conf", "send_pai = no", "send_pai = no\nmessage_context = x", "message_context"),
        ("extensions.conf", "exten => 0900000000,", "exten => _X.,", "numbers of street"),
        ("extensions.conf", "exten => *11,", "exten => *99,", "feature codes"),
        ("queues.conf", "[visio]", "[vision]", "queues"),
        ("queues.conf", "[visio]", "visio", "does not read back"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    files: Files, name: str, old: str, new: str, told: str
) -> None:
    assert old in files[name]
    with pytest.raises(RenderError, match=told):
        verify(PLAN, files | {name: files[name].replace(old, new)})


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_a_label_is_any_text_and_reaches_no_file(label: str) -> None:
    """Labels are free text: whatever they hold, the files are the same."""
    queues = {
        name: structs.replace(queue, label=label) for name, queue in PLAN.hotline.queues.items()
    }
    hotline = structs.replace(PLAN.hotline, queues=queues)
    agents = [Agent(a.name, label, a.ha1) for a in PLAN.agents]
    plan = replace(PLAN, hotline=hotline, agents=agents)
    assert render(plan) == plain()


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.sampled_from(WHERE))
def test_a_value_that_reaches_a_file_reads_back_or_is_refused(text: str, which: str) -> None:
    secrets, folder = SECRETS, PLAN.folder
    if which == "password":
        secrets = structs.replace(SECRETS, trunks={"provider": text})
    elif which == "secret":
        secrets = structs.replace(SECRETS, ami_flows=text)
    else:
        folder = Folder(Path(f"/srv/{text}"))
    plan = replace(PLAN, secrets=secrets, folder=folder)
    try:
        written = render(plan)
        verify(plan, written)
    except RenderError:
        return
    for name, one in written.items():
        assert one.count("\n") == plain()[name].count("\n")


@pytest.mark.parametrize("code", [*range(0x20), 0x7F, *map(ord, ';\\"[]${}<>|')])
def test_a_sign_that_means_something_to_asterisk_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        safe(f"a{chr(code)}b")
    assert safe("Zoé 日本 a-b_c.d/e+f,g") == "Zoé 日本 a-b_c.d/e+f,g"


def test_sections_inherit_from_templates() -> None:
    text = "[base](!)\na = 1\nb = 1\n[two](!,base)\nb = 2\n[one](two) ; note\nc => 3\n"
    one = parse(text)[-1]
    assert one.pairs == [("a", "1"), ("b", "1"), ("b", "2"), ("c", "3")]
    assert (one.get("b"), one.all("b"), one.get("none")) == ("2", ["1", "2"], "")


@pytest.mark.parametrize("text", ["a = 1\n", "[a]\nnothing\n", "[a](none)\n", "[a\n"])
def test_what_is_no_asterisk_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        parse(text)


def test_every_template_is_rendered(files: Files) -> None:
    assert set(files) == {path.name.removesuffix(".j2") for path in room.TEMPLATES.iterdir()}
