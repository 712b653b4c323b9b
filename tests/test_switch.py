"""The switch by value: written down once, folded, ended, told to Asterisk, and what is refused."""

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk import prompts, said
from decroche.hotline import parse
from decroche.records import kinds, purge, switch, switched
from decroche.records.clocks import AUDIT, DAY
from decroche.records.events import MICRO, Event, instant, now
from decroche.records.folder import Folder
from decroche.records.opening import (
    AUTO,
    CLOSED,
    OPEN,
    SHORT,
    Opening,
    Switch,
    Switches,
    as_instant,
)
from decroche.records.rebuild import projections, rebuild
from decroche.records.schema import prepare, reader
from decroche.records.store import Store, read
from decroche.records.switch import SwitchError

LINE = parse("""[line]
name = "Entraide"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
""")
HOUR = 3600 * MICRO


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "decroche.db"
    prepare(path)
    return path


def events(path: Path) -> list[Event]:
    with closing(reader(path)) as connection:
        return list(read(connection))


def test_it_stands_in_the_journal_and_in_its_table(path: Path) -> None:
    until = now() + HOUR
    how = {"text": "Demain.", "sound": "said/ab", "queue": "visio"}
    event = switch.throw(path, LINE, CLOSED, "Camille", until=until, clears=True, **how)
    (found,) = events(path)
    assert (found.kind, found.actor, found.at) == (kinds.LINE_CLOSED, "Camille", event.at)
    assert found.body == how | {"until": until, "clears": True}
    thrown = Switch(CLOSED, event.at, until, "Demain.", "said/ab", "Camille", True, 0)
    assert switch.read_from(path) == {"visio": thrown}


def test_a_follower_and_a_rebuild_know_the_same(path: Path) -> None:
    wishes = ((CLOSED, ""), (SHORT, "visio"), (AUTO, ""), (OPEN, "visio"), (SHORT, ""))
    for state, queue in wishes:
        switch.throw(path, LINE, state, "a", until=now() + HOUR, queue=queue)
    followed: Switches = {}
    for event in events(path):
        followed = switched.after(followed, event)
    assert followed == switch.read_from(path)
    before = projections(path)
    rebuild(path)
    assert projections(path) == before


def test_what_was_said_last_counts_even_when_the_clock_was_set_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    switch.throw(path, LINE, CLOSED, "a", until=at + HOUR, queue="visio")
    monkeypatch.setattr(switch, "now", lambda: at - HOUR)
    later = switch.throw(path, LINE, OPEN, "a", until=at + HOUR)
    assert Opening(LINE, switch.read_from(path)).state(later.at, "visio") == OPEN


