"""How long, how loud and how clean a sound is: figures on samples, and where the voice in it is.

Samples are 16 bits, mono. Decibels are of full scale (0 is the loudest that there is).
"""

import math
import wave
from array import array
from dataclasses import dataclass
from operator import mul
from pathlib import Path

FULL = 32768
NOTHING = -96.0  # dB: less than the smallest sample
FRAME = 0.01  # seconds that are looked at together
PAUSE_BELOW = 30.0  # dB under the loudest moment: not the voice, but the pauses in it
SILENT_BELOW = 40.0  # dB under the loudest moment: nothing that anybody would hear
CLIPPED = 3  # samples in a row at full scale: the top was cut off
RATES = {".alaw": 8000, ".sln": 8000, ".wav": 8000, ".sln16": 16000, ".wav16": 16000}


@dataclass(frozen=True)
class Level:
    """``seconds`` long; ``peak`` and ``voice`` in dB; ``clipped``: how often the top is cut off.

    ``voice`` is the level of the voice itself: the pauses do not count.
    """

    seconds: float
    peak: float
    voice: float
    clipped: int


def read(path: Path) -> tuple["array[int]", int] | None:
    """The samples of a sound file and how many there are in a second; None: a kind or a file
    that cannot be looked into.
    """
    rate = RATES.get(path.suffix)
    try:
        if path.suffix == ".alaw":
            return array("h", map(ALAW.__getitem__, path.read_bytes())), 8000
        if path.suffix in (".wav", ".wav16"):
            return _wave(path)
        if rate is not None:
            data = path.read_bytes()
            return array("h", data[: len(data) & ~1]), rate
    except (OSError, EOFError, wave.Error):
        pass
    return None


def _wave(path: Path) -> tuple["array[int]", int]:
    """:raises wave.Error: more than Asterisk itself can play."""
    with wave.open(str(path)) as sound:
        if sound.getnchannels() != 1 or sound.getsampwidth() != 2:
            raise wave.Error("neither mono nor 16 bits")
        return array("h", sound.readframes(sound.getnframes())), sound.getframerate()


def measure(samples: "array[int]", rate: int) -> Level:
    powers = _powers(samples, rate)
    least = max(powers, default=0.0) * 10 ** (-PAUSE_BELOW / 10)
    loud = [power for power in powers if power > least]
    voice = _decibels(sum(loud) / len(loud)) if loud else NOTHING
    peak = max(max(samples), -min(samples)) if samples else 0
    seconds = len(samples) / rate
    return Level(seconds, _decibels(peak * peak), voice, clipped(samples))


def voice_in(samples: "array[int]", rate: int) -> tuple[float, float]:
    """Where the voice begins and ends, in seconds: silence before and after it is left out."""
    powers = _powers(samples, rate)
    least = max(powers, default=0.0) * 10 ** (-SILENT_BELOW / 10)
    heard = [at for at, power in enumerate(powers) if power > least]
    return (heard[0] * FRAME, (heard[-1] + 1) * FRAME) if heard else (0.0, 0.0)


def clipped(samples: "array[int]") -> int:
    """How often some samples in a row stand at full scale."""
    count = row = 0
    if not samples or max(max(samples), -min(samples)) < FULL - 8:
        return 0
    for sample in samples:
        row = row + 1 if abs(sample) >= FULL - 8 else 0
        count += row == CLIPPED
    return count


def _powers(samples: "array[int]", rate: int) -> list[float]:
    """The mean square of each FRAME; a rest that is shorter than one does not count."""
    size = int(rate * FRAME)
    starts = range(0, len(samples) - size + 1, size)
    frames = (samples[at : at + size] for at in starts)
    return [sum(map(mul, frame, frame)) / size for frame in frames]


def _decibels(power: float) -> float:
    return 10 * math.log10(power / FULL**2) if power > 0 else NOTHING


def _expand(code: int) -> int:
    """A-law (ITU-T G.711): sign, three bits of exponent, four of mantissa; even bits inverted."""
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = mantissa * 16 + 8 if exponent == 0 else (mantissa * 16 + 264) << exponent - 1
    return size if code & 128 else -size


ALAW = tuple(map(_expand, range(256)))
