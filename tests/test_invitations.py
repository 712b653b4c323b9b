"""Personal links: good once, for some days, revocable, and only a hash is kept."""

import csv
import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from decroche import hotline
from decroche.cli import main
from decroche.dashboard import accounts, joining
from decroche.records import invitations, kinds, people, purge, schema, staffing, welcome
from decroche.records.clocks import DAY
from decroche.records.events import now
from decroche.records.invitations import LinkError
from decroche.records.people import PeopleError
from decroche.records.rebuild import projections, rebuild
from decroche.records.schema import reader

PASSWORD = "une petite phrase"
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    accounts.prepare(tmp_path / "decroche.db")
    for name in ("driss", "lea", "zoe"):
        people.add_agent(tmp_path / "decroche.db", name, name.capitalize(), ["q"])
    return tmp_path / "decroche.db"


def invite(path: Path, name: str) -> str:
    return invitations.invite(path, [name], 14, "paper")[0].secret


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    at = now() + int(days * DAY)
    monkeypatch.setattr(invitations, "now", lambda: at)


def test_a_link_is_good_once(path: Path) -> None:
    secret = invite(path, "driss")
    assert invitations.look(path, secret).label == "Driss"
    account = joining.join(path, secret, PASSWORD)
    assert (account.name, account.agent, account.roles) == (
        "driss",
        "driss",
        frozenset({"beginner"}),
    )
    assert accounts.sign_in(path, "Driss", PASSWORD).agent == "driss"
    assert invitations.look(path, secret).used
    with pytest.raises(LinkError):
        joining.join(path, secret, "another phrase")
    assert accounts.sign_in(path, "driss", PASSWORD)


def test_only_a_hash_is_kept(path: Path) -> None:
    secret = invite(path, "driss")
    for file in path.parent.glob("decroche.db*"):
        assert secret.encode() not in file.read_bytes()


def test_a_link_dies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = invite(path, "driss")
    later(monkeypatch, 13.9)
    assert invitations.look(path, secret)
    later(monkeypatch, 14.01)
    with pytest.raises(LinkError):
        joining.join(path, secret, PASSWORD)
    assert joining.account_name(path, "driss") == ""


def test_a_link_can_be_revoked_and_a_new_one_voids_it(path: Path) -> None:
    first = invite(path, "driss")
    second = invite(path, "driss")
    with pytest.raises(LinkError):
        invitations.look(path, first)
    assert invitations.look(path, second)
    assert invitations.revoke(path, ["driss", "lea"]) == ["driss"]
    with pytest.raises(LinkError):
        invitations.look(path, second)


def test_a_weak_password_uses_nothing_up(path: Path) -> None:
    secret = invite(path, "driss")
    with pytest.raises(accounts.AccountError, match="bad_password"):
        joining.join(path, secret, "short")
    assert not invitations.look(path, secret).used


def test_who_has_an_account_chooses_a_new_password(path: Path) -> None:
    joining.join(path, invite(path, "driss"), PASSWORD)
    accounts.open_session(path, "driss")
    joining.join(path, invite(path, "driss"), "une autre phrase")
    assert accounts.sign_in(path, "driss", "une autre phrase").agent == "driss"
    with pytest.raises(accounts.AccountError):
        accounts.sign_in(path, "driss", PASSWORD)
    with accounts.writing(path) as connection:
        assert accounts.close_sessions(connection, "driss") == 0


def test_a_name_that_an_account_has_is_not_taken_over(path: Path) -> None:
    accounts.claim(path, accounts.issue_code(path), "Driss", "the coordinator's")
    assert joining.sign_in_name(path, "driss") == "driss-2"
    assert joining.join(path, invite(path, "driss"), PASSWORD).name == "driss-2"
    assert accounts.sign_in(path, "driss", "the coordinator's").agent == ""


def test_a_coordinator_who_takes_calls_keeps_one_account(path: Path) -> None:
    accounts.claim(path, accounts.issue_code(path), "Camille", PASSWORD)
    joining.tie(path, "camille", "driss")
    assert accounts.sign_in(path, "camille", PASSWORD).agent == "driss"
    with pytest.raises(PeopleError, match="already"):
        joining.tie(path, "other", "driss")
    with pytest.raises(PeopleError, match="no account"):
        joining.tie(path, "other", "lea")
    people.remove_agent(path, "driss")
    joining.part(path, "driss")
    assert accounts.sign_in(path, "camille", PASSWORD).agent == ""