def test_the_lines_auto_ends_all_for_good_and_a_closure_of_the_line_ends_nothing(
    path: Path,
) -> None:
    at = now()
    switch.throw(path, LINE, CLOSED, "a", until=at + 3 * HOUR, queue="visio")
    switch.throw(path, LINE, SHORT, "a", until=at + HOUR)
    assert Opening(LINE, switch.read_from(path)).state(at + 2 * HOUR, "visio") == CLOSED
    switch.throw(path, LINE, AUTO, "a")
    switch.throw(path, LINE, SHORT, "a", until=at + HOUR)
    opening = Opening(LINE, switch.read_from(path))
    assert opening.state(at + HOUR // 2, "visio") == SHORT
    assert opening.state(at + 2 * HOUR, "visio") == OPEN


@pytest.mark.parametrize(
    ("how", "about", "told"),
    [
        ({"queue": "gone"}, "queue", "there are: demarches, visio"),
        ({"text": "a" * 401}, "text", "at most 400"),
        ({"text": "a\x00b"}, "text", "printable"),
        ({"text": "a\nb"}, "text", "printable"),
        ({"until": 5}, "until", "has passed"),
        ({"until": 1 << 61}, "until", "[hours]"),
    ],
)
def test_what_makes_no_sense_is_refused(
    path: Path, how: dict[str, object], about: str, told: str
) -> None:
    wish: dict[str, object] = {"until": now() + HOUR} | how
    with pytest.raises(SwitchError) as refused:
        switch.throw(path, LINE, CLOSED, "a", **wish)  # type: ignore[arg-type]
    assert refused.value.about == about and told in str(refused.value)
    assert events(path) == []


PARIS = parse('[line]\nname = "P"\n[menu]\ndefault = "q"\n[queues.q]\nlabel = "Q"\n')


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("14:00", "2026-11-25T09:00", "2026-11-25T13:00"),
        ("9:30", "2026-11-25T07:00", "2026-11-25T08:30"),
        ("24:00", "2026-11-25T07:00", "2026-11-25T23:00"),
        ("", "2026-11-25T07:00", "2026-11-25T23:00"),
        ("", "2026-11-25T23:30", "2026-11-26T23:00"),  # it is past midnight in Paris
        ("2026-11-27", "2026-11-25T07:00", "2026-11-27T23:00"),
        ("2026-11-27 08:00", "2026-11-25T07:00", "2026-11-27T07:00"),
        ("14:00", "2026-07-01T09:00", "2026-07-01T12:00"),
        ("", "2026-10-25T00:30", "2026-10-25T23:00"),  # a day of 25 hours
        ("02:30", "2026-10-24T23:30", "2026-10-25T00:30"),  # of two, the first
        ("02:30", "2026-03-29T00:30", "2026-03-29T01:30"),  # it is left out: 03:30
    ],
)
def test_an_end_is_read_as_people_write_it(text: str, at: str, expected: str) -> None:
    here = as_instant(datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert f"{instant(switch.moment(text, PARIS, here)):%Y-%m-%dT%H:%M}" == expected


@pytest.mark.parametrize("text", ["14h", "25:00", "tomorrow", "2026-13-01", "14:00:99", "1 2 3"])
def test_an_end_that_cannot_be_read_says_how_to_write_it(text: str) -> None:
    with pytest.raises(SwitchError, match='write "14:00"'):
        switch.moment(text, PARIS, now())


# What Asterisk is told.


def decide(words: str, at: int) -> str:
    """As extensions.conf.j2 does it, on its own clock of whole seconds."""
    parts = words.split(":")
    for _ in range(2):
        if at // MICRO >= int("0" + "".join(parts[1:2])):
            parts = parts[3:]
    return "".join(parts[:1]) if at // MICRO < int("0" + "".join(parts[1:2])) else ""


switches = st.dictionaries(
    st.sampled_from(["", "visio"]),
    st.builds(
        lambda state, since, length: Switch(
            state,
            since * MICRO,
            switched.FOR_GOOD if state == AUTO else (since + length) * MICRO,
        ),
        st.sampled_from([OPEN, SHORT, CLOSED, AUTO]),
        st.integers(1, 20),
        st.integers(1, 40),
    ),
)


@given(switches, st.sampled_from(["demarches", "visio"]))
def test_asterisk_alone_decides_as_we_do(thrown: dict[str, Switch], queue: str) -> None:
    """From the moment at which all of them are thrown."""
    opening = Opening(LINE, thrown)
    begin = max((one.since for one in thrown.values()), default=MICRO)
    words = switched.held(opening, begin)[queue]
    for at in range(begin, begin + 80 * MICRO, MICRO):
        found = opening.switch(at, queue)
        assert decide(words, at) == (found.state if found else ""), at


def test_a_sentence_that_goes_with_it_is_told_too() -> None:
    thrown = {"": Switch(CLOSED, 5 * MICRO, 9 * MICRO, "Demain.", "said/ab")}
    assert switched.held(Opening(LINE, thrown), 6 * MICRO)["visio"] == "closed:9:said/ab:"
    assert switched.held(Opening(LINE, thrown), 9 * MICRO)["visio"] == ""


def test_what_is_over_is_no_difference() -> None:
    words = "closed:9:said/ab:open:20::"
    found = [switched.lasting(words, at * MICRO) for at in (8, 9, 19, 20)]
    assert found == [words, "open:20::", "open:20::", ""]
    assert switched.lasting("", 5) == ""


# Its sentence, and its clock.


def test_without_an_engine_there_is_no_sentence(path: Path) -> None:
    assert said.speak(Folder(path.parent), None, "Demain.", "fr") == ""


@pytest.fixture
def spoken(path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder in which an engine can speak."""

    def draft(release: object, into: Path, name: str, text: str, language: str) -> bool:
        (into / f"{name}.alaw").write_bytes(b"x" * 8000)
        return True

    monkeypatch.setattr(prompts, "draft", draft)
    return Folder(path.parent)


def speak(folder: Folder, text: str) -> Path:
    """The sound of a sentence."""
    sound = said.speak(folder, object(), text, "fr")  # type: ignore[arg-type]
    return folder.prompts / f"{sound}.alaw"


def long_ago(sound: Path) -> None:
    os.utime(sound, (1, 1))


def test_sentences_of_switches_that_are_over_are_deleted(spoken: Folder) -> None:
    over, thrown = speak(spoken, "a"), speak(spoken, "b")
    sound = f"said/{thrown.stem}"
    switch.throw(spoken.database, LINE, CLOSED, "a", until=now() + HOUR, sound=sound)
    long_ago(over)
    long_ago(thrown)
    kept = speak(spoken, "c")
    assert set(thrown.parent.iterdir()) == {thrown, kept}


def test_the_sentence_of_a_switch_that_is_being_thrown_stays(spoken: Folder) -> None:
    first = speak(spoken, "a")
    long_ago(first)
    assert speak(spoken, "a") == first  # said again, and not yet written down
    speak(spoken, "b")  # by somebody else, meanwhile
    assert first.exists()


def test_its_events_go_after_their_clock(path: Path) -> None:
    old = now() - (AUDIT + 1) * DAY
    body = {"until": old + HOUR, "text": "Fermé."}
    store = Store(path)
    store.append([Event(id="line:x", at=old, kind=kinds.LINE_CLOSED, actor="Camille", body=body)])
    store.close()
    purge.purge(path, now(), LINE.zone)
    assert "line.closed" not in [event.kind for event in events(path)]
    assert switch.read_from(path) == {}
