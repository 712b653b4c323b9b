"""The AMI stream as events: an incremental, bounded decoder on bytes.

Asterisk separates packets by an empty line. Splitting happens on bytes, before
decoding, so that no chunk boundary can lose a character. Of a repeated header
the first one wins: what comes later may have been smuggled into a value.
"""

EVENT_BYTES = 64 << 10  # of one packet; longer ones are dropped
HEADERS = 256  # of one packet; what follows is ignored
END = b"\r\n\r\n"

Packet = dict[str, str]


class Decoder:
    """``feed`` bytes in any portions, get whole packets (header -> first value)."""

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False
        self._skipping = False
        self.dropped = 0  # packets that were too long

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that ``data`` completes, in order."""
        buffer = self._buffer + data if self._buffer else data
        if not self._greeted:
            _, found, rest = buffer.partition(b"\r\n")
            if not found:
                self._buffer = buffer[:EVENT_BYTES]
                return []
            self._greeted, buffer = True, rest
        *parts, self._buffer = buffer.split(END)
        packets = [self._packet(part) for part in parts]
        if len(self._buffer) > EVENT_BYTES:
            self._skipping, self._buffer = True, self._buffer[-3:]
        return [packet for packet in packets if packet]

    def _packet(self, part: bytes) -> Packet:
        if self._skipping or len(part) > EVENT_BYTES:
            self._skipping = False
            self.dropped += 1
            return {}
        packet: Packet = {}
        for line in part.decode("utf-8", "replace").split("\r\n", HEADERS)[:HEADERS]:
            # As Asterisk writes them; anything else ends its name at the first colon.
            name, found, value = line.partition(": ")
            if not found or ":" in name:
                name, found, value = line.partition(":")
            if found and name not in packet:
                packet[name] = value
        return packet
