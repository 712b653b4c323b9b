"""The ledger: who reached nobody, and what becomes of them. Plain forms, without script."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import phonenumbers
from aiohttp import web

from ..records import ledger, numbers, secrets, views
from ..records.changes import Row
from ..records.events import MICRO, instant, now
from ..records.ledger import LedgerError
from ..records.schema import reader
from . import clock, promises, voicemail
from .keys import ACCOUNT, FOLDER, HOTLINE, WORDS
from .pages import page
from .promises import Promises
from .signin import field
from .voicemail import Messages

SHOWN = 100  # entries on the page; the rest are counted

ACTS: dict[str, Callable[..., None]] = {
    "claim": ledger.claim,
    "release": ledger.release,
    "tried": ledger.tried,
    "close": ledger.close,
    "reopen": ledger.reopen,
}


@dataclass(frozen=True)
class Entry:
    """One caller who is owed a call. Instants: microseconds UTC; ``waited`` in seconds."""

    caller: str
    first: int
    last: int
    attempts: int
    waited: int
    stage: str
    queue: str
    tries: int
    holder: str
    mine: bool
    number: str = ""  # as people write it; only for the one who has claimed the entry
    link: str = ""  # tel:

    @property
    def id(self) -> str:
        return f"caller-{self.caller}"


@dataclass(frozen=True)
class Ledger:
    """The page: the entries to show, how many there are, and who cannot be called back."""

    entries: Sequence[Entry]
    total: int
    withheld: int
    promises: Promises
    messages: Messages

    @property
    def more(self) -> int:
        return self.total - len(self.entries)


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def act(request: web.Request) -> web.StreamResponse:
    """One of ACTS; then the page again: at the entry, or with a way to take a closing back."""
    account = request[ACCOUNT]
    assert account is not None  # the route has a role
    caller, name = request.match_info["caller"], request.match_info["act"]
    form = await request.post()
    extra = [field(form, "reason")] if name == "close" else []
    path = request.app[FOLDER].database
    try:
        await asyncio.to_thread(ACTS[name], path, caller, account.label, *extra)
    except LedgerError as error:
        problem = "ledger.taken" if error.taken_by else "ledger.gone"
        return await _page(request, 409, problem, error.taken_by)
    except ValueError:
        raise web.HTTPBadRequest from None
    onward = {"claim": f"#caller-{caller}", "reopen": f"#caller-{caller}"}
    raise web.HTTPSeeOther("/ledger" + onward.get(name, f"?after={caller}"))


async def _page(
    request: web.Request, status: int = 200, problem: str = "", who: str = ""
) -> web.Response:
    account = request[ACCOUNT]
    assert account is not None
    found = await asyncio.to_thread(_read, request, account.label)
    words, zone, at = request[WORDS], request.app[HOTLINE]().zone, now()
    context: dict[str, Any] = {
        "found": found,
        "problem": problem or ("ledger.refused" if "refused" in request.query else ""),
        "today": instant(at).astimezone(zone).date().isoformat(),
        "shortly": lambda then: clock.shortly(then, at, zone, words.language),
        "who": who,
        "undo": await asyncio.to_thread(_closed_by, request, account.label),
        "reasons": ledger.REASONS[1:],
        "since": lambda then: clock.age((at - then) // MICRO, lambda n: words("ledger.days", n=n)),
        "exactly": lambda then: clock.moment(then, zone, words.language),
    }
    return page(request, "ledger.html", place="ledger", status=status, **context)


def _closed_by(request: web.Request, me: str) -> str:
    """The caller of ``?after=`` whose entry I have just closed, or empty."""
    after = request.query.get("after", "")
    with closing(reader(request.app[FOLDER].database)) as connection:
        entry = ledger.find(connection, after)
    return after if entry is not None and ledger.can_reopen(entry, me) else ""


def _read(request: web.Request, me: str) -> Ledger:
    """:raises sqlite3.Error: the database cannot be read."""
    folder, hotline, at = request.app[FOLDER], request.app[HOTLINE](), now()
    with closing(reader(folder.database)) as connection:
        rows = ledger.entries(connection, SHOWN, me)
        mine = [row["caller"] for row in rows if ledger.holder(row, at) == me]
        total = ledger.count(connection)
        withheld = ledger.withheld(connection, clock.midnight(at, hotline.zone))
        promised = promises.read(request, connection)
        names = views.labels(connection)
        left = voicemail.read(connection, hotline, names)
    keys = secrets.load(folder.secrets).number_keys if mine else ()
    known = {one: numbers.find(folder.database, one, *keys) or "" for one in mine}
    labels = {name: queue.label for name, queue in hotline.queues.items()}
    entries = [_entry(row, at, me, labels, known.get(row["caller"], "")) for row in rows]
    entries.sort(key=lambda entry: not entry.mine)  # what I have claimed stands on top
    return Ledger(entries, total, withheld, promised, left)


def _entry(row: Row, at: int, me: str, labels: dict[str, str], number: str) -> Entry:
    holder = ledger.holder(row, at)
    return Entry(
        caller=row["caller"],
        first=row["first"],
        last=row["last"],
        attempts=row["attempts"],
        waited=row["waited"] // MICRO,
        stage=row["stage"],
        queue=labels.get(row["queue"] or "", row["queue"] or ""),
        tries=row["tries"],
        holder=holder,
        mine=holder == me,
        number=written(number),
        link=f"tel:{number}" if number else "",
    )


def written(number: str, region: str = "FR") -> str:
    """An E.164 number as people of a region write it: "06 11 11 11 11"."""
    if not number:
        return ""
    found = phonenumbers.parse(number)
    formats = phonenumbers.PhoneNumberFormat
    own = phonenumbers.region_code_for_number(found) == region
    style = formats.NATIONAL if own else formats.INTERNATIONAL
    return phonenumbers.format_number(found, style)
