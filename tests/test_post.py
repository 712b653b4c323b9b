"""Invitations by mail: what is sent, what is refused, and that nobody is lost on the way."""

import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from decroche import hotline
from decroche.cli import main
from decroche.dashboard import letters, post
from decroche.records import invitations, people
from decroche.records.folder import Folder

from .smtp import Sink

MAIL = """
[network]
page_url = "https://ligne.example.org"
[mail]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "Entraide numérique <ligne@example.org>"
"""
NAMES = ("ana", "bob", "cleo", "driss", "odile")


@pytest.fixture
def line(tmp_path: Path) -> Path:
    assert run(tmp_path, "init").exit_code == 0
    for name in NAMES:
        email = f"{name}@example.org"
        people.add_agent(tmp_path / "decroche.db", name, name.capitalize(), [], email=email)
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--dir", str(folder), *arguments])


def configure(line: Path, sink: Sink, more: str = "") -> None:
    text = (line / "hotline.toml").read_text("utf-8").partition("\n[network]")[0]
    (line / "hotline.toml").write_text(text + MAIL.format(port=sink.port) + more, "utf-8")


def send(line: Path, *who: str) -> Result:
    return run(line, "agent", "invite", *(who or ("--all-new",)), "--mail")


def addresses(*names: str) -> list[str]:
    return [f"{name}@example.org" for name in names]


def test_each_gets_a_link_of_their_own(line: Path) -> None:
    with Sink() as sink:
        configure(line, sink)
        done = send(line)
    assert done.exit_code == 0, done.output
    assert done.output.endswith("5 sent\n")
    assert sink.to == addresses(*NAMES) and sink.connections == 1
    for mail, name in zip(sink.mails, NAMES, strict=True):
        assert mail["From"] == "Entraide numérique <ligne@example.org>"
        assert mail["Subject"] == "Bienvenue sur la ligne Entraide numérique"
        assert mail["Message-ID"].endswith("@example.org>") and mail["Date"]
        text = mail.get_content()
        secret = text.split("/join/")[1].split()[0]
        assert invitations.look(line / "decroche.db", secret).agent == name
        assert f"Bonjour {name.capitalize()}," in text
    assert "nothing changes" in send(line).output


def test_who_is_refused_is_told_and_tried_again(line: Path) -> None:
    with Sink(refuse={"bob@example.org": "550 no such user"}) as sink:
        configure(line, sink)
        done = send(line)
        assert done.exit_code == 1
        assert "4 sent" in done.output and "bob: not sent: 550 no such user" in done.output
        assert "550 no such user" in run(line, "agent", "show", "bob").output
        assert sink.to == addresses("ana", "cleo", "driss", "odile")
        sink.refuse.clear()
        assert "1 sent" in send(line).output
        assert sink.to[-1:] == addresses("bob")
        assert "550" not in run(line, "agent", "show", "bob").output


def test_it_goes_on_where_a_server_that_died_left_off(line: Path) -> None:
    with Sink(break_after=2) as sink:
        configure(line, sink)
        done = send(line)
        assert done.exit_code == 1
        assert "2 sent" in done.output and "cleo: not sent" in done.output
        assert "stopped, 2 not tried" in done.output
        sink.break_after = None
        assert send(line).exit_code == 0
        assert sorted(sink.to) == addresses(*NAMES)


def test_a_connection_that_is_cut_is_opened_anew(line: Path) -> None:
    with Sink(cut_after=1) as sink:
        configure(line, sink)
        assert send(line).exit_code == 0
        assert sink.to == addresses(*NAMES) and sink.connections == 5


def test_who_has_no_address_is_named(line: Path) -> None:
    people.add_agent(line / "decroche.db", "zoe", "Zoé", [])
    with Sink() as sink:
        configure(line, sink)
        done = send(line, "ana", "zoe")
        assert done.exit_code == 1 and "without an address: zoe" in done.output
        assert sink.to == addresses("ana")


def test_a_wrong_password_invites_nobody(line: Path) -> None:
    with Sink(password="right") as sink:
        configure(line, sink, 'username = "ligne"\n')
        assert "[mail] in" in send(line).output  # there is none in secrets.toml
        secrets = line / "secrets.toml"
        before = secrets.read_text("utf-8")
        secrets.write_text(before + '[mail]\npassword = "wrong"\n', "utf-8")
        done = send(line)
        assert done.exit_code == 1 and "535 who are you?" in done.output
        assert "nobody was invited" in done.output and "wrong" not in done.output
        assert run(line, "agent", "list", "--invited").output.startswith("nobody")
        secrets.write_text(before + '[mail]\npassword = "right"\n', "utf-8")
        assert send(line).exit_code == 0 and len(sink.mails) == 5


