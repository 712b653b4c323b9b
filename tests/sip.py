"""SIP phones and callers for the tests: SIPp, with scenarios written from short stories.

:class:`Phones` register like agents' headsets and answer (or do not). A
:class:`Caller` dials the line like a trunk, presses keys and hangs up. Each is
a SIPp process on loopback with a log of every message and its microsecond,
which is the truth that tests compare with. One file because phones, callers and their
messages are one language.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .ports import free_port, holds

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
EMPTY = "Content-Length: 0\n\n"
WITH_SDP = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}"
REPLY = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <{contact}>
{body}"""
# A second of a tone of 500 Hz: eight samples of A-law (ITU-T G.711) per period, a little uneven.
TONE = bytes([0xD5, 0xA8, 0xA2, 0xA8, 0xD5, 0x28, 0x22, 0x28] * 2) * 500
HERE = "sip:x@[local_ip]:[local_port]"
TAG = ";tag=p[call_number]"
END = "</scenario>"
NO_PORT = 254  # how SIPp ends if it cannot bind one of its ports
LOGGED = re.compile(
    r"^-{20,} (\d{4}-\d\d-\d\d)[ T\t]+(\d\d:\d\d:\d\d\.\d{6})\s*\n"
    r".*?message (sent|received)[^\n]*\n\n(.*?)(?=^-{20,} \d{4}|\Z)",
    re.MULTILINE | re.DOTALL,
)


def sipp() -> str:
    """SIPp's path: ``$SIPP``, or from PATH."""
    found = os.environ.get("SIPP") or shutil.which("sipp")
    assert found, "SIPp is missing: run the tests through ./run test, or set SIPP"
    return found


@dataclass(frozen=True)
class Message:
    """One SIP message as logged by SIPp. ``at`` is seconds since 1970."""

    at: float
    way: str  # sent or received
    first: str  # request line or status line
    call: str  # Call-ID
    method: str  # of CSeq
    text: str


@dataclass
class Process:
    """A SIPp process with its message log."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, timeout: float = 60) -> int:
        """SIPp's exit code: 0 when every call went as in its story."""
        return self.process.wait(timeout)

    def succeed(self, timeout: float = 60) -> "Process":
        """Wait, and fail with what SIPp saw unless every call went as in its story."""
        assert self.wait(timeout) == 0, f"SIPp: a call did not go as told\n{self.tail()}"
        return self

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def tail(self) -> str:
        seen = [f"{m.at % 1000:8.3f} {m.way:8} {m.first}" for m in self.messages()[-25:]]
        out = self.log.with_suffix(".out").read_text("utf-8", "replace").splitlines()
        said = [line for line in out if "nexpected" in line or "nable" in line]
        return "\n".join([f"it ended with {self.process.returncode}", *seen, *said])

    def messages(self, way: str = "", start: str = "", method: str = "") -> list[Message]:
        """The messages so far, in order: of one direction, that begin with ``start``.

        ``method`` is that of CSeq: an answer belongs to an INVITE or to a BYE.
        """
        return [
            m
            for m in _logged(self.log)
            if way in ("", m.way) and m.first.startswith(start) and method in ("", m.method)
        ]

    def when(self, way: str, start: str, nth: int = 0, method: str = "") -> float:
        """The time of the n-th message that begins so."""
        return self.messages(way, start, method)[nth].at


def _logged(log: Path) -> Iterator[Message]:
    text = log.read_text("latin-1") if log.exists() else ""
    for day, clock, way, body in LOGGED.findall(text):
        call = re.search(r"^Call-ID: *(\S+)", body, re.MULTILINE | re.IGNORECASE)
        at = datetime.fromisoformat(f"{day} {clock}").timestamp()
        first = body.split("\n", 1)[0].strip()
        method = re.search(r"^CSeq: *\d+ +(\w+)", body, re.MULTILINE | re.IGNORECASE)
        yield Message(at, way, first, call[1] if call else "", method[1] if method else "", body)


