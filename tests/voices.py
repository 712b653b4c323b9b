"""Voices for the tests: tones, as a recorder or a phone would bring them."""

import math
import struct
import wave
from pathlib import Path

from decroche.asterisk.levels import ALAW


def spoken(
    path: Path, seconds: float = 1.0, rate: int = 44_100, channels: int = 2, peak: float = 0.3
) -> Path:
    """A voice (a tone that swells) between two silences, as a recorder makes it."""
    quiet = [0] * rate
    loud = [
        round(32767 * peak * math.sin(at / rate * 2513) * math.sin(at / rate * 9) ** 2)
        for at in range(round(seconds * rate))
    ]
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        for sample in (*quiet, *loud, *quiet):
            sound.writeframesraw(struct.pack("<h", sample) * channels)
    return path


def voice(seconds: float, pitch: int) -> bytes:
    """A tone as A-law, of a pitch of its own."""
    nearest = sorted((value, code) for code, value in enumerate(ALAW))
    levels = [8000 * math.sin(2 * math.pi * pitch * at / 8000) for at in range(8000)]
    second = bytes(min(nearest, key=lambda pair: abs(pair[0] - level))[1] for level in levels)
    return second * int(seconds)
