"""A list of volunteers as a CSV file: read whole, and all that is wrong with it, by line.

Pure but for the file: what becomes of the rows is decided in records/enrol.py.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..hotline import RESERVED
from .people import PeopleError, check_email, check_label, check_name

LARGEST = 20_000_000  # bytes; 2,000 volunteers are some 150,000
DELIMITERS = ";,\t"
HEADS = {  # what may stand above a column, without accents, small -> what it is to us
    "name": ("name", "identifiant", "identifier", "login", "user", "utilisateur"),
    "label": ("label", "alias", "prenom", "pseudo", "first name", "firstname", "nom affiche"),
    "family": ("nom", "nom de famille", "last name", "lastname", "surname", "family name"),
    "email": ("email", "e-mail", "mail", "courriel", "adresse email", "adresse e-mail"),
    "queues": ("queues", "queue", "files", "file"),
}
SAID = re.compile(rf"sep=([{DELIMITERS}])\r?\n", re.IGNORECASE)
WHOLE = str.maketrans({"œ": "oe", "æ": "ae", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th"})
ENDING = re.compile(r"[\s,;|]+")  # between two queues in one cell


class EnrolError(Exception):
    """The list cannot be taken as it is; the text says every reason, each with its line."""


@dataclass(frozen=True)
class Volunteer:
    """One row. ``name`` is empty when the file gives none; ``queues`` None: says nothing."""

    line: int
    label: str
    name: str = ""
    family: str = ""
    email: str = ""
    queues: tuple[str, ...] | None = None


@dataclass
class Sheet:
    """What was read; ``notes`` are sentences for the person, ``problems`` (line, reason)."""

    rows: list[Volunteer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


def read_file(path: Path) -> bytes:
    """:raises EnrolError: unreadable, or larger than any such list."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise EnrolError(f"{path}: {error.strerror}") from None
    if len(data) > LARGEST:
        raise EnrolError(f"{path}: larger than 20 MB: is it the right file?")
    return data


