"""What an invitation says, and lists of links. Texts: configs/invitation.fr.txt, .en.txt."""

import csv
import io
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from string import Template

from ..hotline import Hotline
from ..records.events import instant
from ..records.exports import safe
from ..records.folder import Folder, write_private
from ..records.invitations import Invitation
from .clock import long_date

CONFIGS = Path(__file__).parent.with_name("configs")
PLACES = ("line", "label", "link", "until")  # what may stand in the text as $line ...


class LetterError(Exception):
    """The text of the invitation cannot be used; says what to mend."""


def link_of(invitation: Invitation, hotline: Hotline) -> str:
    return f"{hotline.network.page_address}/join/{invitation.secret}"


def as_row(invitation: Invitation, hotline: Hotline) -> dict[str, str]:
    """A line of the list; the time is local."""
    return {
        "name": invitation.agent,
        "label": invitation.label,
        "email": invitation.email,
        "link": link_of(invitation, hotline),
        "until": f"{_local(invitation, hotline):%Y-%m-%d %H:%M}",
    }


def check_place(path: Path) -> None:
    """Before any link is made: whether a list of them can be written there.

    :raises LetterError: no folder; or an earlier list, whose links stand nowhere else.
    """
    if path.exists():
        raise LetterError(
            f"{path} is there already, with links that may be good: name another file"
        )
    if not path.parent.is_dir():
        raise LetterError(f"{path}: there is no folder {path.parent}")


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    """For its owner alone, and with no cell that a spreadsheet would compute.

    :raises LetterError: it cannot be written.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({head: safe(cell) for head, cell in row.items()})
    try:
        write_private(path, out.getvalue())
    except OSError as error:
        raise LetterError(f"{path}: {error.strerror}; nobody's link is in it") from None


def text_of(folder: Folder, language: str) -> Template:
    """The line's own ``DIR/invitation.txt``, else ours; its first line is the subject.

    :raises LetterError: unreadable, or a place in it that nothing fills.
    """
    own = folder.root / "invitation.txt"
    path = own if own.exists() else CONFIGS / f"invitation.{language}.txt"
    try:
        template = Template(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LetterError(f"{path}: cannot be read: {error}") from None
    if not template.is_valid() or "link" not in template.get_identifiers():
        raise LetterError(f"{path}: $link must stand in it; a dollar sign is written $$")
    if unknown := set(template.get_identifiers()) - set(PLACES):
        raise LetterError(f"{path}: nobody knows ${', $'.join(sorted(unknown))}")
    return template


def letter(template: Template, invitation: Invitation, hotline: Hotline) -> EmailMessage:
    """The message to one volunteer."""
    assert hotline.mail is not None
    text = template.substitute(
        line=hotline.line.name,
        label=invitation.label,
        link=link_of(invitation, hotline),
        until=long_date(_local(invitation, hotline).date(), hotline.line.language),
    )
    subject, _, body = text.partition("\n")
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"] = hotline.mail.sender
    message["To"] = invitation.email
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes, please
    message.set_content(body.lstrip("\n"))
    return message


def _local(invitation: Invitation, hotline: Hotline) -> datetime:
    return instant(invitation.expires).astimezone(hotline.zone)
