"""Recordings from files: of any kind and rate, from hostile hands; all of a folder or none."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decroche.asterisk import levels, line, prompts, studio
from decroche.asterisk.release import Release
from decroche.asterisk.sentences import name_of
from decroche.asterisk.takes import shown
from decroche.cli import main
from decroche.hotline import load, prompt_numbers
from decroche.records import kinds, recordings
from decroche.records.folder import Folder
from decroche.records.recordings import SoundError

from .live import query
from .voices import spoken

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def drafted(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The example line with its drafts, and nothing of Asterisk running."""
    folder = Folder(tmp_path_factory.mktemp("line"))
    line.create(folder, CHECKOUT / "configs")
    assert prompts.refresh(release, folder, load(folder.hotline)) == []
    return folder


@pytest.fixture
def run(drafted: Folder) -> Callable[..., Result]:
    def command(*words: str) -> Result:
        arguments = ["--dir", str(drafted.root), "prompt", *words]
        return CliRunner().invoke(main, arguments, prog_name="decroche")

    return command


def converted(release: Release, source: Path, target: Path) -> Path:
    studio.run(release, "sox", str(source), str(target))
    return target


KINDS = ("wav", "flac", "ogg", "mp3", "aiff", "au")
FILES = [(kind, rate, channels) for kind in KINDS for rate, channels in ((44_100, 2), (8_000, 1))]


@pytest.mark.parametrize(("kind", "rate", "channels"), [*FILES, ("wav", 96_000, 1)])
def test_every_kind_becomes_the_same_sentence(
    release: Release, tmp_path: Path, kind: str, rate: int, channels: int
) -> None:
    source = spoken(tmp_path / "in.wav", 1.5, rate, channels)
    source = source if kind == "wav" else converted(release, source, tmp_path / f"in.{kind}")
    take = studio.make(release, source, tmp_path, "made")
    assert take.seconds == pytest.approx(1.5 + 0.3, abs=0.2)  # without the silences around it
    for path in take.files:
        samples, per_second = levels.read(path) or pytest.fail("no samples")
        level = levels.measure(samples, per_second)
        assert level.seconds == pytest.approx(take.seconds, abs=0.02)
        assert level.voice == pytest.approx(studio.LOUD, abs=2)
        assert level.clipped == 0


@pytest.mark.parametrize("peak", [0.02, 0.9])
def test_a_whisper_and_a_shout_are_alike(release: Release, tmp_path: Path, peak: float) -> None:
    source = spoken(tmp_path / "in.wav", peak=peak)
    take = studio.make(release, source, tmp_path, "made")
    samples, rate = levels.read(take.files[1]) or pytest.fail("no samples")
    assert levels.measure(samples, rate).voice == pytest.approx(studio.LOUD, abs=2)


def silent(path: Path) -> None:
    spoken(path, peak=0.0)


def long(path: Path) -> None:
    spoken(path, 125, 8000, 1)


def huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.write(b"RIFF")
        file.truncate(studio.LARGEST + 1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(b"#!/bin/sh\necho hello\n"), "cannot be read"),
        (lambda path: path.write_bytes(b"RIFF" + bytes(400)), "cannot be read"),
        (lambda path: path.write_bytes(b"fLaC" + os.urandom(4000)), "cannot be read"),
        (lambda path: path.write_bytes(b"ID3" + bytes(4000)), "cannot be read|nothing to be heard"),
        (lambda path: path.mkdir(), "not a file"),
        (os.mkfifo, "not a file"),
        (lambda path: path.symlink_to("/nowhere"), "not a file"),
        (silent, "nothing to be heard"),
        (long, "shorten it"),
        (huge, "larger than 64 MB"),
    ],
)
def test_what_is_no_sentence_is_refused(
    release: Release, tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    source = tmp_path / "greeting.wav"
    make(source)
    with pytest.raises(SoundError, match=reason):
        studio.make(release, source, tmp_path, "made")


@given(data=st.binary(max_size=600), sign=st.sampled_from(sorted(studio.MAGIC)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_is_worse_than_refused(
    release: Release, tmp_path: Path, data: bytes, sign: bytes
) -> None:
    source = tmp_path / "in"
    source.write_bytes(sign + data)
    try:
        take = studio.make(release, source, tmp_path, "made")
    except SoundError:
        return
    assert 0 < take.seconds <= studio.LONGEST + 1


# Names.

ODD = [
    "-", "-n", "|id", "|touch owned", "*.wav", "a b", "é", "greeting;id", "$(id)", "`id`", "'", '"',
    "\x1b[31mred", "a\nb", "\u202egpj", "..", ".greeting", "x" * 200, "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_file_may_have_any_name(
    run: Callable[..., Result], drafted: Folder, tmp_path: Path, name: str
) -> None:
    """It is taken with --as, and runs nothing; by itself it is no sentence."""
    source = spoken(tmp_path / f"{name}.wav", rate=8000)
    before = sorted(path.name for path in drafted.prompts.iterdir())
    refused = run("import", str(source))
    assert refused.exit_code == 1
    assert "there is no sentence" in refused.output
    assert not [sign for sign in refused.output if sign != "\n" and not sign.isprintable()]
    taken = run("import", "--as", "still", str(source))
    assert taken.exit_code == 0, taken.output
    after = {path.name for path in drafted.prompts.iterdir()}
    assert after - set(before) <= {".before-still", "recordings.json"}
    assert not list(CHECKOUT.glob("owned*"))


@given(st.text(max_size=60))
def test_a_word_is_a_sentence_or_refused(word: str) -> None:
    try:
        name = name_of(word)
    except SoundError as error:
        assert str(error).isprintable()
    else:
        assert name in prompt_numbers()


@given(st.text(max_size=60))
def test_what_is_shown_of_a_name_cannot_move_the_cursor(text: str) -> None:
    assert shown(text).isprintable()


def test_a_sentence_is_known_by_name_number_and_code() -> None:
    assert {name_of(word) for word in ("greeting", "Greeting", "10", "*1510")} == {"greeting"}


# The command.


def test_it_takes_all_of_a_folder_and_the_journal_says_so(
    run: Callable[..., Result], drafted: Folder, tmp_path: Path
) -> None:
    spoken(tmp_path / "greeting.wav", rate=16_000)
    spoken(tmp_path / "20.wav", rate=8000)
    (tmp_path / ".hidden").write_bytes(b"x")
    done = run("import", str(tmp_path))
    assert done.exit_code == 0, done.output
    listed = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert {name for name, row in listed.items() if row["way"] == "import"} >= {"greeting", "wait"}
    assert listed["greeting"]["heard"] == "recorded"
    rows = query(drafted.database, "SELECT * FROM journal WHERE kind = ?", [kinds.PROMPT_RECORDED])
    assert {json.loads(row["body"])["prompt"] for row in rows} >= {"greeting", "wait"}


def test_one_bad_file_of_a_folder_and_none_is_taken(
    run: Callable[..., Result], drafted: Folder, tmp_path: Path
) -> None:
    spoken(tmp_path / "closed.wav", rate=8000)
    (tmp_path / "nobody.wav").write_bytes(b"no sound")
    done = run("import", str(tmp_path))
    assert (done.exit_code, "nobody.wav: this cannot be read" in done.output) == (1, True)
    assert "closed" not in recordings.notes(drafted.prompts)
    (tmp_path / "nobody.wav").rename(tmp_path / "nobodyy.wav")
    assert "nobodyy.wav: there is no sentence" in run("import", str(tmp_path)).output
    (tmp_path / "nobodyy.wav").rename(tmp_path / "22.wav")
    assert "22.wav is the same sentence" in run("import", str(tmp_path)).output
    assert "closed" not in recordings.notes(drafted.prompts)


def test_a_choice_that_is_recorded_is_heard_in_the_menu(
    run: Callable[..., Result], drafted: Folder, tmp_path: Path
) -> None:
    before = (drafted.prompts / "menu.alaw").read_bytes()
    done = run("import", "--as", "choice-1", str(spoken(tmp_path / "x.wav", 3, 8000)))
    assert done.exit_code == 0, done.output
    menu = (drafted.prompts / "menu.alaw").read_bytes()
    voice = (drafted.prompts / "choice-1.alaw").read_bytes()
    assert voice in menu
    assert (drafted.prompts / "choice-2.alaw").read_bytes() in menu
    assert run("restore", "choice-1").exit_code == 0
    assert (drafted.prompts / "menu.alaw").read_bytes() == before


def test_other_words_are_written_and_the_recording_is_heard(
    run: Callable[..., Result], drafted: Folder, tmp_path: Path
) -> None:
    assert run("import", "--as", "away", str(spoken(tmp_path / "x.wav", rate=8000))).exit_code == 0
    done = run("say", "away", "À bientôt.")
    assert '+away = "À bientôt."' in done.output
    assert "It is recorded" in done.output
    checked = run("check", "--json")
    assert checked.exit_code == 1
    (problem,) = [row for row in json.loads(checked.stdout) if row["name"] == "away"]
    assert "text has changed" in problem["problem"]
    assert run("draft", "away").exit_code == 0
    assert [row for row in json.loads(run("check", "--json").stdout) if row["name"] == "away"] == []
    assert run("say", "away", "--default").exit_code == 0
    assert run("say", "away", "x" * 2001).exit_code == 1
    assert "Vous êtes absent" in run("say", "52").output


def test_it_says_what_to_dial(run: Callable[..., Result]) -> None:
    assert "dial *1510 and listen" in run("record", "greeting").output
    assert "dial *1598 and listen" in run("record", "choice-8").output  # of a menu to come
    assert run("record", "nobody-knows").exit_code == 1
    assert "no agent 'eve'" in run("record", "greeting", "--agent", "eve").output
