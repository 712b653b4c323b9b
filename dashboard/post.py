"""Sending invitations by SMTP: one after the other, each noted when the server has taken it.

Whoever was not sent one is found again by ``decroche agent invite --all-new --mail``: killed in
between, one person at most gets a second mail, whose link voids that of the first.
"""

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from ..hotline import Mail, load
from ..records import invitations
from ..records.folder import Folder
from ..records.people import list_agents
from ..records.secrets import load as load_secrets
from . import letters

TIME = 30.0  # seconds for each answer of the server
OF_NO_MESSAGE = (  # gone, or it does not let us in: the next message would not pass either
    *(smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError),
    *(smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError),
)
AGAIN = "again: decroche agent invite --all-new --mail"


class MailError(Exception):
    """No mail can be sent at all; says why and what to do."""


@dataclass
class Sent:
    """What became of each; ``failed``: agent -> reason."""

    sent: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)  # no address is known
    stopped: str = ""  # why the rest was not even tried
    rest: int = 0

    @property
    def complete(self) -> bool:
        return not (self.failed or self.without or self.stopped)

    def sentences(self) -> list[str]:
        lines = [f"{len(self.sent)} sent"] if self.sent else []
        lines += [f"{agent}: not sent: {why}" for agent, why in self.failed.items()]
        if self.without:
            names = ", ".join(self.without)
            lines.append(
                f"without an address: {names}; their links on paper: decroche agent invite"
            )
        if self.stopped:
            lines.append(f"stopped, {self.rest} not tried: {self.stopped}; {AGAIN}")
        elif self.failed:
            lines.append(f"when that is mended, {AGAIN}")
        return lines


class Mailer:
    """A connection to the mail server; opened anew once when it breaks."""

    def __init__(self, mail: Mail, password: str) -> None:
        self._mail, self._password = mail, password
        self._server: smtplib.SMTP | None = None

    def send(self, message: EmailMessage) -> None:
        """:raises smtplib.SMTPException, OSError: this message was not taken."""
        try:
            self._open().send_message(message)
        except OSError as error:
            if _is_answer(error):
                raise
            self.close()  # an idle connection that the server has closed
            self._open().send_message(message)

    def close(self) -> None:
        if self._server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._server.quit()
            self._server.close()
        self._server = None

    def check(self) -> None:
        """:raises MailError: it does not let us in."""
        try:
            self._open()
        except (smtplib.SMTPException, OSError) as error:
            mail = self._mail
            self.close()
            raise MailError(
                f"the mail server {mail.host}:{mail.port} does not let us in: {why(error)}; "
                "nobody was invited. See [mail] in hotline.toml and in secrets.toml"
            ) from None

    def _open(self) -> smtplib.SMTP:
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        """A connection that is encrypted and signed in as asked, or none: no link goes in clear."""
        mail, context = self._mail, ssl.create_default_context()
        if mail.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                mail.host, mail.port, timeout=TIME, context=context
            )
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=TIME)
        try:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.username:
                server.login(mail.username, self._password)
        except BaseException:
            server.close()
            raise
        return server


def send_all(
    folder: Folder, agents: Sequence[str], days: int, progress: Callable[[int, int], None]
) -> Sent:
    """Make a link for each and send it; every outcome is noted in the database.

    :raises MailError, LetterError, PeopleError: nobody was invited.
    """
    hotline, secrets = load(folder.hotline), load_secrets(folder.secrets)
    if hotline.mail is None:
        raise MailError("there is no [mail] in hotline.toml: write one, or use --csv FILE")
    if hotline.network.page_url is None:
        raise MailError("write page_url under [network] of hotline.toml: where volunteers get to")
    if hotline.mail.username and secrets.mail is None:
        raise MailError(f'write password = "..." under [mail] in {folder.secrets}')
    invitations.check(folder.database, agents)
    template = letters.text_of(folder, hotline.line.language)
    emails = {agent.name: agent.email for agent in list_agents(folder.database)}
    done = Sent(without=[name for name in agents if name in emails and not emails[name]])
    able = [name for name in agents if name not in done.without]
    mailer = Mailer(hotline.mail, secrets.mail.password if secrets.mail else "")
    mailer.check()
    try:
        for count, name in enumerate(able, 1):
            (made,) = invitations.invite(folder.database, [name], days, "mail")
            try:
                mailer.send(_dated(letters.letter(template, made, hotline)))
            except (smtplib.SMTPException, OSError, ValueError) as error:
                done.failed[name] = why(error)
                invitations.refused(folder.database, name, why(error))
                if not (_is_answer(error) or isinstance(error, ValueError)):
                    done.stopped, done.rest = why(error), len(able) - count
                    return done
            else:
                invitations.handed(folder.database, [name])
                done.sent.append(name)
            progress(count, len(able))
    finally:
        mailer.close()
    return done


def why(error: Exception) -> str:
    """The server's own words, as one line."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        words = f"{code} {answer.decode('utf-8', 'replace')}"
    elif isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        words = f"{error.smtp_code} {text}"
    else:
        words = str(error) or type(error).__name__
    return " ".join(words.split())[:200]


def _is_answer(error: Exception) -> bool:
    """Whether the server itself spoke, of this message: the next one may pass."""
    return isinstance(error, smtplib.SMTPException) and not isinstance(error, OF_NO_MESSAGE)


def _dated(message: EmailMessage) -> EmailMessage:
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=str(message["From"]).rpartition("@")[2].strip("> "))
    return message
