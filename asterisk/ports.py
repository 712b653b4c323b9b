"""Free ports of the loopback: the usual one if nobody has it, else the next."""

import socket
from collections.abc import Callable, Collection

from ..hotline import Network

NEARBY = 200  # ports that are tried from the usual one on


def taken(network: Network) -> list[str]:
    """Asterisk's ports that another program has, as sentences with the remedy.

    Asterisk itself would boot without them, and nobody could reach it.
    """
    return [_sentence(key, port) for key, _, port in taken_ports(network)]


def taken_ports(network: Network) -> list[tuple[str, str, int]]:
    """The same as (key of [network], "udp" or "tcp", port)."""
    found = []
    if not _udp_is_free(network.sip, network.bind):
        found.append(("sip", "udp", network.sip))
    if not _tcp_is_free(network.ami):
        found.append(("ami", "tcp", network.ami))
    return found


def _sentence(key: str, port: int) -> str:
    return f"another program has port {port}: change {key} in [network] of hotline.toml, then apply"


def free_tcp(usual: int, taken: Collection[int] = ()) -> int:
    """``usual`` or the next TCP port that nobody listens on and that is not in ``taken``."""
    return _first(usual, taken, _tcp_is_free)


def free_udp(usual: int, taken: Collection[int] = ()) -> int:
    """The same for UDP."""
    return _first(usual, taken, _udp_is_free)


def free_udp_range(first: int, count: int) -> int:
    """The first port of ``count`` free UDP ports in a row, at ``first`` or a whole step above."""
    for begin in range(first, 65536 - count, count):
        if all(map(_udp_is_free, range(begin, begin + count))):
            return begin
    return first  # Asterisk takes those of the range that are free


def _first(usual: int, taken: Collection[int], is_free: Callable[[int], bool]) -> int:
    for port in range(usual, min(usual + NEARBY, 65536)):
        if port not in taken and is_free(port):
            return port
    return usual  # whoever binds it will say what is wrong


def _tcp_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As a server would: connections of an earlier one that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _binds(probe, port)


def _udp_is_free(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return _binds(probe, port, address)


def _binds(probe: socket.socket, port: int, address: str = "127.0.0.1") -> bool:
    try:
        probe.bind((address, port))
    except OSError:
        return False
    return True
