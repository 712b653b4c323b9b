"""The figures in words: titles, names of hours and days, rows of tables, charts. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from babel.dates import format_date, get_day_names

from ..hotline import DAYS
from ..records.figures import Part, Report
from ..records.periods import Period
from ..records.tally import Totals
from .figures_chart import Bars, Columns, Count, bars, columns
from .words import Words, catalogue

NAMED = ("queue", "topic")  # graphs of names; the others have an order
SHOWN = {  # graphs of each period, in order
    "day": ("hour", "queue", "topic"),
    "week": ("time", "queue", "topic", "hour"),
    "month": ("time", "queue", "topic", "weekday", "hour"),
    "year": ("time", "queue", "topic", "weekday", "hour"),
}
LONG = 8  # rows of a table from which on it is folded


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    label: str
    totals: Totals


@dataclass(frozen=True)
class Graph:
    """A chart, and the table below it. One of ``columns`` and ``bars`` is drawn."""

    id: str
    lines: tuple[Line, ...]
    columns: Columns | None
    bars: Bars | None

    @property
    def long(self) -> bool:
        return len(self.lines) > LONG


@dataclass(frozen=True)
class Reasons:
    """Where callers gave up, and why the line itself ended calls: (label, calls)."""

    lines: tuple[tuple[str, int], ...]
    bars: Bars


def title(period: Period, words: Words) -> str:
    """ "Mardi 24 novembre 2026", "Semaine du 23 novembre au 29 novembre 2026", "2026"."""
    language = words.language
    if period.kind == "week":
        first = format_date(period.first, "d MMMM", locale=language)
        last = format_date(period.last, "d MMMM y", locale=language)
        return words("figures.week", first=first, last=last)
    pattern = {"day": "EEEE d MMMM y", "month": "LLLL y", "year": "y"}[period.kind]
    text = format_date(period.first, pattern, locale=language)
    return text[:1].upper() + text[1:]


def graphs(report: Report, words: Words) -> list[Graph]:
    """All charts of a report that has calls."""
    return [_graph(id, report, words) for id in SHOWN[report.period]]


def _graph(id: str, report: Report, words: Words) -> Graph:
    parts: Sequence[Part] = getattr(report, f"by_{id}")
    long, short = _names(id, report.period, words)
    lines = tuple(Line(part.label or long(part.key), part.totals) for part in parts)
    counts = [
        _count(line, line.label if id in NAMED else short(part.key), words)
        for line, part in zip(lines, parts, strict=True)
    ]
    if id in NAMED:
        return Graph(id, lines, None, bars(counts))
    return Graph(id, lines, columns(counts), None)


def _count(line: Line, name: str, words: Words) -> Count:
    answered, missed = line.totals.answered, line.totals.missed
    tip = words("figures.tip", label=line.label, answered=answered, unanswered=missed)
    return Count(name, answered, missed, tip)


def _names(id: str, period: str, words: Words) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """How a key is called in a table, and in the little room below a chart."""
    language = words.language

    def none(key: str) -> str:
        return key or words(f"figures.none.{id}")

    def hour(key: str) -> str:
        return words("hour", n=int(key))

    def weekday(width: Literal["wide", "abbreviated"]) -> Callable[[str], str]:
        names = get_day_names(width, "stand-alone", locale=language)
        return lambda key: str(names[DAYS.index(key)])

    def dated(pattern: str) -> Callable[[str], str]:
        return lambda key: format_date(_date(key), pattern, locale=language)

    if id in NAMED:
        return none, none
    if id == "hour":
        return hour, hour
    if id == "weekday":
        return weekday("wide"), weekday("abbreviated")
    return {
        "week": (dated("EEEE d"), dated("EEE d")),
        "month": (dated("EEE d"), dated("d")),
        "year": (dated("LLLL"), dated("LLL")),
    }[period]


def _date(key: str) -> date:
    """The first day of a key like "2026-11-24" or "2026-11"."""
    return datetime.strptime(key, "%Y-%m-%d" if len(key) == 10 else "%Y-%m").date()


def reasons(totals: Totals, words: Words) -> Reasons:
    """Why calls ended without a human, as far as there are any."""
    found = {f"gave_up.{stage}": n for stage, n in totals.abandoned_in.items()}
    found |= {f"outcome.{outcome}": n for outcome, n in totals.unanswered.items()}
    lines = tuple((_reason(name, words), n) for name, n in found.items() if n)
    return Reasons(lines, bars([Count(label, 0, n) for label, n in lines]))


def _reason(name: str, words: Words) -> str:
    """An outcome that has no words of its own stands as it is in the journal."""
    key = f"figures.{name}"
    return words(key) if key in catalogue(words.language) else name.partition(".")[2]
