"""When calls came and how long they were, by Asterisk and by SIPp, to compare the record with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from .live import LiveLine
from .sip import Process

CLOSE = 0.2  # seconds


def check_lengths(rows: Iterable[Mapping[str, Any]], callers: Sequence[Process]) -> None:
    """Fail unless the rows of calls have the lengths that the callers saw.

    A call begins for Asterisk between the INVITE that a caller sends and the answer that reaches
    him: on a busy machine these may be far apart. Which row is whose call does not matter: what
    lies within its bounds one by one does so in order of size.
    """
    recorded = sorted((row["ended"] - row["arrived"]) / 1e6 for row in rows)
    began: dict[str, float] = {}
    answered: dict[str, float] = {}
    ended: dict[str, float] = {}
    for caller in callers:
        for message in caller.messages():
            if message.method == "INVITE" and message.way == "sent":
                began.setdefault(message.call, message.at)
            elif message.method == "INVITE" and message.first.startswith("SIP/2.0 200"):
                answered.setdefault(message.call, message.at)
            elif message.first.startswith("BYE"):
                ended.setdefault(message.call, message.at)
    least = sorted(ended[call] - answered[call] for call in began)
    most = sorted(ended[call] - began[call] for call in began)
    wrong = [
        f"{one:.3f} s, not {low:.3f} to {high:.3f}"
        for low, one, high in zip(least, recorded, most, strict=True)
        if not low - CLOSE <= one <= high + CLOSE
    ]
    assert not wrong, "\n".join(wrong)


def check_arrivals(line: LiveLine) -> None:
    """Fail unless every call of the record came when Asterisk made its channel."""
    began = {
        row["uniqueid"]: float(row["eventtime"])
        for row in line.cel("SELECT * FROM cel WHERE eventtype = 'CHAN_START'")
    }
    rows = line.calls()
    recorded = {row["call"]: row["arrived"] / 1e6 for row in rows}
    truth = {row["call"]: began[row["call"]] for row in rows}
    assert recorded == pytest.approx(truth, abs=CLOSE)
