"""Charts of the figures as numbers: where each bar stands in a picture WIDTH units wide.

Columns stand for what has an order (hours, days), bars for what has names (queues, topics).
Vertical units count downwards, as SVG's do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .chart import GAP, HEIGHT, WIDTH

LABELS = 8  # written below the columns, at most
ROW = 34  # units of a name and its bar


@dataclass(frozen=True)
class Count:
    """What a bar stands for; ``tip`` says it in full to who points at it."""

    name: str
    answered: int
    unanswered: int
    tip: str = ""


@dataclass(frozen=True)
class Column:
    tip: str
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
    tip: str
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
    unit = HEIGHT / _most(counts)
    every = -(-len(counts) // LABELS) or 1
    drawn = tuple(_column(count, at * place, unit) for at, count in enumerate(counts))
    labels = [(round(at * place, 1), count.name) for at, count in enumerate(counts)]
    return Columns(drawn, round(place * (1 - GAP), 1), tuple(labels[::every]))


def bars(counts: Sequence[Count]) -> Bars:
    """One bar for each count, the longest as long as the picture."""
    unit = WIDTH / _most(counts)
    drawn = tuple(
        Bar(
            name=count.name,
            tip=count.tip,
            y=at * ROW,
            answered=round(count.answered * unit, 1),
            unanswered=round(count.unanswered * unit, 1),
        )
        for at, count in enumerate(counts)
    )
    return Bars(drawn, len(drawn) * ROW)


def _most(counts: Sequence[Count]) -> int:
    """What fills the picture: a few calls alone do not."""
    return max(4, *(count.answered + count.unanswered for count in counts), 4)


def _column(count: Count, x: float, unit: float) -> Column:
    answered, unanswered = count.answered * unit, count.unanswered * unit
    gap = 2 if answered and unanswered else 0
    return Column(
        tip=count.tip,
        x=round(x, 1),
        answered_y=round(HEIGHT - answered, 1),
        answered_height=round(answered, 1),
        unanswered_y=round(HEIGHT - answered - unanswered, 1),
        unanswered_height=max(1.0, round(unanswered - gap, 1)) if unanswered else 0,
    )
