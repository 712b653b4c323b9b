"""One SIP OPTIONS (RFC 3261, 11): does anybody answer at an address, and what."""

import secrets
import socket
import time

PATIENCE = 4.0  # seconds for an answer
RESEND = 1.0  # seconds before it is sent again: UDP loses packets (T1 doubled, RFC 3261 17.1.2)
LARGEST = 65_535  # bytes


def ask(address: tuple[str, int], source: str = "", patience: float = PATIENCE) -> str:
    """The first line of the answer without "SIP/2.0", as "200 OK"; empty when none came.

    :param address: IPv4 and port. :param source: the address of ours to send from.
    :raises OSError: the address cannot be reached from here at all.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind((source, 0))
        ours.connect(address)  # so that only this address is heard, and its refusal (ICMP) is, too
        call, end = secrets.token_hex(8), time.monotonic() + patience
        request = _request(address, ours.getsockname(), call)
        while (left := end - time.monotonic()) > 0:
            ours.settimeout(min(RESEND, left))
            try:
                ours.send(request)
                answer = ours.recv(LARGEST)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                return ""
            if line := _status(answer, call):
                return line
    return ""


def _status(answer: bytes, call: str) -> str:
    head, _, rest = answer.partition(b"\r\n")
    if not head.startswith(b"SIP/2.0 ") or call.encode() not in rest:
        return ""
    text = head[8:88].decode("ascii", "replace")
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _request(address: tuple[str, int], ours: tuple[str, int], call: str) -> bytes:
    here, there = f"{ours[0]}:{ours[1]}", f"{address[0]}:{address[1]}"
    lines = (
        f"OPTIONS sip:{there} SIP/2.0",
        f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{call}",
        "Max-Forwards: 70",
        f"From: <sip:decroche@{here}>;tag={call}",
        f"To: <sip:{there}>",
        f"Call-ID: {call}@decroche",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:decroche@{here}>",
        "Content-Length: 0",
        "",
        "",
    )
    return "\r\n".join(lines).encode()
