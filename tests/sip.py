"""SIP phones and callers for the tests: SIPp, with scenarios written from short stories.

A :class:`Phone` registers like an agent's headset and answers (or does not). A
:class:`Caller` dials the line like a trunk, presses keys and hangs up. Both are
separate SIPp processes on loopback; each leaves a message log with the
microsecond of every message, which is the truth that tests compare with.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="story">\n'
SDP = """v=0
o=u 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""


def sipp() -> str:
    """SIPp's path: ``$SIPP``, or from PATH."""
    found = os.environ.get("SIPP") or shutil.which("sipp")
    assert found, "SIPp is missing: run the tests through ./run test, or set SIPP"
    return found


def free_port() -> int:
    """A UDP port of the loopback that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def message(text: str, retransmit: bool = False) -> str:
    retries = ' retrans="500"' if retransmit else ""
    return f"<send{retries}><![CDATA[\n{text}\n]]></send>\n"


REPLY = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{user}@[local_ip]:[local_port]>
{body}"""
EMPTY = "Content-Length: 0\n\n"
WITH_SDP = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}"


def reply(status: str, user: str = "x", body: str = EMPTY, tag: str = "") -> str:
    return message(REPLY.format(status=status, user=user, body=body, tag=tag))


@dataclass
class Process:
    """A SIPp process with its message log."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, timeout: float = 60) -> int:
        """SIPp's exit code: 0 when every call went as in its story."""
        return self.process.wait(timeout)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def messages(self) -> list[tuple[float, str, str]]:
        """(seconds since 1970, "sent" or "received", first line) of every message so far."""
        return list(_messages(self.log))

    def when(self, direction: str, start: str, nth: int = 0) -> float:
        """The time of the n-th message that begins so."""
        return [
            at for at, way, line in self.messages() if way == direction and line.startswith(start)
        ][nth]


def _messages(log: Path) -> Iterator[tuple[float, str, str]]:
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    pattern = re.compile(
        r"^-{20,} (\d{4}-\d\d-\d\d)[ T\t]+(\d\d:\d\d:\d\d\.\d+)\s*\n"
        r".*?message (sent|received)[^\n]*\n\n([^\n]*)",
        re.MULTILINE | re.DOTALL,
    )
    for day, clock, way, line in pattern.findall(text):
        at = datetime.fromisoformat(f"{day} {clock[:15]}").timestamp()
        yield at, way, line.strip()


