"""``external_address``: what the internet is told, where a router stands before this machine."""

from pathlib import Path
from typing import Any

import pytest

from decroche.asterisk.conf import parse as read_conf
from decroche.asterisk.render import Plan, render, verify
from decroche.asterisk.settings import switch
from decroche.hotline import HotlineError, parse
from decroche.records.folder import Folder

from .conftest import Open
from .test_asterisk_files import HOTLINE, PLAN

OUTSIDE = "198.51.100.7"
WITH = HOTLINE.replace(
    "[trunks.street]",
    f'[network]\nbind = "0.0.0.0"\nexternal_address = "{OUTSIDE}"\n[trunks.street]',
)


def transport(text: str) -> Any:
    plan = Plan(parse(text), PLAN.agents, PLAN.secrets, PLAN.folder, PLAN.modules)
    files = render(plan)
    verify(plan, files)
    return next(s for s in read_conf(files["pjsip.conf"]) if s.name == "decroche.udp")


def test_the_internet_is_told_it_and_private_networks_are_not() -> None:
    found = transport(WITH)
    assert found.get("external_media_address") == OUTSIDE
    assert found.get("external_signaling_address") == OUTSIDE
    assert "192.168.0.0/16" in found.all("local_net")
    assert "127.0.0.0/8" in found.all("local_net")


def test_without_it_nothing_is_told() -> None:
    found = transport(HOTLINE)
    assert not found.all("external_media_address")
    assert not found.all("local_net")


@pytest.mark.parametrize("bad", ["1.2.3.4\\nbind=0.0.0.0", "", "two words", "a;b"])
def test_what_is_no_host_is_refused(bad: str) -> None:
    with pytest.raises(HotlineError, match="external_address"):
        parse(WITH.replace(OUTSIDE, bad))


def test_a_change_waits_for_a_restart(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    before = {"pjsip.conf": "[a]\nbind = 0.0.0.0:5060\n"}
    after = {"pjsip.conf": f"[a]\nbind = 0.0.0.0:5060\nexternal_media_address = {OUTSIDE}\n"}
    switch(folder, before, None)
    (*_, said) = switch(folder, after, lambda command: "")
    assert "the SIP address" in said


LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""


@pytest.mark.pbx
def test_asterisk_takes_it(open_line: Open) -> None:
    line = open_line(LINE, {})
    head = line.head.replace("[network]", f'[network]\nexternal_address = "{OUTSIDE}"')
    line.head = head
    line.write(LINE)
    line.apply()
    line.pbx.start()
    said = line.pbx.ask("pjsip show transport decroche.udp")
    assert any("external_media_address" in text and OUTSIDE in text for text in said.splitlines())
    assert "192.168.0.0/255.255.0.0" in said or "192.168.0.0/16" in said
