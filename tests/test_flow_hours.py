"""What a caller hears of hours and of the switch: by value, with a channel that notes it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decroche.agi import flow
from decroche.agi.line import Line, Who
from decroche.agi.message import turn_away
from decroche.agi.promise import promise
from decroche.hotline import parse
from decroche.records import dialplan, kinds
from decroche.records.events import MICRO, Event
from decroche.records.folder import Folder
from decroche.records.opening import AUTO, CLOSED, OPEN, SHORT, Switch, as_instant

from .spy import Spy

LINE = """
[line]
name = "Entraide"
[hours]
monday = ["09:00-18:00"]
[menu]
default = "demarches"
repeat = 1
choices = [
    { key = "1", queue = "demarches", label = "Démarches" },
    { key = "2", queue = "visio", label = "Visio" },
]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
[queues.visio.hours]
monday = ["14:00-20:00"]
[prompts]
information = ""
"""
CALLBACKS = '[callbacks]\nprefixes = ["+33"]\n'
VOICEMAIL = "[voicemail]\n"
MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday, 10:00 in Paris
EVENING = datetime(2026, 11, 23, 18, tzinfo=UTC)  # 19:00: visio alone is open
NIGHT = datetime(2026, 11, 23, 22, tzinfo=UTC)
LATER = as_instant(datetime(2026, 11, 24, tzinfo=UTC))
SAID = "said/0123456789abcdef"


def thrown(state: str, sound: str = "", since: datetime = MORNING) -> Switch:
    return Switch(state, as_instant(since) - MICRO, LATER, "Oui.", sound)


class Met:
    """Where a caller was led to, and what was written down on the way."""

    def __init__(self, channel: Spy) -> None:
        self.channel = channel
        self.queue = ""
        self.written: list[Event] = []

    @property
    def heard(self) -> list[str]:
        return [step[1] for step in self.channel.of("say")]

    @property
    def outcomes(self) -> list[str]:
        notes = self.channel.of("note")
        return [step[2] for step in notes if step[1] == kinds.DISMISSED]


async def call(
    tmp_path: Path,
    at: datetime,
    channel: Spy,
    tables: str = "",
    switches: Mapping[str, Switch] | None = None,
) -> Met:
    met = Met(channel)
    (tmp_path / "said").mkdir(exist_ok=True)
    (tmp_path / f"{SAID}.alaw").write_bytes(bytes(16_000))

    async def append(event: Event) -> None:
        met.written.append(event)

    async def seek(channel: object, line: Line, queue: str, who: Who) -> None:
        met.queue = queue

    made = (parse(LINE + tables), tmp_path, "00" * 32, lambda name: False, append, lambda: at)
    line = Line(*made, switches=switches or {}, folder=Folder(tmp_path))
    await flow.take(channel, line, seek, promise, turn_away)
    return met


# Hours.


async def test_whoever_presses_nothing_reaches_the_queue_that_is_open(tmp_path: Path) -> None:
    assert (await call(tmp_path, MORNING, Spy())).queue == "demarches"
    assert (await call(tmp_path, EVENING, Spy())).queue == "visio"
    night = await call(tmp_path, NIGHT, Spy())
    assert (night.queue, night.heard, night.outcomes) == ("", ["closed"], ["closed"])


async def test_zero_leads_to_the_queue_that_is_open(tmp_path: Path) -> None:
    assert (await call(tmp_path, EVENING, Spy([("menu", "0")]))).queue == "visio"


async def test_whoever_chooses_a_queue_that_is_closed_is_told_so(tmp_path: Path) -> None:
    met = await call(tmp_path, MORNING, Spy([("menu", "2")]))
    assert met.queue == "" and met.outcomes == ["closed"]
    assert met.heard == ["greeting", "menu", "queue-closed"]
    # The fallback is told of no queue that is closed: it would ring there.
    assert not [step for step in met.channel.of("set") if step[1] == dialplan.QUEUE]


async def test_and_is_called_back_when_that_queue_opens(tmp_path: Path) -> None:
    presses = Spy([("menu", "2"), ("callback-later", "1")])
    met = await call(tmp_path, MORNING, presses, CALLBACKS)
    (event,) = met.written
    opens = as_instant(datetime(2026, 11, 23, 13, tzinfo=UTC))
    assert (event.body["queue"], event.body["due"]) == ("visio", opens)
    assert met.heard[2:] == ["queue-closed", "callback-later", "callback-promised"]


async def test_or_leaves_a_message(tmp_path: Path) -> None:
    met = await call(tmp_path, MORNING, Spy([("menu", "2")]), VOICEMAIL)
    assert met.heard[2:] == ["queue-closed", "voicemail-later", "voicemail-noted"]
    assert met.channel.of("record")


async def test_both_offers_say_once_why(tmp_path: Path) -> None:
    met = await call(tmp_path, MORNING, Spy([("menu", "2")]), CALLBACKS + VOICEMAIL)
    assert met.heard[2:] == [
        "queue-closed",
        "callback-later",
        "voicemail-later",
        "voicemail-noted",
    ]


# The switch.


async def test_what_is_said_is_heard_instead_of_the_usual_sentence(tmp_path: Path) -> None:
    met = await call(tmp_path, MORNING, Spy(), switches={"": thrown(CLOSED, SAID)})
    assert (met.heard, met.outcomes) == ([SAID], ["closed"])
    offered = await call(tmp_path, MORNING, Spy(), CALLBACKS, {"": thrown(CLOSED, SAID)})
    assert offered.heard == [SAID, "callback-later", SAID]


@pytest.mark.parametrize("sound", ["", "said/gone"])
async def test_without_a_sound_the_usual_sentence_is_said(tmp_path: Path, sound: str) -> None:
    met = await call(tmp_path, MORNING, Spy(), switches={"": thrown(CLOSED, sound)})
    assert met.heard == ["closed"]


async def test_each_sentence_has_a_lease_of_its_length(tmp_path: Path) -> None:
    met = await call(tmp_path, MORNING, Spy(), switches={"": thrown(CLOSED, SAID)})
    at = met.channel.done.index(("say", SAID))
    assert met.channel.done[at - 1] == ("lease", str(2 + 1 + flow.MARGIN))


async def test_it_opens_at_night(tmp_path: Path) -> None:
    switches = {"": thrown(OPEN, since=NIGHT)}
    assert (await call(tmp_path, NIGHT, Spy(), switches=switches)).queue == "demarches"


@pytest.mark.parametrize(
    ("tables", "sender", "key", "heard"),
    [
        (CALLBACKS, "", "", ["short", "callback-short"]),
        (CALLBACKS + VOICEMAIL, "", "", ["short", "callback-short"]),
        (VOICEMAIL, "", "", ["short", "voicemail-short"]),
        (CALLBACKS + VOICEMAIL, "anonymous", "", ["short", "voicemail-short"]),
        (CALLBACKS, "anonymous", "", ["short"]),  # nothing can be offered
        ("", "", "", ["short"]),
        (VOICEMAIL + "unanswered = false\n", "", "", ["short"]),
    ],
)
async def test_short_of_staff_nothing_must_be_pressed(
    tmp_path: Path, tables: str, sender: str, key: str, heard: list[str]
) -> None:
    channel = Spy()
    if sender:
        channel.sender = "<sip:anonymous@anonymous.invalid>"
    met = await call(tmp_path, MORNING, channel, tables, {"": thrown(SHORT)})
    assert met.heard[2:] == heard
    assert (met.queue, met.outcomes) == ("demarches", [])


async def test_short_of_staff_the_number_is_left_before_any_wait(tmp_path: Path) -> None:
    channel = Spy([("menu", "1"), ("callback-short", "1")])
    met = await call(tmp_path, MORNING, channel, CALLBACKS, {"": thrown(SHORT, SAID)})
    assert met.heard[2:] == [SAID, "callback-short", "callback-promised"]
    (event,) = met.written
    assert event.kind == kinds.PROMISED and event.body["queue"] == "demarches"
    assert (met.queue, met.outcomes) == ("", ["callback-promised"])


async def test_short_of_staff_one_whose_number_is_withheld_leaves_a_message(tmp_path: Path) -> None:
    channel = Spy([("voicemail-short", "1")])
    met = await call(tmp_path, MORNING, channel, VOICEMAIL, {"": thrown(SHORT)})
    assert met.heard[2:] == ["short", "voicemail-short", "voicemail-nobody", "voicemail-noted"]
    assert met.queue == ""


async def test_short_of_staff_says_nothing_while_the_line_is_closed(tmp_path: Path) -> None:
    met = await call(tmp_path, NIGHT, Spy(), switches={"": thrown(SHORT, SAID)})
    assert (met.queue, met.heard) == ("", ["closed"])


async def test_one_queue_alone(tmp_path: Path) -> None:
    switches = {"demarches": thrown(CLOSED, SAID)}
    chose = await call(tmp_path, MORNING, Spy([("menu", "1")]), switches=switches)
    assert (chose.queue, chose.heard) == ("", [SAID])  # no queue is open at all
    opened = switches | {"visio": thrown(OPEN)}
    assert (await call(tmp_path, MORNING, Spy(), switches=opened)).queue == "visio"


async def test_what_is_over_says_nothing(tmp_path: Path) -> None:
    old = Switch(CLOSED, 0, as_instant(MORNING), "Oui.", SAID)
    for switches in ({"": old}, {"": thrown(AUTO)}):
        assert (await call(tmp_path, MORNING, Spy(), switches=switches)).queue == "demarches"


async def test_what_held_at_the_arrival_holds_for_the_whole_call(tmp_path: Path) -> None:
    """The clock strikes, and somebody throws the switch, while the menu is said."""
    moments = iter([MORNING, NIGHT, NIGHT, NIGHT, NIGHT])
    line = Line(
        parse(LINE), tmp_path, "00" * 32, lambda name: False, nothing, lambda: next(moments, NIGHT)
    )
    led: list[str] = []

    class Slow(Spy):
        async def ask(self, prompt: str, patience: float) -> str:
            line.turn({"": thrown(CLOSED)})
            return await super().ask(prompt, patience)

    async def seek(channel: object, line: Line, queue: str, who: Who) -> None:
        led.append(queue)

    await flow.take(Slow(), line, seek, promise, turn_away)
    assert led == ["demarches"]


async def nothing(event: Event) -> None:
    """Nobody writes it down."""
