"""Figures on sounds: how long, how loud, cut off or not, and where the voice in it is."""

import math
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk import levels

RATE = 16_000


def tone(seconds: float, peak: float, rate: int = RATE) -> "array[int]":
    """A tone of 400 Hz; ``peak`` of full scale."""
    count = round(seconds * rate)
    turn = 2 * math.pi * 400 / rate
    return array("h", (round(32767 * peak * math.sin(turn * at)) for at in range(count)))


def silence(seconds: float) -> "array[int]":
    return array("h", bytes(round(seconds * RATE) * 2))


@pytest.mark.parametrize(("peak", "decibels"), [(1.0, 0), (0.5, -6), (0.1, -20), (0.01, -40)])
def test_a_tone_is_as_loud_as_it_is(peak: float, decibels: int) -> None:
    level = levels.measure(tone(1, peak), RATE)
    assert level.peak == pytest.approx(decibels, abs=0.1)
    assert level.voice == pytest.approx(decibels - 3, abs=0.1)  # a sine's mean is 3 dB less
    assert level.seconds == 1


def test_pauses_do_not_make_a_voice_quieter() -> None:
    alone = levels.measure(tone(1, 0.2), RATE).voice
    pauses = silence(3) + tone(0.5, 0.2) + silence(2) + tone(0.5, 0.2)
    assert levels.measure(pauses, RATE).voice == pytest.approx(alone, abs=0.2)


@given(st.floats(0.02, 2), st.floats(0, 2), st.floats(0, 2), st.floats(0.02, 1))
def test_the_voice_is_found_between_its_silences(
    lasts: float, before: float, after: float, peak: float
) -> None:
    begin, end = levels.voice_in(silence(before) + tone(lasts, peak) + silence(after), RATE)
    assert begin == pytest.approx(before, abs=0.025)
    assert end == pytest.approx(before + lasts, abs=0.025)


@given(st.binary(max_size=4000))
def test_no_sound_is_too_strange_to_be_measured(data: bytes) -> None:
    samples = array("h", data[: len(data) & ~1])
    level = levels.measure(samples, RATE)
    assert levels.NOTHING <= level.voice <= 0.01
    begin, end = levels.voice_in(samples, RATE)
    assert 0 <= begin <= end <= len(samples) / RATE + levels.FRAME


def test_what_is_cut_off_is_counted_once_each_time() -> None:
    loud = array("h", [0, 32767, 32767, 32767, 32767, 0, -32768, -32768, -32768, 0, 32767, 0])
    assert levels.clipped(loud) == 2
    assert levels.clipped(tone(1, 0.9)) == 0


def test_a_law_is_what_the_standard_says(tmp_path: Path) -> None:
    file = tmp_path / "x.alaw"
    file.write_bytes(bytes([0xD5, 0x55, 0xAA, 0x2A]))
    found = levels.read(file)
    assert found is not None
    assert list(found[0]) == [8, -8, 32256, -32256]


def test_a_wave_of_another_kind_cannot_be_looked_into(tmp_path: Path) -> None:
    for channels, expected in ((1, True), (2, False)):
        file = tmp_path / f"{channels}.wav"
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(channels)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(1600))
        assert (levels.read(file) is not None) == expected
    (tmp_path / "no.wav").write_bytes(b"voice")
    assert levels.read(tmp_path / "no.wav") is None
    assert levels.read(tmp_path / "none.alaw") is None
