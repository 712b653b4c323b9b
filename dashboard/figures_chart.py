"""Charts of the figures as numbers: where each bar stands in a picture WIDTH units wide.

Columns stand for what has an order (hours, days), bars for what has names (queues, topics).
Vertical units count downwards, as SVG's do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .chart import GAP, HEIGHT, WIDTH

LABELS = 8  # written below the columns, at most
ROW = 34  # units of a name and its bar
THICK = 10

Count = tuple[str, int, int]  # a name, answered, unanswered


@dataclass(frozen=True)
class Column:
    x: float
    answered_y: float
    answered_height: float
    unanswered_y: float
    unanswered_height: float


@dataclass(frozen=True)
class Columns:
    """``labels``: (x, text) of every so many of them."""

    columns: tuple[Column, ...]
    width: float
    labels: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Bar:
    """A name at ``y``, and its bar below it from the left."""

    name: str
    y: int
    answered: float
    unanswered: float


@dataclass(frozen=True)
class Bars:
    bars: tuple[Bar, ...]
    height: int


def columns(counts: Sequence[Count]) -> Columns:
    """One column for each count, the highest as high as the picture."""
    place = WIDTH / max(1, len(counts))
    unit = HEIGHT / max(4, *(up + down for _, up, down in counts), 4)
    every = -(-len(counts) // LABELS) or 1
    drawn = tuple(_column(at * place, up * unit, down * unit) for at, (_, up, down) in _of(counts))
    labels = tuple((round(at * place, 1), name) for at, (name, _, _) in _of(counts)[::every])
    return Columns(drawn, round(place * (1 - GAP), 1), labels)


def bars(counts: Sequence[Count]) -> Bars:
    """One bar for each count, the longest as long as the picture."""
    unit = WIDTH / max(4, *(up + down for _, up, down in counts), 4)
    drawn = tuple(
        Bar(name, at * ROW, round(up * unit, 1), round(down * unit, 1))
        for at, (name, up, down) in _of(counts)
    )
    return Bars(drawn, len(drawn) * ROW)


def _of(counts: Sequence[Count]) -> list[tuple[int, Count]]:
    return list(enumerate(counts))


def _column(x: float, answered: float, unanswered: float) -> Column:
    gap = 2 if answered and unanswered else 0
    return Column(
        x=round(x, 1),
        answered_y=round(HEIGHT - answered, 1),
        answered_height=round(answered, 1),
        unanswered_y=round(HEIGHT - answered - unanswered, 1),
        unanswered_height=max(1.0, round(unanswered - gap, 1)) if unanswered else 0,
    )
