"""One open page at the other end of a stream, and what is written to it."""

import asyncio

from .settings import UNSENT_MAX


class Follower:
    """One open page. ``ended`` is set when its stream is to end, for whatever reason."""

    def __init__(self, transport: asyncio.Transport, language: str, session: str, chunked: bool):
        self.transport = transport
        self.language = language
        self.session = session
        self.chunked = chunked
        self.ended = asyncio.Event()

    def write(self, message: "Message") -> bool:
        """Send without waiting; False when this follower is gone or reads too slowly."""
        transport = self.transport
        if transport.is_closing():
            return False
        if transport.get_write_buffer_size() > UNSENT_MAX:
            transport.abort()
            return False
        transport.write(message.chunk if self.chunked else message.plain)
        return True


class Message:
    """Bytes of the stream, as they are and as one chunk of HTTP/1.1."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self.chunk = b"%x\r\n%b\r\n" % (len(plain), plain)
