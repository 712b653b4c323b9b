"""The doctor's look at the services: flows, recorder and page, and what starts them."""

import socket
from collections.abc import Iterator
from pathlib import Path

from . import processes
from .doctor_case import UP, Case, Check, Finding, Unseen, good, look, wrong

ANSWER = 3.0  # seconds that a service has for one question
SILENCE = b"\0"  # no answer in time; no service begins with it
# What Asterisk would send (FastAGI), for a flow that ends at once; see agi/service.py.
HELLO = b"agi_network_script: doctor\n\n"
GET = "GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
SYSTEMD = Path("/run/systemd/system")  # there where systemd is what runs the machine
NAMES = ("pbx", "flows", "recorder", "dashboard")


def flows(case: Case) -> Iterator[Finding]:
    port = case.network.agi
    if stranger := _stranger(case, port):
        yield _taken(port, "agi", stranger)
        return
    said = _exchange("127.0.0.1", port, HELLO)
    if said is None:
        yield wrong(
            f"the flows do not run: nobody listens on port {port}",
            "No menu, no opening message, no call-backs: Asterisk's own queue rings for everybody.",
            "decroche serve flows (with systemd: systemctl restart decroche-flows)",
        )
    elif said == SILENCE:
        yield _frozen("flows", port, "Each caller waits 3 s, then Asterisk's own queue rings.")
    elif said:  # ours ends the session without a word
        yield _taken(port, "agi", None)
    else:
        yield good(f"the flows answer on port {port}")


def recorder(case: Case) -> Iterator[Finding]:
    """One recorder, and only one: its lock, and its sessions with Asterisk."""
    pids = processes.holders(case.folder.root / "recorder.lock")
    sessions = _sessions(case).count("recorder") if case.asterisk == UP else 0
    if len(pids) > 1 or sessions > 1:
        count = max(len(pids), sessions)
        who = f": processes {', '.join(map(str, pids))}" if pids else ""
        yield wrong(
            f"{count} recorders write one record{who}",
            "Calls go on; the two get in each other's way, and what they write may disagree.",
            f"end all but one: kill {pids[-1]}" if len(pids) > 1 else "end all but one of them",
        )
    elif not pids and not sessions:
        yield wrong(
            "the recorder does not run",
            "Calls go on; the board stands still. It reads on when it is back.",
            "decroche serve recorder (with systemd: systemctl restart decroche-recorder)",
        )
    elif pids and processes.is_stopped(pids[0]):
        yield wrong(
            f"the recorder stands still (process {pids[0]})",
            "Calls go on; the board stands still.",
            f"kill -CONT {pids[0]}, or start it again",
        )
    elif case.asterisk == UP and not sessions:
        yield wrong(
            "the recorder runs and is not signed in at Asterisk",
            "Calls go on; the board stands still.",
            "decroche apply, then start the recorder again; its log says why",
        )
    else:
        yield good("one recorder writes the record")


def page(case: Case) -> Iterator[Finding]:
    host, port = case.network.page_bind, case.network.page
    if host not in LOOPBACK:
        yield look(
            f"the page listens on {host}, over plain http",
            "Callers notice nothing; volunteers' passwords travel in clear.",
            'page_bind = "127.0.0.1", and a TLS proxy before it: docs/first-hour.md',
        )
    if stranger := _stranger(case, port):
        yield _taken(port, "page", stranger)
        return
    here = "127.0.0.1" if host == "0.0.0.0" else host
    said = _exchange(here, port, GET.format(host=host).encode("ascii"))
    if said is None:
        yield wrong(
            f"the page does not run: nobody listens on {host}, port {port}",
            "Callers notice nothing; volunteers see no board.",
            "decroche serve dashboard (with systemd: systemctl restart decroche-dashboard)",
        )
    elif not said.startswith(b"HTTP/1"):
        yield _frozen("page", port, "Callers notice nothing; volunteers see no board.")
    else:
        yield good(f"the page answers on port {port}")


def _exchange(host: str, port: int, hello: bytes) -> bytes | None:
    """The beginning of what a service says; None when nobody listens, SILENCE when it is silent."""
    try:
        with socket.create_connection((host, port), ANSWER) as connection:
            connection.settimeout(ANSWER)
            connection.sendall(hello)
            return connection.recv(256)
    except TimeoutError:
        return SILENCE
    except ConnectionResetError:
        return b""
    except OSError:
        return None


def _stranger(case: Case, port: int) -> int | None:
    """The process that listens and has not this line's database open; as far as can be seen."""
    pid = processes.has_port("tcp", port)
    return None if pid in (None, *processes.holders(case.folder.database)) else pid


def _taken(port: int, key: str, pid: int | None) -> Finding:
    who = f"{processes.name_of(pid)} (process {pid})" if pid else "another program"
    return wrong(
        f"the port {port} is taken: {who} has it, and is no service of this line",
        "What should be reached there is not: with the flows' port, callers get no menu.",
        f"end it, or change {key} in [network] of hotline.toml, then: decroche apply, and start "
        "the services again",
    )


def _frozen(who: str, port: int, means: str) -> Finding:
    pid = processes.has_port("tcp", port)
    number = f" (process {pid})" if pid else ""
    remedy = f"kill -CONT {pid}, or start it again" if pid else "start it again"
    return wrong(f"the service {who!r} does not answer on port {port}{number}", means, remedy)


def _sessions(case: Case) -> list[str]:
    """Who is signed in at AMI."""
    lines = case.ask("manager show connected").splitlines()[1:]
    return [words[0] for line in lines if len(words := line.split()) > 4]


def units(case: Case) -> Iterator[Finding]:
    """Whether the line comes back by itself when the machine is started again."""
    if not SYSTEMD.is_dir():
        raise Unseen("this machine is not run by systemd")
    lacking = [
        name for name in NAMES if not any((f / f"decroche-{name}.service").exists() for f in UNITS)
    ]
    if lacking:
        yield look(
            "nothing starts the line when the machine starts: no unit for " + ", ".join(lacking),
            "After a power cut nobody can call until somebody types.",
            'docs/first-hour.md, "For good"',
        )
    else:
        yield good("systemd starts the line with the machine")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("flows", flows),
    ("recorder", recorder),
    ("page", page),
    ("systemd", units),
)