def decode(data: bytes) -> tuple[str, list[str]]:
    """The text, and what the person should know about how it was read.

    :raises EnrolError: no text at all.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # Excel's "Unicode text"
        text, notes = data.decode("utf-16", "replace"), ["read as UTF-16"]
    else:
        try:
            text, notes = data.decode("utf-8-sig"), []
        except UnicodeDecodeError as error:
            text = data.decode("cp1252", "replace")
            number = data[: error.start].count(b"\n") + 1
            line = text.split("\n")[number - 1].strip()[:60]
            seen = "".join(sign if sign.isprintable() else "?" for sign in line)
            notes = [
                f"not UTF-8: read as Latin-1 (Windows-1252). Check the accents, as in line "
                f'{number}: "{seen}"; if they are wrong, save the file as CSV UTF-8'
            ]
    if "\x00" in text:
        raise EnrolError("this is no CSV file: save the table as CSV (UTF-8) first")
    return text, notes


def read(data: bytes, queues: Collection[str], ignore_unknown: bool = False) -> Sheet:
    """Every row, or every reason why it cannot be taken.

    :param queues: the names of the line's queues.
    :raises EnrolError: no text, no header, columns that nobody knows.
    """
    text, notes = decode(data)
    sheet = Sheet(notes=notes)
    lines = _lines(text)
    try:
        number, head = next(lines)
    except StopIteration:
        raise EnrolError("the file is empty") from None
    columns = _columns(head, number, ignore_unknown, sheet)
    for number, cells in lines:
        if len(cells) > len(head) and any(cell.strip() for cell in cells[len(head) :]):
            wanted = f"{len(cells)} cells under {len(head)} columns: put quotes around a comma"
            sheet.problems.append((number, wanted))
            continue
        values = {what: cells[at].strip() for at, what in columns.items() if at < len(cells)}
        _take(sheet, number, values, queues)
    _find_twins(sheet)
    return sheet


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of all that is not empty; the line on which a row begins."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter, began = max(DELIMITERS, key=first.count), 1
    if found := SAID.match(text):  # as some spreadsheets begin their files
        delimiter, text, began = found[1], text[found.end() :], 2
    ahead = began - 1
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise EnrolError(
                f"line {began}: {error}: look for a quote that is not closed"
            ) from None
        if any(cell.strip() for cell in cells):
            yield began, cells
        began = ahead + rows.line_num + 1


def _columns(head: list[str], number: int, ignore_unknown: bool, sheet: Sheet) -> Mapping[int, str]:
    """Column -> what it is to us."""
    known = {word: what for what, words in HEADS.items() for word in words}
    found: dict[int, str] = {}
    unknown = []
    for at, cell in enumerate(head):
        word = " ".join(plain(cell).replace("_", " ").split())
        if what := known.get(word):
            if what in found.values():
                raise EnrolError(f"line {number}: two columns say {what!r}")
            found[at] = what
        elif word:
            unknown.append(cell.strip()[:40])
    if not {"label", "name", "family"} & set(found.values()):
        raise EnrolError(
            f"line {number} must name the columns, as: prénom;email;files (or: label, email, "
            "queues); at least a label (prénom, alias) or a name (identifiant)"
        )
    if unknown and not ignore_unknown:
        raise EnrolError(
            f"line {number}: nobody knows the column {', '.join(map(repr, unknown))}; known are "
            "name, label, email, queues; --ignore-unknown leaves the others out"
        )
    if unknown:
        sheet.notes.append(f"left out: the column {', '.join(map(repr, unknown))}")
    return found


def _take(sheet: Sheet, number: int, values: Mapping[str, str], queues: Collection[str]) -> None:
    """A row, or all that is wrong with it."""
    problems = []
    name, email = values.get("name", ""), values.get("email", "")
    label = values.get("label") or values.get("family") or name.capitalize()
    joined = None
    try:
        label = check_label(label)
    except PeopleError as error:
        problems.append(str(error))
    try:
        name = name and check_name(name)
    except PeopleError as error:
        problems.append(str(error))
    try:
        email = email and check_email(email)
    except PeopleError as error:
        problems.append(str(error))
    if values.get("queues"):
        joined = tuple(dict.fromkeys(filter(None, ENDING.split(values["queues"]))))
        if wrong := [queue for queue in joined if queue not in queues]:
            there = ", ".join(queues)
            problems.append(f"no queue {', '.join(map(repr, wrong))}; there are: {there}")
    sheet.problems += [(number, problem) for problem in problems]
    if not problems:
        family = values.get("family", "") if values.get("label") else ""  # else it is the label
        sheet.rows.append(Volunteer(number, label, name, family, email, joined))


def _find_twins(sheet: Sheet) -> None:
    """The same person twice in the file: by name, by address, or with nothing to tell them by."""
    seen: dict[tuple[str, str], int] = {}
    for row in sheet.rows:
        for what, value in _marks(row):
            if first := seen.get((what, value)):
                sheet.problems.append((row.line, f"the same {what} as line {first}: {value}"))
            else:
                seen[what, value] = row.line
    sheet.problems.sort()


def _marks(row: Volunteer) -> Iterator[tuple[str, str]]:
    if row.name:
        yield "name", row.name
    if row.email:
        yield "e-mail", row.email
    if not row.name and not row.email:
        yield "label (and neither name nor e-mail)", f"{row.label} {row.family}".strip()


def plain(text: str) -> str:
    """Without accents, in small letters."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).strip()


def name_for(label: str, family: str, taken: Collection[str]) -> str:
    """A free name for an agent, as they look: "Éliane D'Arc" is eliane-d-arc, then -2, -3 ..."""
    word = re.sub(r"[^a-z0-9]+", "-", plain(f"{label} {family}").translate(WHOLE)).strip("-")
    word = word[:34].strip("-")
    if not word or word.isdigit() or word.startswith(RESERVED):
        word = f"agent-{word}"[:34].strip("-")
    name, count = word, 1
    while name in taken:
        count += 1
        name = f"{word}-{count}"
    return name
