"""The ports of the tests: no two of them are given the same one, and SIPp tries again."""

import os
import socket
from itertools import chain, repeat

import pytest

from . import ports, sip
from .conftest import Open

LINE = """
[menu]
default = "visio"
[queues.visio]
label = "Visio"
"""


def test_a_port_is_not_given_again_at_once() -> None:
    given = [ports.free_port() for _ in range(100)]
    assert len(set(given)) == 100
    assert all(ports.FIRST <= port < ports.SOUND for port in given)
    assert not {port + 1 for port in given} & set(given)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_is_held_is_not_given(kind: socket.SocketKind) -> None:
    with socket.socket(type=kind) as taken:
        port = ports.free_port()
        taken.bind(("127.0.0.1", port))
        assert port not in [ports.free_port() for _ in range(ports.SHARE // ports.STEP)]


def test_who_holds_a_port_is_known() -> None:
    port = ports.free_port()
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        assert ports.holds(os.getpid(), port)
        assert not ports.holds(os.getppid(), port)
    assert not ports.holds(os.getpid(), port)


@pytest.mark.pbx
@pytest.mark.parametrize("further", [0, 2])
def test_a_caller_whose_free_port_is_taken_takes_another(
    open_line: Open, monkeypatch: pytest.MonkeyPatch, further: int
) -> None:
    line = open_line(LINE, {}).start("flows")
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        port = ports.free_port()
        taken.bind(("127.0.0.1", port + further))
        offered = chain(repeat(port, 2), iter(ports.free_port, None))
        monkeypatch.setattr(sip, "free_port", lambda: next(offered))
        line.call(("pause", "100"), ("bye",)).succeed(20)
    assert next(offered) != port
