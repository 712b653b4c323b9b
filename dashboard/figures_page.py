"""The figures of a day, week, month or year: cards, charts with their tables, files to download.

They are of the line and never of a single agent. One report is computed at a time, beside the
event loop: the loop serves calls, too.
"""

import asyncio
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from aiohttp import web
from babel.numbers import format_decimal

from ..records import exports, figures
from ..records.events import instant, now
from ..records.figures import Report
from ..records.periods import KINDS, FiguresError, Period, parse, period
from . import chart, clock, figures_view
from .keys import COUNTING, FOLDER, HOTLINE, WORDS
from .pages import page

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Question:
    """What is asked for. ``early``: a period that has not begun; this one is shown instead."""

    period: Period
    queue: str
    at: int
    early: bool = False

    def link(self, path: str = "/figures", **changes: str) -> str:
        """The address of the same question with something else in it."""
        own = {"period": self.period.kind, "of": str(self.period.first), "queue": self.queue}
        asked = {name: value for name, value in (own | changes).items() if value}
        return f"{path}?{urlencode(asked)}"


async def show(request: web.Request) -> web.Response:
    question, words = _question(request), request[WORDS]
    hotline = request.app[HOTLINE]()
    today = instant(question.at).astimezone(hotline.zone).date()
    later = question.period.next()
    context: dict[str, Any] = {
        "question": question,
        "title": figures_view.title(question.period, words),
        "kinds": {kind: question.link(period=kind) for kind in KINDS},
        "earlier": question.link(of=str(question.period.before().first)),
        "later": question.link(of=str(later.first)) if later.first <= today else "",
        "present": period(question.period.kind, today) == question.period,
        "queues": {name: queue.label for name, queue in hotline.queues.items()},
        "width": chart.WIDTH,
        "height": chart.HEIGHT,
        "number": lambda n: format_decimal(n, locale=words.language),
        "lasted": lambda seconds: "–" if seconds is None else clock.duration(seconds),
    }
    try:
        report = await _report(request, question)
    except sqlite3.Error as error:
        log.warning("the figures cannot be read", error=str(error))
        context |= {"report": None, "graphs": [], "reasons": None}
        return page(request, "figures.html", place="figures", status=503, **context)
    context |= {
        "report": report,
        "graphs": figures_view.graphs(report, words),
        "reasons": figures_view.reasons(report.totals, words),
    }
    status = 400 if question.early else 200
    return page(request, "figures.html", place="figures", status=status, **context)


async def as_csv(request: web.Request) -> web.Response:
    """The file for a spreadsheet; a byte order mark tells it that this is UTF-8."""
    return await _file(request, "csv", "text/csv", lambda found: "\ufeff" + exports.as_csv(found))


async def as_json(request: web.Request) -> web.Response:
    return await _file(request, "json", "application/json", exports.as_json)


async def _file(request: web.Request, ending: str, kind: str, write: Any) -> web.Response:
    question = _question(request)
    if question.early:
        raise web.HTTPBadRequest
    report = await _report(request, question)
    name = f"figures-{report.period}-{report.first}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=write(report), content_type=kind, charset="utf-8", headers=headers)


async def _report(request: web.Request, question: Question) -> Report:
    """:raises sqlite3.Error: the database cannot be read."""
    path, hotline = request.app[FOLDER].database, request.app[HOTLINE]()
    async with request.app[COUNTING]:
        return await asyncio.to_thread(
            figures.of_line, path, hotline, question.period, question.queue, question.at
        )


def _question(request: web.Request) -> Question:
    """:raises HTTPBadRequest: no such period or date. :raises HTTPNotFound: no such queue."""
    hotline, at = request.app[HOTLINE](), now()
    kind, queue = request.query.get("period", "day"), request.query.get("queue", "")
    if queue and queue not in hotline.queues:
        raise web.HTTPNotFound
    try:
        found = parse(kind, request.query.get("of", ""), at, hotline.zone)
    except FiguresError as error:
        if not error.early:
            raise web.HTTPBadRequest from None
        return Question(parse(kind, "", at, hotline.zone), queue, at, early=True)
    return Question(found, queue, at)
