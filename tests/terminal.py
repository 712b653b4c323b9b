"""A terminal as a person uses one: a shell in a pseudo-terminal, typed into, read, bounded."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
PROMPT = "ready> "


class Terminal:
    """A bash; ends with :meth:`close`, and all that runs in it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._main, side = pty.openpty()
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            cwd=folder,
            env={**environment, "PS1": PROMPT, "TERM": "dumb", "LANG": "C.UTF-8"},
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(side)
        self.seen = ""  # all that stood on the screen
        self._read_to = 0
        self.until(re.escape(PROMPT))

    def run(self, command: str, seconds: float = 60.0) -> str:
        """Type a command, wait for its end, and return what it printed."""
        begin = len(self.seen)
        self.type(command + "\n")
        self.until(r"(?m)^" + re.escape(PROMPT), seconds)
        self.type("echo code=$?\n")
        code = self.until(r"(?m)^code=(\d+)\n" + re.escape(PROMPT), 10)
        said = self.seen[begin:]
        assert code[1] == "0", f"{command}\n{said}"
        return said

    def type(self, text: str) -> None:
        """Press keys; what stood on the screen before is not waited for any more."""
        self._drain(0.0)
        self._read_to = len(self.seen)
        os.write(self._main, text.encode())

    def until(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        """Wait until something stands on the screen since the last key; its match."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen[self._read_to :])):
            assert time.monotonic() < end, f"{pattern!r} not within {seconds:g} s:\n{self.seen}"
            self._drain(0.1)
        return found

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGHUP)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        os.close(self._main)

    def _drain(self, patience: float) -> None:
        while select.select([self._main], [], [], patience)[0]:
            try:
                data = os.read(self._main, 65536)
            except OSError:  # the other side is gone
                return
            self.seen += CONTROL.sub("", data.decode("utf-8", "replace"))
            patience = 0.0


def _take_terminal() -> None:
    """The pseudo-terminal is the shell's own: Ctrl-C reaches what runs in it."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
