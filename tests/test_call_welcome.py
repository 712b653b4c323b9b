"""A volunteer begins: from the list to a headset that works, in a real browser, on a real PBX."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect, sync_playwright

from decroche.asterisk import overrides
from decroche.cli import main
from decroche.records import people, staffing

from .conftest import Open
from .live import LiveLine, until
from .sip import Phones
from .test_dashboard_browser import ARGUMENTS, PHONE, chromium

pytestmark = [pytest.mark.pbx, pytest.mark.browser]

LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""
LIST = "Prénom;Nom;Courriel\nÉliane;Petit;eliane@example.org\nDriss;Roux;driss@example.org\n"
PASSWORD = "une petite phrase"


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    return open_line(LINE, {}).start("recorder", "flows", "dashboard")


@pytest.fixture
def page() -> Iterator[Page]:
    """A tab of a volunteer's, on a telephone; an error in its console fails the test."""
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        tab = browser.new_context(locale="fr-FR", viewport=PHONE).new_page()  # type: ignore[arg-type]
        tab.on("pageerror", lambda error: errors.append(str(error)))
        yield tab
        browser.close()
    assert errors == []


def command(line: LiveLine, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["--dir", str(line.folder.root), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def links(line: LiveLine, tmp_path: Path) -> dict[str, str]:
    """Import the list, put it in force, and invite everybody: name -> link."""
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    assert "2 added" in command(line, "agent", "import", str(tmp_path / "list.csv"))
    assert "pjsip.conf" in command(line, "apply")
    command(line, "agent", "invite", "--all-new", "--csv", str(tmp_path / "links.csv"))
    with open(tmp_path / "links.csv", encoding="utf-8", newline="") as file:
        return {row["name"]: row["link"] for row in csv.DictReader(file)}


def test_a_volunteer_is_ready_with_nothing_but_the_link(
    line: LiveLine, page: Page, tmp_path: Path
) -> None:
    link = links(line, tmp_path)["eliane-petit"]
    page.goto(link)
    expect(page.locator("h1")).to_have_text("Bienvenue Éliane")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Continuer").click()
    expect(page.locator(".text h2")).to_have_text("La charte des bénévoles")
    page.get_by_role("button", name="J’accepte").click()
    page.get_by_role("button", name="Afficher mes réglages").click()
    password = page.locator("#password").inner_text()
    assert page.locator("#user").inner_text() == "eliane-petit"
    expect(page.locator("[data-no=registered]")).to_be_visible()
    line.passwords["eliane-petit"] = password
    until(lambda: registers(line, password), 15, "the password to be in force without an apply")
    line.phones("eliane-petit")
    expect(page.locator("[data-yes=registered]")).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Je me suis entendu").click()
    expect(page.get_by_role("alert")).to_contain_text("*16")  # not before the call
    line.dial("eliane-petit", "*16", story=(("speak", "2"), ("bye",)))
    expect(page.locator("[data-yes=echoed]")).to_be_visible(timeout=10_000)
    page.reload()
    assert password not in page.content()
    page.get_by_role("button", name="Je me suis entendu").click()
    expect(page.locator("h1")).to_have_text("Vous êtes prêt·e")
    page.goto(link)  # used: it leads back to where she stands, and to nobody else
    expect(page.locator("h1")).to_have_text("Vous êtes prêt·e")
    page.get_by_role("button", name="Aller au tableau").click()
    expect(page.locator("#agents-empty")).to_contain_text("Personne")
    line.dial("eliane-petit", "*11")
    expect(page.locator("#agents-free")).to_contain_text("Éliane")
    assert "headset      heard 2" in command(line, "agent", "show", "eliane-petit")


def registers(line: LiveLine, password: str, name: str = "eliane-petit") -> bool:
    """Whether a phone with this password is let in."""
    phones = Phones({name: password}, line.ports["sip"], line.sip)
    done = phones.register()
    return done.process.wait(20) == 0


def test_the_echo_is_heard_while_no_service_runs(line: LiveLine, tmp_path: Path) -> None:
    password = command(line, "agent", "password", "driss-roux").split("password  ")[1].split()[0]
    until(lambda: registers(line, password, "driss-roux"), 15, "the new password to be in force")
    line.stop_services("flows")
    story = (("speak", "6"), ("bye",))
    call = line.call(*story, number="*16", user="driss-roux", password=password)
    until(lambda: "Echo" in line.pbx.ask("core show channels concise"), 15, "the echo to play")
    call.succeed(40)
    line.serve("flows")


def known(line: LiveLine, name: str, password: str) -> bool:
    return people.ha1(name, password) in (line.folder.etc / "pjsip.conf").read_text("utf-8")


def test_a_new_password_outlives_an_apply_and_a_restart(line: LiveLine) -> None:
    """It is an override until the next apply, and the digest in pjsip.conf from then on."""
    fresh = staffing.rekey_phone(line.folder.database, "eliane-petit", "test")
    until(lambda: registers(line, fresh), 15, "the new password to be in force")
    assert not known(line, "eliane-petit", fresh)
    line.apply()
    assert "0 results" in line.pbx.ask("database show decroche/auth")
    assert known(line, "eliane-petit", fresh) and registers(line, fresh)
    older = line.passwords["eliane-petit"]
    assert not registers(line, older)
    # Asterisk comes back with an override of yesterday.
    overrides.make_equal(line.pbx.ask, {"eliane-petit": people.ha1("eliane-petit", older)})
    assert registers(line, older)
    line.pbx.stop()
    line.pbx.start()
    until(lambda: registers(line, fresh), 20, "the password of today to be in force again")
    line.passwords["eliane-petit"] = fresh


def test_who_is_disabled_is_out_at_once(line: LiveLine, page: Page, tmp_path: Path) -> None:
    line.dial("eliane-petit", "*11")
    until(lambda: "eliane-petit" in line.members()["demarches"], 5, "the fallback to have her")
    command(line, "agent", "disable", "eliane-petit")
    until(lambda: "eliane-petit" not in line.members()["demarches"], 5, "it to have her no more")
    rings = "SELECT count(*) AS n FROM journal WHERE kind = 'offer.rang'"
    line.call().succeed(40)  # told that nobody is there
    assert line.rows(rings) == [{"n": 0}]
    page.goto(f"http://127.0.0.1:{line.ports['page']}/sign-in")
    page.get_by_label("Votre nom").fill("eliane-petit")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Entrer").click()
    expect(page.get_by_role("alert")).to_contain_text("fermé")
    until(lambda: "Unable to find" in line.pbx.ask("pjsip show endpoint eliane-petit"), 15)
    assert not registers(line, line.passwords["eliane-petit"])
