"""A caller who listens and speaks: A-law over RTP (RFC 3550), and keys pressed over SIP INFO."""

import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from .rawsip import SDP, RawCall

PACKET = 160  # samples, and bytes of A-law: 20 milliseconds
RATE = 8000


@dataclass
class Ears(RawCall):
    """A call that hears and speaks. ``patience``: seconds until somebody answers."""

    patience: float = 5.0
    _packets: dict[int, bytes] = field(default_factory=dict)

    def __enter__(self) -> "Ears":
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._media.bind(("127.0.0.1", 0))
        self._media.settimeout(0.1)
        self.sdp = SDP.replace(b"19998", str(self._media.getsockname()[1]).encode())
        self._theirs = 0
        self._sent = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._over.set()
        self._thread.join(5)
        self._media.close()

    def _invite(self, login: bytes = b"") -> bytes:
        answer = super()._invite(login)
        found = re.search(rb"^m=audio (\d+)", answer, re.MULTILINE)
        self._theirs = int(found[1]) if found else 0
        return answer

    def _listen(self) -> None:
        """Twelve bytes of head, then the sound; payload type 8 is A-law."""
        while not self._over.is_set():
            try:
                packet = self._media.recv(2048)
            except TimeoutError:
                continue
            number = struct.unpack("!H", packet[2:4])[0]
            first = min(self._packets, default=number)
            if packet[1] & 127 == 8:  # numbers begin anywhere, and after 65535 comes 0
                self._packets[first + (number - first) % 65536] = packet[12:]

    def speak(self, sound: bytes) -> None:
        """Say an A-law sound, in its time."""
        begin = time.monotonic()
        for at in range(0, len(sound), PACKET):
            head = struct.pack("!BBHII", 0x80, 8, self._sent & 0xFFFF, self._sent * PACKET, 7)
            self._media.sendto(head + sound[at : at + PACKET], ("127.0.0.1", self._theirs))
            self._sent += 1
            self._over.wait(max(0.0, begin + (at + PACKET) / RATE - time.monotonic()))

    def press(self, *keys: str) -> None:
        """Press keys, as a phone that sends INFO."""
        for key in keys:
            self._sequence += 1
            body = f"Signal={key}\r\nDuration=160\r\n".encode()
            self._request("INFO", b"Content-Type: application/dtmf-relay\r\n", body)
            self._answer("INFO")

    @property
    def heard(self) -> bytes:
        """All that came so far, 8,000 bytes a second."""
        return b"".join(packet for _, packet in sorted(dict(self._packets).items()))

    def has_heard(self, *sounds: bytes) -> bool:
        """Whether some sounds were heard, in this order."""
        heard, at = self.heard, 0
        for sound in sounds:
            at = heard.find(middle(sound), at)
            if at < 0:
                return False
        return True


def middle(sound: bytes) -> bytes:
    """Half of a sound: enough to know it by, whatever happens at its ends."""
    return sound[len(sound) // 4 : len(sound) * 3 // 4]
