"""Asterisk's control socket, spoken to directly: what `asterisk -rx` does, without a process.

A client sends `cli quit after COMMAND` and a zero byte; Asterisk answers with one line
`host/pid/version`, then the command's output, then closes (main/asterisk.c, netconsole).
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

LONGEST_PATH = 107  # bytes of a Unix socket's path (sockaddr_un)
LARGEST_REPLY = 16 << 20  # bytes
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotRunning(Exception):
    """Nobody answers on this folder's control socket."""


@dataclass(frozen=True)
class Reply:
    pid: int
    version: str
    text: str


def ask(path: Path, command: str, timeout: float = 5.0) -> Reply:
    """Give one command of Asterisk's command line and return what it printed.

    Errors: NotRunning; TimeoutError after `timeout` seconds; ValueError for a command with a
    control character, which could smuggle in a second one.
    """
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in command):
        raise ValueError(f"control character in {command!r}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
            client.sendall(b"cli quit after " + command.encode() + b"\0")
            return parse(_read_all(client))
        except TimeoutError:
            raise
        except OSError as error:
            raise NotRunning(f"no Asterisk answers on {path}: {error}") from error


def _read_all(client: socket.socket) -> bytes:
    data = bytearray()
    while part := client.recv(65536):
        data += part
        if len(data) > LARGEST_REPLY:
            break
    return bytes(data)


def parse(data: bytes) -> Reply:
    """Errors: NotRunning for an answer that is none, as from an Asterisk that is just ending."""
    head, _, text = data.decode("utf-8", "replace").partition("\n")
    parts = head.split("/", 2)
    if len(parts) != 3 or not parts[1].isdigit():
        raise NotRunning(f"not an answer of Asterisk: {head[:80]!r}")
    return Reply(int(parts[1]), parts[2], COLOURS.sub("", text))
