"""Who has a file or a port: the machine's processes, as /proc shows them (proc(5)).

Of processes of other users only those are seen that this user may look into.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..records.events import MICRO

PROC = Path("/proc")
GONE = " (deleted)"  # what /proc appends to the name of a file that was removed
LISTENS, BOUND = "0A", "07"  # states of a socket in /proc/net: TCP_LISTEN, a UDP socket
STOPPED = ("T", "t")  # SIGSTOP, or a debugger


def holders(path: Path) -> list[int]:
    """Processes that have a file open, even one that stood at this path and was removed."""
    names = (str(path), str(path) + GONE)
    return [pid for pid, target in _open_files() if target in names]


def has_port(kind: str, port: int) -> int | None:
    """The process that listens on a local port ("tcp" or "udp"); None when it cannot be told."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(kind, port)}
    return next((pid for pid, target in _open_files() if target in wanted), None)


def listened_to(kind: str, port: int) -> bool:
    """Whether anybody has a port ("tcp" or "udp"), by any address of this machine."""
    return bool(_inodes(kind, port))


def name_of(pid: int) -> str:
    """What a person calls a process: its program."""
    with suppress(OSError):
        return (PROC / str(pid) / "comm").read_text("utf-8", "replace").strip()
    return "?"


def is_stopped(pid: int) -> bool:
    """Whether a process stands still (SIGSTOP): it lives, and does nothing."""
    return _stat(pid)[:1] in ([sign] for sign in STOPPED)


def since(pid: int) -> int | None:
    """When a process began (microseconds UTC); None when it is gone."""
    fields = _stat(pid)
    if len(fields) < 20:
        return None
    ticks = int(fields[19]) * MICRO // os.sysconf("SC_CLK_TCK")  # since the machine's start
    for line in (PROC / "stat").read_text("ascii").splitlines():
        if line.startswith("btime "):
            return int(line.split()[1]) * MICRO + ticks
    return None


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; the name before may hold anything."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _open_files() -> Iterator[tuple[int, str]]:
    for folder in PROC.glob("[0-9]*/fd"):
        with suppress(OSError):  # it has ended, or is another user's
            for name in os.listdir(folder):
                with suppress(OSError):
                    yield int(folder.parent.name), os.readlink(folder / name)


def _inodes(kind: str, port: int) -> list[str]:
    """The sockets that have a port: fields of /proc/net/tcp, udp and their sixes."""
    found = []
    state = LISTENS if kind == "tcp" else BOUND
    for table in (kind, f"{kind}6"):
        with suppress(OSError):
            for line in (PROC / "net" / table).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == state and int(words[1].rpartition(":")[2], 16) == port:
                    found.append(words[9])
    return found


def is_of_this_machine(address: str) -> bool:
    """Whether an address can be listened on here; no packet leaves.

    :raises OSError: it is no address and no name that is known.
    """
    family, _, _, _, where = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(where)
        except OSError:
            return False
    return True


def address_towards(address: str) -> str:
    """Our address on the way to another one, by the kernel's table of routes; no packet leaves.

    :raises OSError: there is no way, or no such name.
    """
    family, _, _, _, where = socket.getaddrinfo(address, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(where)
        return str(probe.getsockname()[0])
