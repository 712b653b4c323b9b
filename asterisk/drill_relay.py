"""A bad network between the services and AMI: bytes go through as a drill wants it.

The services connect to the relay's port, Asterisk listens on another one.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LISTEN = 16
LINGER_RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN
PIECE = 8  # bytes at once on the slow line
PACE = 0.0005  # seconds between two pieces: 16 kB/s


class Relay:
    """Passes TCP connections of the loopback on; a thread for each direction.

    :raises OSError: the port is taken.
    """

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", port), backlog=LISTEN)
        self._pairs: list[_Pair] = []
        self._lock = threading.Lock()
        self.slow = False
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # wakes accept(), which close() alone does not
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection, on both sides."""
        for pair in self._taken():
            pair.cut()

    def vanish(self) -> Callable[[], None]:
        """Every connection goes silent for ever, without FIN or RST; new ones are sound.

        :returns: what forgets them, when nobody needs them any more.
        """
        pairs = self._taken()
        for pair in pairs:
            pair.silent = True

        def forget() -> None:
            for pair in pairs:
                pair.cut()

        return forget

    def _taken(self) -> list["_Pair"]:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        return pairs

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:  # closed
                return
            try:
                asterisk = socket.create_connection(("127.0.0.1", self._target), timeout=2)
            except OSError:  # it does not run: as a refused connection
                _reset(client)
                continue
            asterisk.settimeout(None)
            with self._lock:
                self._pairs.append(_Pair(client, asterisk, lambda: self.slow))


class _Pair:
    """One connection: the service's end and Asterisk's."""

    def __init__(
        self, client: socket.socket, asterisk: socket.socket, slow: Callable[[], bool]
    ) -> None:
        self._ends = (client, asterisk)
        self._slow = slow
        self.silent = False
        for source, target in (self._ends, self._ends[::-1]):
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def cut(self) -> None:
        for end in self._ends:
            _reset(end)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.silent:
                    return  # what comes is never read again: the peer is gone
                self._pass_on(data, target)
        if not self.silent:
            self.cut()

    def _pass_on(self, data: bytes, target: socket.socket) -> None:
        while data and self._slow():
            target.sendall(data[:PIECE])
            data = data[PIECE:]
            time.sleep(PACE)
        target.sendall(data)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        end.shutdown(socket.SHUT_RDWR)
    end.close()
