"""Ports of the loopback for the tests, that nobody else is given.

They lie below those that the kernel hands out by itself (ip_local_port_range) and below the
sound of the lines under test. Each worker has its own part and goes round in it, so that a port
that was found free is not another's before it is bound.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

FIRST, WORKERS, SHARE = 13_000, 8, 874  # up to 19,999
SOUND = 20_000  # of the lines under test: Asterisk tries another port itself if one is taken


def _part() -> Iterator[int]:
    """This worker's ports, round and round, from a place that depends on the process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    first = FIRST + (int(worker) if worker else os.getpid()) % WORKERS * SHARE
    return (first + number % SHARE for number in count(os.getpid() * 97))


_NEXT = _part()


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that is free now."""
    return _free(kind)


def sound_port() -> int:
    """An even UDP port for SIPp's sound, with the one for video two further: it binds both."""
    return _free(socket.SOCK_DGRAM, (0, 2), even=True)


def _free(kind: socket.SocketKind, offsets: tuple[int, ...] = (0,), even: bool = False) -> int:
    for _ in range(SHARE):
        port = next(_NEXT)
        if not (even and port % 2) and all(_is_free(kind, port + more) for more in offsets):
            return port
    raise AssertionError("no free ports: is something left over from another run?")


def _is_free(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(type=kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def holds(process: int, port: int) -> bool:
    """Whether this process has bound this UDP port, by the kernel's own tables."""
    with open("/proc/net/udp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    folder = Path(f"/proc/{process}/fd")
    with contextlib.suppress(OSError):  # it has ended, or closes one while we look
        return any(str(link.readlink()) in sockets for link in folder.iterdir())
    return False