def test_a_name_that_nobody_has_stops_it_before_the_first_mail(line: Path) -> None:
    with Sink() as sink:
        configure(line, sink)
        assert "no agent 'nobody'" in send(line, "ana", "nobody").output
        assert sink.mails == []


def test_it_sends_nothing_in_clear_where_encryption_was_asked_for(line: Path) -> None:
    with Sink() as sink:
        configure(line, sink)
        text = (line / "hotline.toml").read_text("utf-8").replace('"none"', '"starttls"')
        (line / "hotline.toml").write_text(text, "utf-8")
        done = send(line)
        assert done.exit_code == 1 and "STARTTLS" in done.output
        assert sink.mails == []


def test_no_server_and_no_table_are_told(line: Path) -> None:
    assert "no [mail] in hotline.toml" in send(line).output
    with Sink() as sink:
        configure(line, sink)
        text = (line / "hotline.toml").read_text("utf-8").replace("page_url =", "# page_url =")
        (line / "hotline.toml").write_text(text, "utf-8")
        assert "write page_url" in send(line).output
        assert sink.mails == []
    with Sink() as sink:
        configure(line, sink)
    done = send(line)
    assert done.exit_code == 1 and "does not let us in" in done.output


def test_the_lines_own_words_are_used_and_checked(line: Path) -> None:
    (line / "invitation.txt").write_text("Hallo $label\n\n$link until $until, 3 $$\n", "utf-8")
    with Sink() as sink:
        configure(line, sink)
        assert send(line, "ana").exit_code == 0
        assert sink.mails[0]["Subject"] == "Hallo Ana"
        assert sink.mails[0].get_content().startswith("https://ligne.example.org/join/")
        for text, reason in (("$label\n", "must stand in it"), ("$link $who", "nobody knows $who")):
            (line / "invitation.txt").write_text(text, "utf-8")
            done = send(line, "bob")
            assert done.exit_code == 1 and reason in done.output
    assert len(sink.mails) == 1


def test_both_texts_of_ours_are_whole() -> None:
    for language in ("fr", "en"):
        text = letters.text_of(Folder(Path("/nowhere")), language)
        assert set(text.get_identifiers()) == set(letters.PLACES)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ('security = "none"\nhost = "smtp.example.org"', "mail.security"),
        ('host = "x"\nsender = "no address"', "mail.sender"),
        ('host = "x"\nsender = "a@b.org\\nBcc: c@d.org"', "mail.sender"),
        ('host = "x"', "sender"),
    ],
)
def test_a_bad_table_is_refused(line: Path, key: str, reason: str) -> None:
    text = (line / "hotline.toml").read_text("utf-8") + f"\n[mail]\n{key}\n"
    if "sender" not in key and "security" in key:
        text += 'sender = "a@b.org"\n'
    with pytest.raises(hotline.HotlineError, match=reason):
        hotline.parse(text)


class Stripped:
    """A server that lets one in with TLS, hangs up, and then claims to know none."""

    connections = 0

    def __init__(self, *_: object, **__: object) -> None:
        Stripped.connections += 1
        self.first = Stripped.connections == 1
        self.encrypted = self.closed = False

    def starttls(self, **_: object) -> None:
        if not self.first:
            raise smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server.")
        self.encrypted = True

    def send_message(self, _: object) -> None:
        if self.first:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        assert self.encrypted, "a link in clear"

    def quit(self) -> None:
        raise smtplib.SMTPServerDisconnected("please run connect() first")

    def close(self) -> None:
        self.closed = True


def test_no_link_goes_in_clear_when_tls_is_gone_the_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Stripped, "connections", 0)
    monkeypatch.setattr(smtplib, "SMTP", Stripped)
    mailer = post.Mailer(hotline.Mail("mail.example.org", "ligne@example.org"), "")
    mailer.check()
    for _ in range(3):
        with pytest.raises(smtplib.SMTPException, match="STARTTLS"):
            mailer.send(EmailMessage())
    mailer.close()


def test_a_server_that_lets_nobody_in_any_more_ends_it(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink() as sink:
        configure(line, sink)
    toml = (line / "hotline.toml").read_text("utf-8")
    (line / "hotline.toml").write_text(toml.replace('security = "none"\n', ""), "utf-8")
    monkeypatch.setattr(Stripped, "connections", 0)
    monkeypatch.setattr(smtplib, "SMTP", Stripped)
    done = send(line)
    assert done.exit_code == 1
    assert "stopped, 4 not tried: STARTTLS extension not supported" in done.output
    assert "ana: not sent" in done.output and "bob" not in done.output
