"""Runs a command of ours with a clock that can be set while it runs; for drills.

The machine's own clock cannot be set for one process. So the process gets another
``time.time``: the true time, and as many seconds more as a file says now. What asks
for the time through ``records.events.now`` (every instant in the journal) has it wrong;
Asterisk keeps the true time.
"""

import mmap
import runpy
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

FORMAT = "<q"  # seconds


def set_clock(path: Path, seconds: int) -> None:
    """Make the clocks that read ``path`` wrong by so much, in an instant."""
    path.touch(mode=0o600)
    with open(path, "r+b") as file:
        file.write(struct.pack(FORMAT, seconds))


def install(path: Path) -> None:
    """Give this process the clock of ``path``, for as long as it lives."""
    with open(path, "rb") as file:
        shared = mmap.mmap(file.fileno(), struct.calcsize(FORMAT), prot=mmap.PROT_READ)
    true_time, true_time_ns = time.time, time.time_ns

    def ahead() -> int:
        return int(struct.unpack_from(FORMAT, shared)[0])

    time.time = lambda: true_time() + ahead()
    time.time_ns = lambda: true_time_ns() + ahead() * 10**9


def main(arguments: Sequence[str]) -> None:
    """`python -m decroche.asterisk.drill_clock FILE ARGUMENT...`"""
    install(Path(arguments[0]))
    sys.argv[1:] = arguments[1:]
    runpy.run_module("decroche.cli", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
