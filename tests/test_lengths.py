"""The comparison of the record with what callers saw does fail."""

import subprocess
from pathlib import Path

import pytest

from .lengths import check_lengths
from .sip import Message, Process


class Told(Process):
    """One caller, whose call lasted ten seconds, and half a second longer to his own ears."""

    def messages(self, way: str = "", start: str = "", method: str = "") -> list[Message]:
        return [
            Message(0.0, "sent", "INVITE sip:100@127.0.0.1 SIP/2.0", "1", "INVITE", ""),
            Message(0.5, "received", "SIP/2.0 200 OK", "1", "INVITE", ""),
            Message(10.5, "received", "BYE sip:caller@127.0.0.1 SIP/2.0", "1", "BYE", ""),
        ]


@pytest.fixture
def caller(tmp_path: Path) -> Process:
    process: subprocess.Popen[bytes] = subprocess.Popen(["true"])
    process.wait(10)
    return Told(process, tmp_path / "none")


@pytest.mark.parametrize("seconds", [9.85, 10.0, 10.5, 10.65])
def test_a_length_between_the_bounds_is_right(caller: Process, seconds: float) -> None:
    check_lengths([{"arrived": 0, "ended": int(seconds * 1e6)}], [caller])


@pytest.mark.parametrize("seconds", [9.75, 10.75])
def test_a_length_beyond_them_is_wrong(caller: Process, seconds: float) -> None:
    with pytest.raises(AssertionError, match="not 10.000 to 10.500"):
        check_lengths([{"arrived": 0, "ended": int(seconds * 1e6)}], [caller])


def test_a_call_too_few_is_wrong(caller: Process) -> None:
    with pytest.raises(ValueError, match="shorter"):
        check_lengths([], [caller])
