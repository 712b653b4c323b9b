"""The story of a call by value: a channel that notes what is done to it, and no Asterisk."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decroche.agi import flow, presence
from decroche.agi.channel import HungUp
from decroche.agi.line import Line, Who
from decroche.agi.message import turn_away
from decroche.agi.promise import promise
from decroche.hotline import parse
from decroche.records import dialplan, kinds
from decroche.records.events import Event
from decroche.records.tokens import token

from .spy import Spy

HOTLINE = parse("""
[line]
name = "Entraide"
[hours]
monday = ["09:00-18:00"]
[menu]
default = "visio"
repeat = 2
choices = [
    { key = "1", queue = "demarches", label = "Démarches" },
    { key = "*", queue = "visio", label = "Visio" },
]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
[prompts]
information = "Il neige."
""")
KEY = "00" * 32
OPEN, CLOSED = datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 23, 20, tzinfo=UTC)


def line_at(
    instant: datetime,
    append: Callable[[Event], object] = lambda event: None,
    sounds: Path = Path("/nowhere"),
) -> Line:
    async def appended(event: Event) -> None:
        found = append(event)
        if asyncio.iscoroutine(found):
            await found

    return Line(HOTLINE, sounds, KEY, lambda name: name == "ana", appended, lambda: instant)


async def take(channel: Spy, instant: datetime = OPEN, sounds: Path = Path("/nowhere")) -> str:
    """The queue that the caller was led to; empty when the line itself ended the call."""
    found = ""

    async def seek(channel: object, line: Line, queue: str, who: Who) -> None:
        nonlocal found
        found = queue

    await flow.take(channel, line_at(instant, sounds=sounds), seek, promise, turn_away)
    return found


async def test_a_closed_line_says_so_and_leads_nowhere() -> None:
    channel = Spy()
    assert await take(channel, CLOSED) == ""
    assert channel.of("say") == [("say", "closed")]
    assert ("note", kinds.DISMISSED, "closed") in channel.done
    assert channel.done[-2:] == [("set", dialplan.OK, "1"), ("settle",)]


async def test_an_open_line_greets_and_asks() -> None:
    channel = Spy([("menu", "1")])
    assert await take(channel) == "demarches"
    assert channel.of("say") == [("say", "greeting"), ("say", "information"), ("say", "menu")]
    caller = token("+33655667788", KEY)
    assert channel.of("note") == [
        ("note", kinds.KNOWN, caller),
        ("note", kinds.ASKED),
        ("note", kinds.CHOSE, "1", "demarches"),
    ]
    # The fallback knows where to go on; the token comes only with a good end.
    assert channel.of("set") == [("set", dialplan.QUEUE, "demarches")]
    assert "655667788" not in str(channel.done)


async def test_every_moment_is_under_a_lease_that_outlives_it_by_little(
    tmp_path: Path,
) -> None:
    """Asterisk takes the call back in time, whenever the service freezes."""
    lengths = {"greeting": 3, "information": 30, "menu": 12}
    for prompt, seconds in lengths.items():
        (tmp_path / f"{prompt}.alaw").write_bytes(bytes(8_000 * seconds))
        (tmp_path / f"{prompt}.sln16").write_bytes(bytes(32_000 * seconds))
    channel = Spy()
    await take(channel, sounds=tmp_path)
    assert "say" not in [step[0] for step in channel.done][:3]  # the dialplan's own lease holds
    lengths["menu"] += 5  # the patience of the menu
    lease = 0
    for step in channel.done:
        if step[0] == "lease":
            lease = int(step[1])
        elif step[0] == "say":
            assert lengths[step[1]] < lease <= lengths[step[1]] + 6


@pytest.mark.parametrize("wrong", range(5))
async def test_pressing_nothing_or_nonsense_leads_to_a_human(wrong: int) -> None:
    """A wrong key is forgiven three times, with a word; two silences are enough."""
    channel = Spy([("menu", "7")] * wrong)
    assert await take(channel) == "visio"
    forgiven = min(wrong, flow.FORGIVEN)
    assert channel.of("say").count(("say", "wrong-key")) == forgiven
    assert channel.of("say").count(("say", "menu")) == (3 if wrong >= 3 else forgiven + 2)
    assert not [step for step in channel.done if kinds.CHOSE in step]


async def test_who_presses_nothing_hears_the_menu_as_often_as_the_admin_says_and_no_more() -> None:
    """Whoever cannot press a key (a rotary phone) waits for no other reason."""
    channel = Spy()
    await take(channel)
    assert channel.of("say")[-2:] == [("say", "menu")] * HOTLINE.menu.repeat


@pytest.mark.parametrize("prompt", ["greeting", "information", "menu", "wrong-key"])
async def test_zero_leads_to_a_human_at_once(prompt: str) -> None:
    channel = Spy([("menu", "7"), (prompt, "0")] if prompt == "wrong-key" else [(prompt, "0")])
    assert await take(channel) == "visio"
    assert channel.of("say")[-1] == ("say", prompt)
    assert ("note", kinds.CHOSE, "0", "visio") in channel.done


async def test_a_second_try_counts() -> None:
    channel = Spy([("menu", "7"), ("menu", "*")])
    assert await take(channel) == "visio"
    assert ("note", kinds.CHOSE, "*", "visio") in channel.done


@pytest.mark.parametrize("prompt", ["greeting", "information"])
async def test_a_caller_who_knows_the_menu_need_not_hear_it(prompt: str) -> None:
    channel = Spy([(prompt, "1")])
    assert await take(channel) == "demarches"
    assert channel.of("say")[-1] == ("say", prompt)
    assert ("note", kinds.CHOSE, "1", "demarches") in channel.done


async def test_a_withheld_number_is_no_token() -> None:
    channel = Spy()
    channel.sender = "<sip:anonymous@anonymous.invalid>"
    await take(channel)
    assert channel.of("note")[0] == ("note", kinds.KNOWN)


@pytest.mark.parametrize("moment", ["greeting", "information", "menu"])
async def test_a_hangup_ends_the_flow_without_the_token(moment: str) -> None:
    channel = Spy(gone_at=moment)
    with pytest.raises(HungUp):
        await take(channel)
    assert channel.of("set") == []


# Presence by phone.


@pytest.mark.parametrize("state", ["available", "paused", "away"])
async def test_presence_is_written_before_it_is_said(state: str) -> None:
    channel, written = Spy(), list[Event]()
    await presence.declare(channel, line_at(OPEN, written.append), state)
    (event,) = written
    assert (kinds.PRESENCE[event.kind], event.actor) == (state, "ana")
    assert channel.of("say") == [("say", state)]
    assert channel.done[-2:] == [("set", dialplan.OK, "1"), ("settle",)]


async def test_a_phone_of_nobody_is_told_that_it_failed() -> None:
    channel, written = Spy(), list[Event]()
    channel.endpoint = "stranger"
    await presence.declare(channel, line_at(OPEN, written.append), "available")
    assert written == []
    assert channel.of("say") == [("say", "failed")]


async def test_an_agent_hears_what_they_should_know() -> None:
    channel, line = Spy(), line_at(OPEN)
    line.notices = lambda agent: ["missed-pause", "quota"]
    await presence.declare(channel, line, "available")
    said = [step[1] for step in channel.done if step[0] == "say"]
    assert said == ["available", "missed-pause", "quota"]
    channel = Spy()
    await presence.declare(channel, line, "paused")
    assert [step[1] for step in channel.done if step[0] == "say"] == ["paused"]


async def test_a_database_that_hangs_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "JOURNAL", 0.02)

    async def never(event: Event) -> None:
        await asyncio.Event().wait()

    channel = Spy()
    await presence.declare(channel, line_at(OPEN, never), "available")
    assert channel.of("say") == [("say", "failed")]


async def test_a_state_that_nobody_can_be_in_is_refused() -> None:
    with pytest.raises(KeyError):
        await presence.declare(Spy(), line_at(OPEN), "asleep")
