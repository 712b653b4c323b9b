"""A report as JSON, as CSV, and as tables for a person at a terminal.

In CSV a cell that a spreadsheet would take for a formula is prefixed with an apostrophe.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from .figures import Part, Report
from .kinds import GAVE_UP
from .tally import OTHERS, Totals

FORMULA = ("=", "+", "-", "@", "\t", "\r")
Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """One table of a report for a terminal."""

    title: str
    rows: list[Record]


def as_json(report: Report) -> str:
    """The whole report; durations in seconds, instants microseconds UTC, shares from 0 to 1."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def as_csv(report: Report) -> str:
    """One row for each part of the period (hour, day or month) and queue that had calls."""
    others = [*OTHERS, *(o for o in report.totals.unanswered if o not in OTHERS)]
    labels = {part.key: part.label for part in report.by_queue}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["from", "queue", "label", *_flat(report.totals, others)])
    for time, queue, totals in report.by_time_and_queue:
        row = [time, queue, labels.get(queue, ""), *_flat(totals, others).values()]
        writer.writerow([safe(cell) for cell in row])
    return out.getvalue()


def safe(cell: object) -> str:
    """A cell that no spreadsheet computes."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


def _flat(totals: Totals, others: Iterable[str]) -> Record:
    share = totals.service_level
    return {
        "arrived": totals.arrived,
        "closed": totals.closed,
        "limited": totals.limited,
        "answered": totals.answered,
        "abandoned": totals.abandoned,
        **{f"abandoned_{stage}": totals.abandoned_in[stage] for stage in GAVE_UP},
        **{other.replace("-", "_"): totals.unanswered.get(other, 0) for other in others},
        "under_way": totals.under_way,
        "wait_median_s": totals.wait_median,
        "wait_p90_s": totals.wait_p90,
        "decided": totals.decided,
        "in_time": totals.in_time,
        "service_level": None if share is None else round(share, 4),
        "talk_total_s": totals.talk_total,
        "talk_median_s": totals.talk_median,
    }


def as_tables(report: Report) -> list[Table]:
    """What a person reads: the whole, compared with before, then part by part."""
    parts = {
        "hour": report.by_hour,
        "day": report.by_time,
        "month": report.by_time,
        "queue": report.by_queue,
        "topic": report.by_topic,
        "weekday": report.by_weekday,
    }
    shown = {
        "day": ("queue", "topic", "hour"),
        "week": ("queue", "topic", "day", "hour"),
        "month": ("queue", "topic", "day", "weekday", "hour"),
        "year": ("queue", "topic", "month", "weekday", "hour"),
    }[report.period]
    tables = [Table(_title(report), _whole(report))]
    for name in shown:
        rows = [_row(name, part, report.service_level) for part in parts[name]]
        tables.append(Table(f"By {name}", rows))
    return tables


def _title(report: Report) -> str:
    dates = report.first if report.first == report.last else f"{report.first} to {report.last}"
    return f"{dates}, {report.timezone}" + (f", queue {report.queue}" if report.queue else "")


def _whole(report: Report) -> list[Record]:
    now, then = report.totals, report.before.totals
    cut = " until then" if report.before.until_then else ""
    before = f"{report.period} before{cut}"
    level = f"answered within {report.service_level} s"
    where = ", ".join(f"{n} {stage}" for stage, n in now.abandoned_in.items() if n)
    missed = report.unreached
    rows: list[tuple[str, object, object]] = [
        ("arrived", now.arrived, then.arrived),
        ("answered", now.answered, then.answered),
        ("abandoned" + (f" ({where})" if where else ""), now.abandoned, ""),
        *((other, n, "") for other, n in now.unanswered.items()),
        ("closed (out of hours)", now.closed, ""),
        ("blocked, or over a limit", now.limited, ""),
        ("under way", now.under_way, ""),
        ("wait, median", lasted(now.wait_median), lasted(then.wait_median)),
        ("wait, 90 % at most", lasted(now.wait_p90), ""),
        (level, percent(now.service_level), ""),
        ("talk, median", lasted(now.talk_median), ""),
        ("talk, total", lasted(now.talk_total), ""),
        ("callers never answered" + (", at most" if missed.at_most else ""), missed.callers, ""),
        ("… calls without a number", missed.withheld, ""),
    ]
    return [{"": name, report.period: value, before: other} for name, value, other in rows]


def _row(name: str, part: Part, level: int) -> Record:
    none = {"queue": "(none reached)", "topic": "(no key pressed)"}.get(name, "")
    totals = part.totals
    return {
        name: part.label or part.key or none,
        "arrived": totals.arrived,
        "answered": totals.answered,
        "abandoned": totals.abandoned,
        "other": sum(totals.unanswered.values()),
        "closed": totals.closed,
        "wait": lasted(totals.wait_median),
        "p90": lasted(totals.wait_p90),
        f"in_{level}_s": percent(totals.service_level),
        "talk": lasted(totals.talk_total),
    }


def lasted(seconds: int | None) -> str:
    """ "0:42", "1:02:03"; "–" for nothing."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