def run(
    scenario: str,
    folder: Path,
    port: int,
    target: int,
    calls: int | None = 1,
    rate: float = 10,
    extra: tuple[str, ...] = (),
) -> Process:
    """Start SIPp with a scenario text against 127.0.0.1:``target``."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{port}-{len(list(folder.glob('*.xml')))}"
    (folder / f"{name}.xml").write_text(scenario)
    log = folder / f"{name}.messages"
    command = [
        sipp(), f"127.0.0.1:{target}", "-sf", str(folder / f"{name}.xml"), "-i", "127.0.0.1",
        "-p", str(port), "-mp", str(10_000 + port % 20_000), "-nostdin", "-trace_msg",
        "-message_file", str(log), "-r", str(rate), "-l", "1000", *extra,
    ]  # fmt: skip
    if calls is not None:
        command += ["-m", str(calls)]
    with open(folder / f"{name}.out", "wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder
        )
    return Process(process, log)


@dataclass
class Phone:
    """An agent's phone. ``answer`` and ``talk`` are milliseconds.

    ``answer=None`` lets it ring; ``reject`` is a status line; ``talk=None``
    waits for the other side to hang up.
    """

    name: str
    password: str
    server: int
    folder: Path
    answer: int | None = 500
    talk: int | None = None
    reject: str = ""
    port: int = field(default_factory=free_port)
    process: Process | None = None

    def register(self, expires: int = 600) -> None:
        """REGISTER with digest authentication; raises when it is refused."""
        text = HEAD
        for number, authentication in (
            (1, ""),
            (2, "[authentication username={0} password={1}]\n"),
        ):
            text += message(
                f"REGISTER sip:[remote_ip]:[remote_port] SIP/2.0\n"
                f"Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
                f"From: <sip:{self.name}@[remote_ip]>;tag=r[call_number]\n"
                f"To: <sip:{self.name}@[remote_ip]>\nCall-ID: [call_id]\nCSeq: {number} REGISTER\n"
                f"Contact: <sip:{self.name}@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
                f"Expires: {expires}\n{authentication.format(self.name, self.password)}{EMPTY}",
                retransmit=True,
            )
            text += (
                '<recv response="401" auth="true"/>\n'
                if number == 1
                else '<recv response="200"/>\n'
            )
        assert run(text + "</scenario>", self.folder, self.port, self.server).wait(20) == 0

    def start(self, calls: int | None = None) -> "Phone":
        """Register, then serve calls until stopped."""
        self.register()
        self.process = run(self._story(), self.folder, self.port, self.server, calls)
        return self

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    def dial(self, code: str) -> None:
        """Call a feature code from this phone (its own SIPp on another port) to its end."""
        caller = Caller(self.server, code, self.folder, user=self.name, password=self.password)
        assert caller.start().wait(40) == 0

    def _story(self) -> str:
        text = HEAD + '<recv request="OPTIONS" optional="true" next="1"/>\n'
        text += '<recv request="INVITE" rrs="true"><action>'
        text += '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>'
        text += '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/></action></recv>\n'
        tag = ";tag=p[call_number]"
        if self.reject:
            text += reply(self.reject, self.name, tag=tag) + '<recv request="ACK" next="2"/>\n'
        else:
            text += reply("180 Ringing", self.name, tag=tag)
            text += self._answer(tag)
        text += '<label id="1"/>\n' + reply("200 OK", self.name) + '<label id="2"/>\n'
        return text + '<Reference variables="1,2"/>\n</scenario>'

    def _answer(self, tag: str) -> str:
        cancelled = (
            '<label id="3"/>\n' + reply("200 OK") + reply487() + '<recv request="ACK" next="2"/>\n'
        )
        if self.answer is None:
            return '<recv request="CANCEL"/>\n' + cancelled
        text = f'<recv request="CANCEL" timeout="{self.answer}" ontimeout="4"/>\n' + cancelled
        text += '<label id="4"/>\n' + reply("200 OK", self.name, WITH_SDP, tag)
        text += '<recv request="ACK"/>\n'
        if self.talk is None:
            return text + '<recv request="BYE"/>\n' + reply("200 OK") + '<nop next="2"/>\n'
        text += f'<recv request="BYE" timeout="{self.talk}" ontimeout="5"/>\n' + reply("200 OK")
        text += '<nop next="2"/>\n<label id="5"/>\n'
        text += message(
            "BYE [next_url] SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
            f"From: [$2]{tag}\nTo: [$1]\nCall-ID: [call_id]\nCSeq: 90 BYE\n"
            f"Max-Forwards: 70\n{EMPTY}",
            retransmit=True,
        )
        return text + '<recv response="200" next="2"/>\n'


def reply487() -> str:
    """The final answer to the INVITE that was cancelled."""
    return message(
        "SIP/2.0 487 Request Terminated\n[last_Via:]\nFrom: [$1]\nTo: [$2];tag=p[call_number]\n"
        f"Call-ID: [call_id]\nCSeq: [last_cseq_number] INVITE\n{EMPTY}",
        retransmit=True,
    )


@dataclass
class Caller:
    """Somebody who calls. ``story`` is a list of steps after the answer:

    ``("pause", ms)``, ``("key", "1")``, ``("bye",)`` or ``("until-bye", ms)``.
    """

    server: int
    number: str
    folder: Path
    story: tuple[tuple[str, ...], ...] = (("until-bye", "60000"),)
    port: int = field(default_factory=free_port)
    user: str = "0612345678"
    display: str = "Caller"
    password: str = ""
    calls: int = 1
    rate: float = 10

    def start(self) -> Process:
        return run(
            self.text(), self.folder, self.port, self.server, self.calls, self.rate,
            ("-timeout", "300"),
        )  # fmt: skip

    def _request(self, method: str, sequence: int, body: str, in_dialog: bool = True) -> str:
        uri = "[next_url]" if in_dialog else f"sip:{self.number}@[remote_ip]:[remote_port]"
        peer = "[peer_tag_param]" if in_dialog else ""
        return (
            f"{method} {uri} SIP/2.0\n"
            f"Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
            f'From: "{self.display}" <sip:{self.user}@[local_ip]:[local_port]>;tag=c[call_number]\n'
            f"To: <sip:{self.number}@[remote_ip]:[remote_port]>{peer}\n"
            f"Call-ID: [call_id]\nCSeq: {sequence} {method}\n"
            f"Contact: <sip:caller@[local_ip]:[local_port]>\nMax-Forwards: 70\n{body}"
        )

    def text(self) -> str:
        """The scenario."""
        text = HEAD + message(self._request("INVITE", 1, WITH_SDP, False), retransmit=True)
        sequence = 1
        if self.password:
            login = f"[authentication username={self.user} password={self.password}]\n"
            text += '<recv response="401" auth="true"/>\n'
            text += message(self._ack(1))
            text += message(self._request("INVITE", 2, login + WITH_SDP, False), retransmit=True)
            sequence = 2
        text += '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        text += '<recv response="183" optional="true"/>\n<recv response="200" rrs="true"/>\n'
        text += message(self._request("ACK", sequence, EMPTY))
        return text + self._steps(sequence) + "</scenario>"

    def _ack(self, sequence: int) -> str:
        """The ACK of a refusal is part of its transaction (RFC 3261 section 17.1.1.3)."""
        return self._request("ACK", sequence, EMPTY, False).replace(
            "@[remote_ip]:[remote_port]>\nCall-ID",
            "@[remote_ip]:[remote_port]>[peer_tag_param]\nCall-ID",
        )

    def _steps(self, sequence: int) -> str:
        text, label = "", 10
        for step in self.story:
            sequence += 1
            match step:
                case ("pause", milliseconds):
                    text += f'<pause milliseconds="{milliseconds}"/>\n'
                case ("key", key):
                    body = f"Signal={key}\nDuration=160\n"
                    kind = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n"
                    text += message(self._request("INFO", sequence, kind + body), retransmit=True)
                    text += '<recv response="200"/>\n'
                case ("bye",):
                    text += message(self._request("BYE", sequence, EMPTY), retransmit=True)
                    text += '<recv response="200"/>\n'
                case ("until-bye", milliseconds):
                    text += f'<recv request="BYE" timeout="{milliseconds}"/>\n' + reply("200 OK")
                case ("bye-after", milliseconds):
                    # The other side may hang up first: both are a good end.
                    text += f'<recv request="BYE" timeout="{milliseconds}" ontimeout="{label}"/>\n'
                    text += reply("200 OK") + f'<nop next="{label + 1}"/>\n<label id="{label}"/>\n'
                    text += message(self._request("BYE", sequence, EMPTY), retransmit=True)
                    text += f'<recv response="200"/>\n<label id="{label + 1}"/>\n'
                    label += 2
        return text