def test_who_is_removed_leaves_nothing_behind(path: Path) -> None:
    staffing.edit_agent(path, "driss", email="driss@example.org")
    joining.join(path, invite(path, "driss"), PASSWORD)
    welcome.note(path, kinds.ACCEPTED, "driss", charter="0" * 64)
    invite(path, "driss")
    people.remove_agent(path, "driss")
    joining.part(path, "driss")
    assert joining.account_name(path, "driss") == ""
    connection = reader(path)
    assert connection.execute("SELECT count(*) FROM invitations").fetchone()[0] == 0
    connection.close()
    assert set(welcome.steps_of(path, "driss").values()) <= {None, "driss", False}
    people.add_agent(path, "driss", "Another", [])
    assert welcome.steps_of(path, "driss")["charter"] is None


def test_who_is_disabled_has_no_link_and_no_door(path: Path) -> None:
    joining.join(path, invite(path, "driss"), PASSWORD)
    secret = invite(path, "driss")
    assert staffing.disable_agent(path, "driss")
    assert not staffing.disable_agent(path, "driss")
    with pytest.raises(LinkError):
        invitations.look(path, secret)
    with pytest.raises(accounts.AccountError, match="disabled"):
        accounts.sign_in(path, "driss", PASSWORD)
    with pytest.raises(accounts.AccountError, match="wrong"):  # to nobody else
        accounts.sign_in(path, "driss", "a wrong password")
    with pytest.raises(PeopleError, match="enable"):
        invitations.invite(path, ["driss", "lea"], 14, "paper")
    assert "lea" in invitations.newcomers(path) and "driss" not in invitations.newcomers(path)
    assert "driss" not in people.members(path)["q"]
    assert staffing.enable_agent(path, "driss")
    assert accounts.sign_in(path, "driss", PASSWORD)


