"""SIP by hand, byte by byte: for messages that no well-behaved SIP program would send."""

import hashlib
import itertools
import re
import socket
from dataclasses import dataclass, field

SDP = (
    b"v=0\r\no=u 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 19998 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
_numbers = itertools.count(1)


@dataclass
class RawCall:
    """One INVITE and what follows. ``headers`` are sent as they are; so are From and To.

    Without From in ``headers``, From is ``user`` at this machine. ``status`` is that of the
    final answer, 0 when none came in time.
    """

    server: int
    number: bytes
    headers: dict[str, bytes] = field(default_factory=dict)
    user: str = "0145000000"
    password: str = ""
    patience: float = 1.0  # seconds for the final answer
    status: int = 0
    sdp: bytes = SDP
    host: str = "127.0.0.1"  # our own address

    def __enter__(self) -> "RawCall":
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.host, 0))
        self._socket.settimeout(self.patience)
        self._port = self._socket.getsockname()[1]
        self._id = f"raw-{self._port}-{next(_numbers)}"
        self._to = b""
        self._sequence = 1
        answer = self._invite()
        if self.status == 401 and self.password:
            self._request("ACK")
            self._sequence += 1
            answer = self._invite(self._credentials(answer))
        if self.status >= 300:
            self._request("ACK")
        if self.status == 200:
            self._request("ACK")
        return self

    def __exit__(self, *exception: object) -> None:
        if self.status == 200:
            self._sequence += 1
            self._request("BYE")
            self._answer("BYE")
        self._socket.close()

    def _invite(self, login: bytes = b"") -> bytes:
        kind = b"Content-Type: application/sdp\r\n"
        self._request("INVITE", login + kind, self.sdp)
        answer = self._answer("INVITE")
        found = re.match(rb"SIP/2.0 (\d{3})", answer)
        self.status = int(found[1]) if found else 0
        tag = re.search(rb"^To:.*?(;tag=[^\s;]+)", answer, re.MULTILINE)
        self._to = tag[1] if tag else b""
        return answer

    def _request(self, method: str, more: bytes = b"", body: bytes = b"") -> None:
        here = f"{self.host}:{self._port}".encode()
        identity = b"<sip:%s@%s>" % (self.user.encode(), here)
        target = b"sip:%s@127.0.0.1:%d" % (self.number, self.server)
        headers = {"From": identity, "To": b"<%s>" % target, "Contact": identity} | self.headers
        if method != "INVITE":
            headers = {name: headers[name] for name in ("From", "To", "Contact")}
        headers["From"] += b";tag=raw"
        if method != "INVITE" or self._sequence == 1:
            headers["To"] += self._to
        lines = [b"%s %s SIP/2.0" % (method.encode(), target)]
        branch = f"z9hG4bK{self._id}-{self._sequence if method != 'BYE' else 'bye'}".encode()
        lines.append(b"Via: SIP/2.0/UDP %s;rport;branch=%s" % (here, branch))
        lines += [name.encode() + b": " + value for name, value in headers.items()]
        lines.append(f"Call-ID: {self._id}\r\nCSeq: {self._sequence} {method}".encode())
        lines.append(b"Max-Forwards: 70\r\n%sContent-Length: %d" % (more, len(body)))
        packet = b"\r\n".join(lines) + b"\r\n\r\n" + body
        self._socket.sendto(packet, ("127.0.0.1", self.server))

    def _answer(self, method: str) -> bytes:
        """The final answer to a request; empty when none comes in time."""
        try:
            while True:
                packet = self._socket.recv(65536)
                ours = re.search(rb"^CSeq: *%d +%s" % (self._sequence, method.encode()), packet, 8)
                if ours and packet.startswith(b"SIP/2.0 ") and packet[8:9] != b"1":
                    return packet
        except TimeoutError:
            return b""

    def _credentials(self, challenge: bytes) -> bytes:
        """Digest authentication (RFC 2617, with or without qop)."""
        text = challenge.decode("latin-1")
        wants = dict(re.findall(r'(realm|nonce|opaque)="([^"]*)"', text))
        uri = f"sip:{self.number.decode('latin-1')}@127.0.0.1:{self.server}"
        one = _md5(f"{self.user}:{wants['realm']}:{self.password}")
        two = _md5(f"INVITE:{uri}")
        qop = ', qop=auth, nc=00000001, cnonce="c"' if "qop=" in text else ""
        middle = "00000001:c:auth:" if qop else ""
        response = _md5(f"{one}:{wants['nonce']}:{middle}{two}")
        opaque = f', opaque="{wants["opaque"]}"' if "opaque" in wants else ""
        return (
            f'Authorization: Digest username="{self.user}", realm="{wants["realm"]}", '
            f'nonce="{wants["nonce"]}", uri="{uri}", response="{response}", '
            f"algorithm=MD5{qop}{opaque}\r\n"
        ).encode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("latin-1"), usedforsecurity=False).hexdigest()
