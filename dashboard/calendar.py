"""The calendars behind secret links: read by calendars' programs, which cannot sign in.

A personal one names nobody else; the team's names aliases, and who has it is a coordinator's
business. A secret that is not in force finds nothing, and does not say why.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta

from aiohttp import web

from ..hotline import Hotline
from ..records import feeds, ical, shifts
from ..records.events import instant, now
from ..records.feeds import Feed
from ..records.ical import Entry
from ..records.rota import Occurrence, Rota
from ..records.schema import reader
from .keys import FOLDER, HOTLINE
from .words import Words, words

BEFORE, AFTER = timedelta(days=60), timedelta(days=183)  # what a calendar shows


async def feed(request: web.Request) -> web.Response:
    """One calendar, in the line's own language."""
    data = await asyncio.to_thread(_read, request, request.match_info["secret"])
    if data is None:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": 'inline; filename="decroche.ics"'}
    response = web.Response(body=data, headers=headers)
    response.content_type, response.charset = "text/calendar", "utf-8"
    return response


def _read(request: web.Request, secret: str) -> bytes | None:
    """:raises sqlite3.Error: the database cannot be read."""
    hotline, at = request.app[HOTLINE](), now()
    with closing(reader(request.app[FOLDER].database)) as connection:
        found = feeds.find(connection, secret)
        if found is None:
            return None
        since = instant(at).astimezone(hotline.zone).date() - BEFORE
        rota = shifts.read(connection, since)
        rows = connection.execute("SELECT name, label FROM agents")
        labels = {row["name"]: row["label"] for row in rows}
    return written(found, rota, labels, hotline, at)


def written(found: Feed, rota: Rota, labels: Mapping[str, str], hotline: Hotline, at: int) -> bytes:
    """The calendar of an agent or of the team, at an instant."""
    t = words(hotline.line.language)
    if found.agent is None:
        name = t("calendar.team", line=hotline.line.name)
        return ical.calendar(name, _team(rota, labels, hotline, t, at))
    name = t("calendar.mine", line=hotline.line.name)
    return ical.calendar(name, _mine(found.agent, rota, hotline, t, at))


def _mine(agent: str, rota: Rota, hotline: Hotline, t: Words, at: int) -> Iterator[Entry]:
    today = instant(at).astimezone(hotline.zone).date()
    for one in rota.of(agent, today - BEFORE, today + AFTER, hotline.zone):
        yield _entry(one, "mine", t("calendar.shift", line=hotline.line.name), _where(one, hotline))


def _team(
    rota: Rota, labels: Mapping[str, str], hotline: Hotline, t: Words, at: int
) -> Iterator[Entry]:
    today = instant(at).astimezone(hotline.zone).date()
    for one in rota.between(today - BEFORE, today + AFTER, hotline.zone):
        people = ", ".join(labels.get(name, name) for name in one.people)
        places = t("shifts.places", n=one.places) if one.places else ""
        yield _entry(one, "team", " · ".join(filter(None, (people, places))), _where(one, hotline))


def _where(one: Occurrence, hotline: Hotline) -> str:
    known = {name: queue.label for name, queue in hotline.queues.items()}
    return ", ".join(known.get(name, name) for name in one.shift.queues)


def _entry(one: Occurrence, kind: str, summary: str, where: str) -> Entry:
    # When it was planned tells two lines apart, whose shifts have the same numbers.
    uid = f"{one.shift.added}-{one.shift.id}-{one.date:%Y%m%d}-{kind}@decroche"
    return Entry(
        uid=uid,
        begin=one.begin,
        end=one.end,
        added=one.shift.added,
        changed=one.changed,
        summary=summary,
        description=where,
        cancelled=one.cancelled,
    )
