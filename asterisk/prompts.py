"""The sentences of the line as sound files: drafts by speech synthesis.

A draft is made again when its text changes; a file that somebody recorded (no
entry in drafts.json, or of another kind than the draft) is never touched, and
wins over the draft. Without an engine, or when it fails, a sentence falls back
to a sound that Asterisk brings along: never silence.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from .release import Release
from .remedies import InstallError

log = structlog.get_logger(__name__)

TIME = 60  # seconds for one sentence
SPEED = 150  # words a minute: slow, for people who fear menus
FORMATS = ("alaw", "sln16")  # narrow and wide band
ANY = ("alaw", "sln16", "wav", "wav16", "g722", "ulaw", "gsm", "sln")

# What is heard when there is no draft and no recording: core sounds.
FALLBACK = {
    "greeting": "beep",
    "information": "beep",
    "menu": "beep",
    "wait": "queue-thankyou",
    "still": "queue-thankyou",
    "closed": "vm-goodbye",
    "queue-closed": "vm-goodbye",
    "short": "vm-nobodyavail",
    "nobody": "vm-nobodyavail",
    "too-long": "vm-nobodyavail",
    "available": "agent-loginok",
    "paused": "beep",
    "away": "agent-loggedoff",
    "failed": "an-error-has-occured",
    "callback-offer": "beep",
    "callback-closed": "vm-goodbye",
    "callback-later": "beep",
    "callback-short": "beep",
    "callback-promised": "vm-goodbye",
    "callback-failed": "an-error-has-occured",
    "callback-agent": "beep",
    "callback-unanswered": "vm-nobodyavail",
    "voicemail-closed": "vm-intro",
    "voicemail-nobody": "vm-intro",
    "voicemail-later": "vm-intro",
    "voicemail-short": "beep",
    "voicemail-noted": "vm-goodbye",
    "voicemail-none": "vm-nomore",
    "voicemail-next": "beep",
    "voicemail-done": "vm-nomore",
}


def prepare(
    release: Release,
    folder: Path,
    texts: Mapping[str, str],
    language: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Make every sentence of ``texts`` audible in ``folder``.

    :returns: the names of those that only a fallback stands for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drafts = _drafts(folder)
    poor = []
    for done, (name, text) in enumerate(sorted(texts.items()), 1):
        mark = hashlib.sha256(f"{language}\n{SPEED}\n{text}".encode()).hexdigest()
        _yield_to_recording(folder, name, drafts)
        if name not in drafts and _exists(folder, name):
            continue  # recorded by somebody
        if drafts.get(name) != mark or not _exists(folder, name):
            if draft(release, folder, name, text, language):
                drafts[name] = mark
            else:
                drafts[name] = _fall_back(release, folder, name, language)
                poor.append(name)
        progress(done, len(texts))
    _write(folder, drafts)
    return poor


def _yield_to_recording(folder: Path, name: str, drafts: dict[str, str]) -> None:
    """Forget our own sound when somebody put one of another kind beside it."""
    kind, _, _ = drafts.get(name, "").rpartition(" fallback")
    ours = (kind,) if kind else FORMATS
    if name in drafts and _exists(folder, name, [kind for kind in ANY if kind not in ours]):
        for kind in ours:
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
        del drafts[name]


def missing(folder: Path, names: Mapping[str, str]) -> list[str]:
    """Sentences for which there is no sound file at all."""
    return [name for name in names if not _exists(folder, name)]


def recordings(folder: Path) -> list[Path]:
    """The sound files that somebody put there; not our drafts, which are made again."""
    drafts = _drafts(folder)
    found = []
    for path in sorted(folder.glob("*.*")):
        kind, _, _ = drafts.get(path.stem, "").rpartition(" fallback")
        ours = () if path.stem not in drafts else (kind,) if kind else FORMATS
        if path.suffix[1:] in ANY and path.suffix[1:] not in ours:
            found.append(path)
    return found


def _exists(folder: Path, name: str, kinds: Iterable[str] = ANY) -> bool:
    return any((folder / f"{name}.{kind}").is_file() for kind in kinds)


def draft(release: Release, folder: Path, name: str, text: str, language: str) -> bool:
    """Speak one sentence; False when no engine can."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        spoken = Path(scratch) / "spoken.wav"
        speak = ["-v", language, "-s", str(SPEED), "-g", "4", "-w", str(spoken), "--", text]
        if not _run(release, "espeak-ng", *speak):
            return False
        for kind, rate, options in (
            ("alaw", "8000", ["-t", "raw", "-e", "a-law"]),
            ("sln16", "16000", ["-t", "raw", "-e", "signed-integer", "-b", "16"]),
        ):
            made = Path(scratch) / f"{name}.{kind}"
            sox = [str(spoken), "-r", rate, "-c", "1", *options, str(made), "norm", "-6"]
            if not _run(release, "sox", *sox):
                return False
        for kind in FORMATS:
            (Path(scratch) / f"{name}.{kind}").replace(folder / f"{name}.{kind}")
    for kind in set(ANY) - set(FORMATS):
        (folder / f"{name}.{kind}").unlink(missing_ok=True)  # a fallback from before
    return True


def _run(release: Release, program: str, *arguments: str) -> bool:
    try:
        done = subprocess.run(
            release.command(program, *arguments),
            env=release.env(),
            capture_output=True,
            timeout=TIME,
            check=False,
        )
    except (OSError, InstallError, subprocess.TimeoutExpired) as error:
        log.warning("no draft", program=program, reason=str(error))
        return False
    if done.returncode:
        log.warning(
            "no draft", program=program, reason=done.stderr.decode("utf-8", "replace")[:200]
        )
    return done.returncode == 0


def _fall_back(release: Release, folder: Path, name: str, language: str) -> str:
    """Put one of Asterisk's own sounds in a sentence's place; returns its mark in drafts.json."""
    for kind in FORMATS:
        (folder / f"{name}.{kind}").unlink(missing_ok=True)
    core = FALLBACK.get(name, "beep")
    for sounds in (release.sounds / language, release.sounds / "en"):
        for path in sorted(sounds.glob(f"{core}.*")):
            shutil.copy(path, folder / f"{name}{path.suffix}")
            return f"{path.suffix[1:]} fallback"
    log.error("no sound at all", prompt=name)
    return " fallback"


def _drafts(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / "drafts.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(mark) for name, mark in found.items()}


def _write(folder: Path, drafts: Mapping[str, str]) -> None:
    fresh = folder / "drafts.json.new"
    fresh.write_text(json.dumps(drafts, indent=1, sort_keys=True), "utf-8")
    fresh.replace(folder / "drafts.json")