def run(
    scenario: str,
    folder: Path,
    port: int,
    target: int,
    calls: int | None = 1,
    rate: float = 10,
    rows: tuple[str, ...] = (),
) -> Process:
    """Start SIPp with a scenario text against 127.0.0.1:``target``; it has its ports on return.

    ``rows`` are the values ``[field0];[field1]`` of the calls, one row after the other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{port}-{len(list(folder.glob('*.xml')))}"
    (folder / f"{name}.xml").write_text(scenario, "latin-1")
    log = folder / f"{name}.messages"
    command = [
        sipp(), f"127.0.0.1:{target}", "-sf", str(folder / f"{name}.xml"), "-i", "127.0.0.1",
        "-p", str(port), "-ci", "127.0.0.1", "-nostdin", "-trace_msg",
        "-message_file", str(log), "-r", str(rate), "-l", "1000", "-timeout", "300",
    ]  # fmt: skip
    if calls is not None:
        command += ["-m", str(calls)]
    if rows:
        (folder / f"{name}.csv").write_text("\n".join(("SEQUENTIAL", *rows, "")), "latin-1")
        command += ["-inf", str(folder / f"{name}.csv")]
    for _ in range(5):
        sound = free_port()
        with open(folder / f"{name}.out", "wb") as out:
            process = subprocess.Popen(
                [*command, "-mp", str(sound)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=folder,
            )
        if _bound(process, sound + 2):
            break
    return Process(process, log)


def _bound(process: subprocess.Popen[bytes], last: int) -> bool:
    """Wait until SIPp has all its ports; False if one was taken and it ended for that."""
    end = time.monotonic() + 10
    while process.poll() is None and not holds(process.pid, last):
        assert time.monotonic() < end, "SIPp does not start"
        time.sleep(0.002)
    return process.returncode != NO_PORT


def message(text: str, retransmit: bool = False) -> str:
    retries = ' retrans="500"' if retransmit else ""
    return f"<send{retries}><![CDATA[\n{text}\n]]></send>\n"


def reply(status: str, body: str = EMPTY, tag: str = "", contact: str = HERE) -> str:
    return message(REPLY.format(status=status, body=body, tag=tag, contact=contact))


@dataclass
class Phones:
    """The phones of some agents, all alike. ``answer`` and ``talk`` are milliseconds.

    ``answer=None`` lets them ring; ``reject`` is a status line, ``forward`` the
    Contact that a 302 names; ``talk=None`` waits for the other side to hang up.
    """

    logins: Mapping[str, str]  # name -> password
    server: int
    folder: Path
    answer: int | None = 500
    talk: int | None = None
    reject: str = ""
    forward: str = HERE
    press: tuple[int, str] | None = None  # milliseconds after the answer, and a key
    port: int = field(default_factory=free_port)
    process: Process | None = None

    def register(self, expires: int = 600) -> Process:
        """REGISTER all with digest authentication."""
        text = HEAD
        for number in (1, 2):
            text += message(
                f"REGISTER sip:[remote_ip]:[remote_port] SIP/2.0\n"
                f"Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
                f"From: <sip:[field0]@[remote_ip]>;tag=r[call_number]\n"
                f"To: <sip:[field0]@[remote_ip]>\nCall-ID: [call_id]\nCSeq: {number} REGISTER\n"
                f"Contact: <sip:[field0]@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
                f"Expires: {expires}\n" + ("[field1]\n" if number == 2 else "") + EMPTY,
                retransmit=True,
            )
            wanted = '"401" auth="true"' if number == 1 else '"200"'
            text += f"<recv response={wanted}/>\n"
        rows = tuple(
            f"{name};[authentication username={name} password={password}]"
            for name, password in self.logins.items()
        )
        count = len(rows)
        return run(text + END, self.folder, self.port, self.server, count, 50, rows)

    def start(self) -> "Phones":
        """Register, then serve calls until stopped."""
        self.register().succeed(20)
        return self.listen()

    def listen(self) -> "Phones":
        """Serve calls, without a registration."""
        self.process = run(self.story(), self.folder, self.port, self.server, None)
        return self

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    @property
    def log(self) -> Process:
        assert self.process, "these phones do not serve calls"
        return self.process

    def story(self) -> str:
        """The scenario: one dialog for each ring; OPTIONS are answered at any time."""
        text = HEAD + '<recv request="OPTIONS" optional="true" next="1"/>\n'
        text += '<recv request="INVITE" rrs="true"><action>'
        text += '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>'
        text += '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/></action></recv>\n'
        if self.reject:
            text += reply(self.reject, tag=TAG, contact=self.forward)
            text += '<recv request="ACK" next="2"/>\n'
        else:
            text += reply("180 Ringing", tag=TAG) + self._answer()
        text += '<label id="1"/>\n' + reply("200 OK") + '<label id="2"/>\n'
        return text + f'<Reference variables="1,2"/>\n{END}'

    def _press(self) -> str:
        """A key, by INFO, unless the other side has hung up before."""
        if self.press is None:
            return ""
        after, key = self.press
        text = f'<recv request="BYE" timeout="{after}" ontimeout="6"/>\n' + reply("200 OK")
        text += '<nop next="2"/>\n<label id="6"/>\n'
        body = f"Signal={key}\nDuration=160\n"
        kind = f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n{body}"
        text += message(
            "INFO [next_url] SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
            f"From: [$2]{TAG}\nTo: [$1]\nCall-ID: [call_id]\nCSeq: 80 INFO\n"
            f"Max-Forwards: 70\n{kind}",
            retransmit=True,
        )
        return text + '<recv response="200"/>\n'

    def _answer(self) -> str:
        cancelled = (
            '<label id="3"/>\n' + reply("200 OK") + reply487() + '<recv request="ACK" next="2"/>\n'
        )
        if self.answer is None:
            return '<recv request="CANCEL"/>\n' + cancelled
        text = f'<recv request="CANCEL" timeout="{self.answer}" ontimeout="4"/>\n' + cancelled
        text += '<label id="4"/>\n' + reply("200 OK", WITH_SDP, TAG) + '<recv request="ACK"/>\n'
        text += self._press()
        if self.talk is None:
            return text + '<recv request="BYE"/>\n' + reply("200 OK") + '<nop next="2"/>\n'
        text += f'<recv request="BYE" timeout="{self.talk}" ontimeout="5"/>\n' + reply("200 OK")
        text += '<nop next="2"/>\n<label id="5"/>\n'
        text += message(
            "BYE [next_url] SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n"
            f"From: [$2]{TAG}\nTo: [$1]\nCall-ID: [call_id]\nCSeq: 90 BYE\n"
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

    ``("pause", ms)``, ``("key", "1")``, ``("bye",)``, ``("until-bye", ms)``,
    ``("bye-after", ms)``, ``("speak", s)``: a tone over RTP. ``("pause", "[field0]")`` takes the
    call's row of ``rows``, as does a ``user`` with ``[field0]`` in it.
    ``refused`` is the final status that is expected instead of an answer.
    """

    server: int
    number: str
    folder: Path
    story: tuple[tuple[str, ...], ...] = (("until-bye", "60000"),)
    port: int = field(default_factory=free_port)
    user: str = "0612345678"
    display: str = "Caller"
    password: str = ""
    refused: str = ""
    calls: int = 1
    rate: float = 10
    rows: tuple[str, ...] = ()

    def start(self) -> Process:
        return run(
            self.text(), self.folder, self.port, self.server, self.calls, self.rate, self.rows
        )

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
        text = HEAD
        if ("pause", "[field0]") in self.story:
            text += '<nop><action><assignstr assign_to="8" value="[field0]"/>'
            text += '<todouble assign_to="9" variable="8"/></action></nop>\n'
        text += message(self._request("INVITE", 1, WITH_SDP, False), retransmit=True)
        sequence = 1
        if self.password:
            login = f"[authentication username={self.user} password={self.password}]\n"
            text += '<recv response="401" auth="true"/>\n'
            text += message(self._ack(1))
            text += message(self._request("INVITE", 2, login + WITH_SDP, False), retransmit=True)
            sequence = 2
        text += '<recv response="100" optional="true"/>\n'
        if self.refused:
            text += f'<recv response="{self.refused}"/>\n' + message(self._ack(sequence))
            return text + END
        text += '<recv response="180" optional="true"/>\n'
        text += '<recv response="183" optional="true"/>\n<recv response="200" rrs="true"/>\n'
        text += message(self._request("ACK", sequence, EMPTY))
        return text + self._steps(sequence) + END

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
                case ("pause", "[field0]"):
                    text += '<pause variable="9"/>\n'
                case ("pause", milliseconds):
                    text += f'<pause milliseconds="{milliseconds}"/>\n'
                case ("key", key):
                    body = f"Signal={key}\nDuration=160\n"
                    kind = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n"
                    text += message(self._request("INFO", sequence, kind + body), retransmit=True)
                    text += '<recv response="200"/>\n'
                case ("speak", seconds):
                    file = self.folder / "speech.alaw"
                    file.write_bytes(TONE * int(seconds))
                    stream = f'rtp_stream="{file},1,8"'
                    text += f"<nop><action><exec {stream}/></action></nop>\n"
                    text += f'<pause milliseconds="{int(seconds) * 1000}"/>\n'
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
                case _:
                    raise ValueError(f"no such step: {step}")
        return text
