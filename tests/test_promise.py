"""Who is promised a call-back: when the line is closed, and from the menu."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decroche.agi import flow, promise
from decroche.agi.hunt import Hunt
from decroche.agi.line import Line, Who
from decroche.agi.message import turn_away
from decroche.agi.wait import Wait
from decroche.hotline import parse, prompt_texts
from decroche.records import dialplan, kinds
from decroche.records.events import MICRO, Event, now
from decroche.records.tokens import token

from .spy import Spy

HOTLINE = parse("""
[line]
name = "Entraide"
[hours]
monday = ["09:00-18:00"]
[menu]
default = "visio"
repeat = 1
choices = [{ key = "1", queue = "demarches", label = "Démarches" }]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
[callbacks]
menu = "9"
tries = 4
""")
KEY = "00" * 32
CALLER = token("+33655667788", KEY)
OPEN, CLOSED = datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 23, 20, tzinfo=UTC)
OPENS = datetime(2026, 11, 30, 8, tzinfo=UTC)  # the next Monday, 9:00 in Paris


async def take(channel: Spy, instant: datetime, broken: bool = False) -> tuple[str, list[Event]]:
    """Where the caller was led to (empty: the line ended the call), and what was written down."""
    written: list[Event] = []
    found = ""

    async def append(event: Event) -> None:
        if broken:
            await asyncio.Event().wait()
        written.append(event)

    async def seek(channel: object, line: Line, queue: str, who: Who) -> None:
        nonlocal found
        found = queue

    line = Line(HOTLINE, Path("/nowhere"), KEY, lambda name: False, append, lambda: instant)
    await flow.take(channel, line, seek, promise.promise, turn_away)
    return found, written


async def test_who_calls_a_closed_line_is_called_back_when_it_opens() -> None:
    channel = Spy([("callback-closed", "1")])
    found, (event,) = await take(channel, CLOSED)
    assert found == ""
    assert event.kind == kinds.PROMISED
    assert event.body["caller"] == CALLER
    assert (event.body["due"], event.body["queue"]) == (int(OPENS.timestamp()) * MICRO, "visio")
    assert channel.of("say") == [("say", "callback-closed"), ("say", "callback-promised")]
    assert channel.of("note")[-1] == ("note", kinds.DISMISSED, "callback-promised")
    assert channel.done[-2:] == [("set", dialplan.OK, "1"), ("settle",)]


@pytest.mark.parametrize("key", ["", "2"])
async def test_pressing_nothing_on_a_closed_line_says_so(key: str) -> None:
    channel = Spy([("callback-closed", key)])
    assert await take(channel, CLOSED) == ("", [])
    assert channel.of("say")[-1] == ("say", "closed")
    assert channel.of("note")[-1] == ("note", kinds.DISMISSED, "closed")


async def test_who_asks_in_the_menu_is_called_back_now() -> None:
    channel, before = Spy([("menu", "9")]), now()
    found, (event,) = await take(channel, OPEN)
    assert found == ""
    assert (event.body["queue"], event.body["tries"]) == ("visio", 4)
    assert before <= event.body["since"] <= event.body["due"] <= now()
    assert ("note", kinds.CHOSE, "9", "visio") in channel.done


async def test_who_knows_the_menu_need_not_hear_it() -> None:
    found, written = await take(Spy([("greeting", "9")]), OPEN)
    assert (found, len(written)) == ("", 1)


@pytest.mark.parametrize(
    "sender", ["<sip:anonymous@x>", "<sip:+12025550100@x>", "<sip:0899701234@x>"]
)
@pytest.mark.parametrize("instant", [OPEN, CLOSED])
async def test_who_cannot_be_called_is_promised_nothing(sender: str, instant: datetime) -> None:
    channel = Spy([("callback-closed", "1"), ("menu", "9")])
    channel.sender = sender
    found, written = await take(channel, instant)
    assert written == []
    assert ("say", "callback-closed") not in channel.done
    assert found == ("visio" if instant == OPEN else "")


async def test_what_cannot_be_written_down_is_not_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promise, "JOURNAL", 0.02)
    channel = Spy([("menu", "9")])
    assert await take(channel, OPEN, broken=True) == ("visio", [])
    assert ("say", "callback-failed") in channel.done
    assert ("say", "callback-promised") not in channel.done


@pytest.mark.parametrize("step", [-3600, 3600])
async def test_the_place_of_who_waited_is_kept_by_the_clock_of_the_record(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The machine's clock was set since the service started."""
    written: list[Event] = []

    async def append(event: Event) -> None:
        written.append(event)

    true = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true() + step * 10**9)
    line = Line(HOTLINE, Path("/nowhere"), KEY, lambda name: False, append, lambda: OPEN)
    channel, hunt = Spy([("callback-offer", "1")]), Hunt(HOTLINE.queues)
    wait = Wait(hunt, channel, line, "visio", Who(CALLER, True), lambda name: None)
    await wait.run()
    (event,) = written
    assert abs(event.body["due"] - event.body["since"]) < 60 * MICRO


def test_the_menu_says_the_key() -> None:
    assert "rappelé plus tard : tapez 9" in prompt_texts(HOTLINE)["menu"]
    assert "callback-offer" in prompt_texts(HOTLINE)


def test_a_line_without_call_backs_says_nothing_of_them() -> None:
    text = """
    [line]
    name = "Entraide"
    [menu]
    default = "visio"
    [queues.visio]
    label = "Visio"
    """
    assert not [name for name in prompt_texts(parse(text)) if name.startswith("callback")]
