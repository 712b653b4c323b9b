"""SIPp under load: callers at a rate, and agents' phones behind one port.

The agent hangs up, after a talk of fixed length; a caller only waits. No message is traced:
times are read from Asterisk's own channel event log (bench/_cel.py).
"""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from _lines import free_port

HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="bench">\n'
SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=bench 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""
REQUEST = """{method} {uri} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:{user}@[local_ip]:[local_port]>;tag=c[call_number]
To: <sip:{number}@[remote_ip]:[remote_port]>{peer}
Call-ID: [call_id]
CSeq: {sequence} {method}
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
{body}"""
REPLY = """SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:phone@[local_ip]:[local_port]>
{body}"""
EMPTY = "Content-Length: 0\n\n"
PHONE_BYE = """BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: [$2];tag=p[call_number]
To: [$1]
Call-ID: [call_id]
CSeq: 90 BYE
Max-Forwards: 70
Content-Length: 0

"""


def sipp() -> str:
    """SIPp's path: ``$SIPP``, which ./run sets, or from PATH."""
    found = os.environ.get("SIPP") or shutil.which("sipp")
    if not found:
        sys.exit("SIPp is missing; run this through: ./run bench NAME")
    return found


def _send(text: str, retransmit: bool = False, extra: str = "") -> str:
    retries = ' retrans="500"' if retransmit else ""
    return f"<send{retries}{extra}><![CDATA[\n{text}\n]]></send>\n"


BYE_OK = _send(REPLY.format(tag="", body=EMPTY))


def caller(number: str, key: str = "", key_after_ms: int = 0, user: str = "0612345678") -> str:
    """A scenario: call, press a key after a while if there is one, wait for the end.

    A caller who hears the menu for two more seconds presses once more.
    """

    def request(method: str, sequence: int, body: str = EMPTY) -> str:
        first = sequence == 1 and method == "INVITE"
        uri = f"sip:{number}@[remote_ip]:[remote_port]" if first else "[next_url]"
        peer = "" if first else "[peer_tag_param]"
        return REQUEST.format(
            method=method, uri=uri, user=user, number=number, peer=peer, sequence=sequence,
            body=body,
        )  # fmt: skip

    def press(sequence: int) -> str:
        body = f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal={key}\n"
        info = request("INFO", sequence, body + "Duration=100\n")
        return _send(info, retransmit=True) + '<recv response="200"/>\n'

    text = HEAD + _send(request("INVITE", 1, SDP), retransmit=True)
    for code in (100, 180, 183):
        text += f'<recv response="{code}" optional="true"/>\n'
    text += '<recv response="200" rrs="true" timeout="20000"/>\n' + _send(request("ACK", 1))
    if key:
        text += f'<pause milliseconds="{key_after_ms}"/>\n' + press(2)
        text += '<recv request="BYE" timeout="2000" ontimeout="1"/>\n' + BYE_OK
        text += '<nop next="2"/>\n<label id="1"/>\n' + press(3)
    text += '<recv request="BYE" timeout="60000"/>\n' + BYE_OK
    return text + '<label id="2"/>\n</scenario>'


def phone(talk_ms: int) -> str:
    """A scenario: answer at once, talk, hang up."""
    text = HEAD + '<recv request="INVITE" rrs="true"><action>'
    text += '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>'
    text += '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/></action></recv>\n'
    text += _send(REPLY.format(tag=";tag=p[call_number]", body=SDP), retransmit=True)
    text += '<recv request="ACK"/>\n'
    text += f'<pause milliseconds="{talk_ms}"/>\n' + _send(PHONE_BYE, retransmit=True)
    return text + '<recv response="200"/>\n</scenario>'


@dataclass(frozen=True)
class Result:
    """What SIPp counted, in calls."""

    ended: int
    failed: int


def call(
    folder: Path, scenario: str, port: int, calls: int, rate: float, at_once: int = 1000
) -> Result:
    """Place ``calls`` calls at ``rate`` a second, at most ``at_once`` at a time; wait for all."""
    arguments = ["-p", str(free_port()), "-m", str(calls), "-r", str(rate)]
    arguments += ["-l", str(at_once), "-timeout", "90"]
    process, figures = _start(folder, "caller", scenario, port, arguments)
    process.wait(120)
    with open(figures, encoding="ascii", errors="replace") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    return Result(
        int(last["SuccessfulCall(C)"]),
        int(last["FailedCall(C)"]) + calls - int(last["TotalCallCreated"]),
    )


@contextmanager
def phones(folder: Path, talk_ms: int, server: int, port: int) -> Iterator[int]:
    """All agents' phones on one port until the end of the block; SIPp's pid."""
    arguments = ["-p", str(port)]
    process, _ = _start(folder, f"phone{talk_ms}", phone(talk_ms), server, arguments)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait(5)


def _start(
    folder: Path, name: str, scenario: str, port: int, arguments: Sequence[str]
) -> tuple["subprocess.Popen[bytes]", Path]:
    story, figures = folder / f"{name}.xml", folder / f"{name}.csv"
    figures.unlink(missing_ok=True)
    story.write_text(scenario, "ascii")
    command = [
        sipp(), f"127.0.0.1:{port}", "-sf", str(story), "-i", "127.0.0.1", "-nostdin",
        "-trace_stat", "-stf", str(figures), "-fd", "1", *arguments,
    ]  # fmt: skip
    with open(folder / f"{name}.out", "wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder
        ), figures