def test_newcomers_are_those_who_have_nothing_that_works(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invitations.newcomers(path) == ["driss", "lea", "zoe"]
    joining.join(path, invite(path, "driss"), PASSWORD)
    invite(path, "lea")  # made, and then nothing more: killed, or refused
    invitations.refused(path, "lea", "550 no such user")
    invite(path, "zoe")
    invitations.handed(path, ["zoe"])
    assert invitations.newcomers(path) == ["lea"]
    later(monkeypatch, 14.1)
    assert invitations.newcomers(path) == ["lea", "zoe"]


def test_the_purge_deletes_dead_links_and_keeps_who_accepted(path: Path) -> None:
    invite(path, "lea")
    joining.join(path, invite(path, "driss"), PASSWORD)
    welcome.note(path, kinds.ACCEPTED, "driss", charter="0" * 64)
    purge.purge(path, now() + 15 * DAY, PARIS)
    connection = reader(path)
    assert connection.execute("SELECT count(*) FROM invitations").fetchone()[0] == 0
    connection.close()
    purge.purge(path, now() + 200 * DAY, PARIS)
    assert welcome.steps_of(path, "driss")["charter"] == "0" * 64
    assert welcome.steps_of(path, "driss")["joined"] is not None


def test_a_rebuild_gives_the_same_steps(path: Path) -> None:
    joining.join(path, invite(path, "driss"), PASSWORD)
    for kind in (kinds.ECHOED, kinds.CONFIRMED):
        welcome.note(path, kind, "driss", by="page")
    staffing.rekey_phone(path, "driss", "page")
    invite(path, "zoe")
    people.remove_agent(path, "zoe")
    before = projections(path)
    rebuild(path)
    assert projections(path) == before
    assert len(before["starts"]) == 2


# The command.


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--dir", str(folder), *arguments])


@pytest.fixture
def line(tmp_path: Path) -> Path:
    assert run(tmp_path, "init").exit_code == 0
    for name, label in (("driss", "=Driss"), ("lea", "Léa")):
        assert run(tmp_path, "agent", "add", name, "--label", label).exit_code == 0
    return tmp_path


def test_links_on_paper_and_in_a_file(line: Path) -> None:
    file = line / "links.csv"
    done = run(line, "agent", "invite", "--all-new", "--csv", str(file), "--days", "3")
    assert done.exit_code == 0 and "this machine only" in done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with open(file, encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["label"] for row in rows] == ["'=Driss", "Léa"]  # nothing that is computed
    secret = rows[1]["link"].rpartition("/join/")[2]
    assert invitations.look(line / "decroche.db", secret).agent == "lea"
    done = run(line, "agent", "invite", "--all-new")
    assert "nothing changes" in done.output
    done = run(line, "agent", "invite", "lea")
    assert done.output.startswith("lea\tLéa\t\thttp://127.0.0.1:8080/join/")
    assert "void from now on: lea" in run(line, "agent", "invite", "--revoke", "lea").output


def test_a_list_of_links_is_never_lost(line: Path) -> None:
    """The links of an earlier list are good, and stand nowhere else."""
    (line / "links.csv").write_text("yesterday's", "utf-8")
    for file, reason in (("links.csv", "is there already"), ("none/links.csv", "no folder")):
        done = run(line, "agent", "invite", "--all-new", "--csv", str(line / file))
        assert done.exit_code == 1 and reason in done.output
    assert (line / "links.csv").read_text("utf-8") == "yesterday's"
    assert run(line, "agent", "list", "--invited").output == "nobody is like that\n"


def test_the_public_address_is_in_the_links(line: Path) -> None:
    text = (line / "hotline.toml").read_text("utf-8")
    text += '\n[network]\npage_url = "https://ligne.example.org"\n'
    (line / "hotline.toml").write_text(text, "utf-8")
    done = run(line, "agent", "invite", "lea", "--json")
    assert '"link": "https://ligne.example.org/join/' in done.output
    assert "machine only" not in done.output
    for url in ("ligne.example.org", "https://x/", "https://x\\ny", "ftp://x"):
        with pytest.raises(hotline.HotlineError):
            hotline.parse(text.replace("https://ligne.example.org", url))


@pytest.mark.parametrize(
    "arguments", [(), ("lea", "--all-new"), ("lea", "--csv", "x", "--mail"), ("--revoke",)]
)
def test_it_asks_what_is_meant(line: Path, arguments: tuple[str, ...]) -> None:
    assert run(line, "agent", "invite", *arguments).exit_code == 2


def test_a_name_that_nobody_has_is_no_link_that_nobody_has(line: Path) -> None:
    run(line, "agent", "invite", "lea")
    done = run(line, "agent", "invite", "--revoke", "lea", "le")
    assert done.exit_code == 1 and "there is no agent 'le'" in done.output
    assert "lea" in run(line, "agent", "list", "--invited").output
    run(line, "agent", "disable", "lea")
    assert "none of them had" in run(line, "agent", "invite", "--revoke", "lea").output
    assert "no queue 'visoi'" in run(line, "agent", "list", "--queue", "visoi").output


def test_agents_are_listed_shown_and_changed(line: Path) -> None:
    assert run(line, "agent", "edit", "lea", "--label", "Léa R.", "--queue", "visio").exit_code == 0
    assert run(line, "agent", "edit", "lea", "--queue", "x").exit_code == 1
    assert run(line, "agent", "edit", "lea").exit_code == 2
    assert "lea\tLéa R.\tvisio\t\taway" in run(line, "agent", "list", "--queue", "visio").output
    assert "lea" not in run(line, "agent", "list", "--queue", "demarches").output
    run(line, "agent", "invite", "lea")
    assert run(line, "agent", "list", "--invited").output.startswith("lea\t")
    run(line, "agent", "disable", "driss")
    assert (
        "driss\t=Driss\tdemarches visio\t\tdisabled"
        in run(line, "agent", "list", "--disabled").output
    )
    shown = run(line, "agent", "show", "lea").output
    assert "invitation   invited, until " in shown and "charter      not accepted" in shown
    assert '"account": "none"' in run(line, "agent", "show", "lea", "--json").output
    assert "no agent 'nobody'" in run(line, "agent", "show", "nobody").output
    before = {a.name: a.ha1 for a in people.list_agents(line / "decroche.db")}
    word = run(line, "agent", "password", "lea").output.split("password  ")[1].split()[0]
    after = {a.name: a.ha1 for a in people.list_agents(line / "decroche.db")}
    assert after == before | {"lea": people.ha1("lea", word)}
    assert run(line, "agent", "remove", "lea").exit_code == 0
    assert "lea" not in run(line, "agent", "list").output
