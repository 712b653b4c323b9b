"""A sheet, and how it is read from a folder of Markdown files."""

import datetime
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .front import Front, split_front
from .markdown import plain_text, read
from .words import fold

MAX_BYTES = 256 * 1024
SUMMARY_CHARS = 200

_HEADING = re.compile(r"^#[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of the knowledge base.

    ``updated`` is a UTC date: the one its head declares, else that of the file.
    ``body_markdown`` does not repeat the title, ``plain`` is the same as a reader sees it.
    ``digest`` (SHA-256, hex) is that of all that its author wrote: touching a file changes
    nothing.
    """

    slug: str
    title: str
    topic: str
    summary: str
    body_markdown: str
    plain: str
    updated: datetime.date
    language: str
    keywords: tuple[str, ...]
    digest: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was left out, and why. ``file`` is relative to the imported folder."""

    file: str
    reason: str


def read_folder(folder: Path) -> Iterator[Sheet | Problem]:
    """Read every ``*.md`` below a folder, in the order of their paths.

    Hidden files and folders are left out. Of two sheets with one slug the first wins
    and the second is a problem. Raises NotADirectoryError when there is no such folder.
    """
    owner: dict[str, str] = {}
    for found in list_files(folder):
        read = found if isinstance(found, Problem) else read_file(folder, found)
        if isinstance(read, Sheet) and read.slug in owner:
            taken = f"the slug {read.slug!r} is already that of {owner[read.slug]}"
            yield Problem(read.file, f"{taken}: rename the file or set another slug")
            continue
        if isinstance(read, Sheet):
            owner[read.slug] = read.file
        yield read


def list_files(folder: Path) -> list[Path | Problem]:
    """List the Markdown files below a folder, with a problem for what cannot be entered."""
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder of sheets at {folder}")
    found: list[Path | Problem] = []

    def refuse(error: OSError) -> None:
        found.append(Problem(_relative(folder, Path(error.filename)), _cause(error)))

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (link := Path(parent, name)).is_symlink():
                found.append(Problem(_relative(folder, link), "a link to a folder: not followed"))
        names = sorted(name for name in files if not name.startswith("."))
        found.extend(Path(parent, name) for name in names if name.lower().endswith(".md"))
    return found


def read_file(folder: Path, path: Path) -> Sheet | Problem:
    """Read one file of a folder; whatever is wrong with it becomes a problem."""
    file = _relative(folder, path)
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return Problem(file, "a link that leaves the folder: not followed")
        content, modified = _read_bounded(path)
        return parse_sheet(content.decode("utf-8-sig"), file, modified)
    except UnicodeDecodeError as error:
        return Problem(file, f"not UTF-8 (byte {error.start}): save it as UTF-8")
    except OSError as error:
        return Problem(file, _cause(error))
    except (ValueError, RecursionError) as error:
        return Problem(file, str(error))


def parse_sheet(text: str, file: str, modified: datetime.date) -> Sheet:
    """Make a sheet of a file's text. Raises ValueError with a reason for people.

    ``file`` gives the slug and the topic where the head does not; ``modified`` the date.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if _CONTROL.search(text):
        raise ValueError("holds control characters: not a text file")
    if not text.strip():
        raise ValueError("empty")
    front, body = split_front(text)
    title, body = _take_title(front, body)
    plain, first_paragraph = read(body)
    if not plain:
        raise ValueError("nothing stands below the title")
    return Sheet(
        slug=front.slug or _slug(file),
        title=title,
        topic=(front.topic or _topic(file)).strip(),
        summary=(front.summary or _shorten(first_paragraph)).strip(),
        body_markdown=body,
        plain=plain,
        updated=front.updated or modified,
        language=front.language,
        keywords=tuple(front.keywords),
        digest=_digest(front, file, title, body),
        file=file,
    )


def _take_title(front: Front, body: str) -> tuple[str, str]:
    """Return the title, and the body without the heading that only repeats it."""
    first, _, rest = body.lstrip("\n").partition("\n")
    heading = _HEADING.match(first)
    in_body = plain_text(heading[1]) if heading else ""
    title = (front.title or in_body).strip()
    if not title:
        raise ValueError('no title: begin with "# Title", or set title in the head')
    if len(title) > 200:
        raise ValueError("the title is longer than 200 characters")
    return title, (rest if in_body == title else body).strip("\n") + "\n"


def _read_bounded(path: Path) -> tuple[bytes, datetime.date]:
    """Read a regular file of a bounded size, and the UTC date of its last change."""
    # Without O_NONBLOCK a FIFO that is called notes.md would hold the import for ever.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise ValueError("not an ordinary file")
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1024} KiB: split it into several sheets")
    return content, datetime.datetime.fromtimestamp(state.st_mtime, datetime.UTC).date()


def _slug(file: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", fold(Path(file).stem)).strip("-")[:80].strip("-")
    if not slug:
        raise ValueError("the file's name holds no letter or digit: set slug in the head")
    return slug


def _topic(file: str) -> str:
    """Return the folder's name as a topic: impots/numero-fiscal.md is about "impots"."""
    return Path(file).parent.name


def _shorten(text: str) -> str:
    if len(text) <= SUMMARY_CHARS:
        return text
    return text[:SUMMARY_CHARS].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _digest(front: Front, file: str, title: str, body: str) -> str:
    parts = [front.slug or _slug(file), title, front.topic or _topic(file), front.summary or ""]
    parts += [front.language, str(front.updated or ""), "\x1f".join(front.keywords), body]
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()


def _relative(folder: Path, path: Path) -> str:
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
    # A name that is no UTF-8 could neither be printed nor stored.
    return name.encode("utf-8", "replace").decode()


def _cause(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"
