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

FIRST, WORKERS, SHARE, STEP = 13_000, 8, 872, 4  # up to 19,975
SOUND = 20_000  # of the lines under test: Asterisk tries another port itself if one is taken


def _part() -> Iterator[int]:
    """This worker's ports, round and round, from a place that depends on the process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    first = FIRST + (int(worker) if worker else os.getpid()) % WORKERS * SHARE
    return (first + number * STEP % SHARE for number in count(os.getpid() * 97))


_NEXT = _part()


def free_port() -> int:
    """An even port that is free now, for UDP and TCP, and so are the three after it.

    SIPp takes one for sound and the second after it for video, baresip the first after its own
    for TLS.
    """
    for _ in range(SHARE // STEP):
        port = next(_NEXT)
        if all(_is_free(port + more) for more in range(STEP)):
            return port
    raise AssertionError("no free ports: is something left over from another run?")


def _is_free(port: int) -> bool:
    with contextlib.ExitStack() as sockets:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            probe = sockets.enter_context(socket.socket(type=kind))
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
