"""From any sound to a sentence of the line: by sox, and by what levels.py sees in it.

Mono, without the silence at both ends, as loud as every other sentence, as A-law (8 kHz) and as
16-bit samples (16 kHz), a kind for narrow and one for wide band. Why not G.722: docs/prompts.md.
"""

import shutil
import subprocess
from array import array
from pathlib import Path

from ..records.recordings import NoStudio, SoundError, Take
from . import levels
from .release import Release
from .remedies import InstallError

TIME = 60  # seconds for one program
LARGEST = 64 << 20  # bytes
LONGEST = 120.0  # seconds of a sentence
SHORTEST = 0.1  # seconds
WIDE = 16_000  # samples in a second
LOUD = -20.0  # dB of the voice: what sentences have in common
MOST = 30.0  # dB that a recording is made louder at most
HEARD = -50.0  # dB: whoever speaks is louder
BEFORE, AFTER = "0.1", "0.2"  # seconds of silence that a sentence begins and ends with
RAW = ["-t", "raw", "-r", str(WIDE), "-c", "1", "-e", "signed-integer", "-b", "16"]
KINDS = {
    "alaw": ["-t", "raw", "-r", "8000", "-c", "1", "-e", "a-law"],
    "sln16": RAW,
}
# What a file is stands in its first bytes; its name may say anything.
MAGIC = {
    b"RIFF": "wav",
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"\xff\xfb": "mp3",
    b"\xff\xfa": "mp3",
    b"\xff\xf3": "mp3",
    b"\xff\xf2": "mp3",
    b"\xff\xe3": "mp3",
    b"\xff\xe2": "mp3",
    b"FORM": "aiff",
    b".snd": "au",
    b"caff": "caf",
}
CANNOT = "this cannot be read; save it as WAV, FLAC, Ogg Vorbis or MP3 in the program it comes from"


def make(release: Release, source: Path, folder: Path, name: str) -> Take:
    """Make a sentence of a sound file, in ``folder``.

    :raises SoundError: no sound, nothing to be heard, too long, or sox is not there.
    """
    kind = _kind(source)
    safe, raw = folder / f"source.{kind}", folder / "source.raw"
    shutil.copyfile(source, safe)  # under a name in which no program sees anything special
    run(release, "sox", "-V1", "-D", str(safe), *RAW, str(raw), "remix", "-", "trim", "0", "600")
    safe.unlink()
    samples = array("h", raw.read_bytes())
    heard = levels.measure(samples, WIDE)
    if heard.voice < HEARD:
        raise SoundError("there is nothing to be heard in it; record it again, nearer")
    begin, end = levels.voice_in(samples, WIDE)
    lasts = end - begin
    if lasts > LONGEST:
        raise SoundError(f"it lasts {lasts:.0f} s and may last {LONGEST:.0f} s: shorten it")
    if lasts < SHORTEST:
        raise SoundError("it is too short to be a sentence; record it again")
    files = _finish(release, raw, folder / name, (begin, end), min(LOUD - heard.voice, MOST))
    raw.unlink()
    return Take(files, files[1].stat().st_size / 2 / WIDE)


def _finish(
    release: Release, raw: Path, target: Path, voice: tuple[float, float], gain: float
) -> tuple[Path, ...]:
    """Cut, made as loud as the others (a limiter holds what would be too loud), in each kind."""
    limit = ["-l"] if gain > 0 else []
    cut = ["trim", f"{voice[0]:.3f}", f"={voice[1]:.3f}", "gain", *limit, f"{gain:.2f}"]
    made = []
    for kind, options in KINDS.items():
        made.append(target.with_name(f"{target.name}.{kind}"))
        effects = [*cut, "pad", BEFORE, AFTER]
        run(release, "sox", "-V1", "-D", *RAW, str(raw), *options, str(made[-1]), *effects)
    return tuple(made)


def _kind(source: Path) -> str:
    """What a file is, as sox calls it.

    :raises SoundError: no file, an empty or a huge one, or no sound.
    """
    try:
        if not source.is_file():
            raise SoundError("this is not a file")
        size = source.stat().st_size
        with open(source, "rb") as file:
            head = file.read(16)
    except (OSError, ValueError) as error:
        raise SoundError(f"it cannot be read: {error}") from None
    if not size:
        raise SoundError("it is empty")
    if size > LARGEST:
        raise SoundError(f"it is larger than {LARGEST >> 20} MB; a sentence is much shorter")
    for sign, kind in MAGIC.items():
        if head.startswith(sign):
            return kind
    raise SoundError(CANNOT)


def run(release: Release, program: str, *arguments: str) -> None:
    """Run a program of the release to its end.

    :raises NoStudio: it cannot run. :raises SoundError: it does not like what it was given.
    """
    try:
        done = subprocess.run(
            release.command(program, *arguments),
            env=release.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME,
            check=False,
        )
    except (OSError, ValueError, InstallError, subprocess.TimeoutExpired) as error:
        raise NoStudio(f"{program}: {error}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        raise SoundError(CANNOT if program == "sox" else f"{program}: {said}")
