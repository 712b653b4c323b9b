"""What callers hear of each sentence now, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..hotline import Hotline, menu_pieces, prompt_numbers, prompt_texts
from ..records import recordings
from ..records.events import instant
from ..records.fallback import core_sound
from ..records.recordings import Recording
from . import levels

RECORDED, DRAFT, COMPOSED = "recorded", "draft", "put together"
OWN, MISSING = "asterisk's own", "missing"
LONG, LONG_MENU = 30.0, 75.0  # seconds that a caller listens to
QUIET, LOUD = -32.0, -12.0  # dB of the voice; all that we make is at about -20
CLIPS = 5  # times that the top is cut off: then it can be heard
APART = 0.25  # seconds by which the files of one sentence may differ
LATIN = 40  # characters of a text that an error quotes


@dataclass(frozen=True)
class Heard:
    """One sentence. ``level``: dB of the voice; None, as ``seconds``: it cannot be looked into."""

    number: int | None
    name: str
    heard: str
    seconds: float | None
    level: float | None
    text: str
    note: Recording | None

    def as_row(self) -> dict[str, object]:
        """For a table."""
        return {
            "number": self.number or "",
            "name": self.name,
            "heard": self.heard,
            "seconds": "" if self.seconds is None else round(self.seconds, 1),
            "dB": "" if self.level is None else round(self.level),
            "text": self.text,
        }

    def as_json(self) -> dict[str, object]:
        """All of it; ``recorded`` is ISO 8601 in UTC."""
        note = self.note
        at = instant(note.at).isoformat(timespec="seconds") if note and note.at else None
        who = {"recorded": at, "by": note.by if note else None, "way": note.way if note else None}
        plain = {"number": self.number, "seconds": self.seconds, "dB": self.level}
        return self.as_row() | plain | who


@dataclass(frozen=True)
class Problem:
    """What is wrong with a sentence, and what to do."""

    name: str
    problem: str
    remedy: str


def sentences(sounds: Path, hotline: Hotline) -> list[Heard]:
    """Every sentence that is said or recorded, by its number."""
    recordings.finish(sounds)
    texts, numbers, noted = prompt_texts(hotline), prompt_numbers(), recordings.notes(sounds)
    names = [name for name in numbers if name in texts or name in noted]
    names += [name for name in texts if name not in numbers]
    pieces = bool(menu_pieces(hotline))
    return [
        _sentence(sounds, name, numbers.get(name), texts.get(name, ""), pieces) for name in names
    ]


def _sentence(sounds: Path, name: str, number: int | None, text: str, pieces: bool) -> Heard:
    files = recordings.files(sounds, name)
    level = _level(files)
    note = recordings.notes(sounds).get(name) if files else None
    return Heard(
        number=number,
        name=name,
        heard=_heard(sounds, name, files, pieces),
        seconds=round(level.seconds, 2) if level else None,
        level=round(level.voice, 1) if level else None,
        text=text,
        note=note,
    )


def _heard(sounds: Path, name: str, files: list[Path], pieces: bool) -> str:
    if not files:
        return MISSING
    noted, made = recordings.notes(sounds), recordings.drafts(sounds)
    if recordings.recorded_files(sounds, name, noted, made):
        return RECORDED
    if made[name].endswith("fallback"):
        return OWN
    return COMPOSED if name == "menu" and pieces else DRAFT


def _level(files: list[Path]) -> levels.Level | None:
    """Of the widest band that can be looked into."""
    found = [read for path in files if (read := levels.read(path))]
    return levels.measure(*max(found, key=lambda read: read[1])) if found else None


def check(sounds: Path, hotline: Hotline) -> Iterator[Problem]:
    """All that is wrong with what callers hear."""
    for sentence in sentences(sounds, hotline):
        for problem, remedy in _problems(sounds, sentence):
            yield Problem(sentence.name, problem, remedy)


def _problems(sounds: Path, sentence: Heard) -> Iterator[tuple[str, str]]:
    name = sentence.name
    again = f"record it again: decroche prompt record {name}"
    if sentence.heard == MISSING:
        own = f"there is no sound; callers hear Asterisk's own {core_sound(name)!r}"
        return (yield own, "decroche apply")
    if sentence.heard == OWN:
        return (yield "there is no voice; Asterisk's own sound stands in", again)
    note = sentence.note
    if note and note.text and sentence.text and note.text != sentence.text:
        was = note.text if len(note.text) <= LATIN else f"{note.text[:LATIN]}..."
        yield f"its text has changed since it was recorded for: {was}", again
    files = recordings.files(sounds, name)
    yield from ((text, f"decroche prompt draft {name}, or {again}") for text in _broken(files))
    level = _level(files)
    if level is not None:
        yield from ((text, again) for text in _sounds_bad(name, level))


def _broken(files: list[Path]) -> Iterator[str]:
    """What Asterisk would play wrongly, or not at all."""
    lengths = []
    for path in files:
        found = levels.read(path)
        if path.suffix in levels.RATES and found is None:
            yield f"{path.name} cannot be played: it is not what its name says"
        elif found and found[1] != levels.RATES[path.suffix]:
            yield f"{path.name} has {found[1]} samples a second instead of {_rate(path)}"
        elif found:
            lengths.append(len(found[0]) / found[1])
    if lengths and max(lengths) - min(lengths) > APART:
        yield "its files are of different lengths: one has another rate, or is another sound"


def _rate(path: Path) -> int:
    return levels.RATES[path.suffix]


def _sounds_bad(name: str, level: levels.Level) -> Iterator[str]:
    longest = LONG_MENU if name == "menu" else LONG
    if level.seconds > longest:
        yield f"too long: {level.seconds:.0f} s; who listens stays with {longest:.0f} s"
    if level.voice < QUIET:
        yield f"too quiet: {level.voice:.0f} dB, others are at -20"
    elif level.voice > LOUD:
        yield f"too loud: {level.voice:.0f} dB, others are at -20"
    if level.clipped > CLIPS:
        yield f"distorted: cut off {level.clipped} times"
