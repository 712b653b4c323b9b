"""A release on trial: does it boot with our modules, say a word and call itself?

The folder written here is also the smallest configuration with which Asterisk starts without a
single warning, so the tests start from it.
"""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path

from .modules import MODULES, loadable
from .pbx import Pbx, StartError
from .release import Release
from .remedies import InstallError

DIRECTORIES = """\
[directories]
astetcdir => {root}/etc
astmoddir => {root}/modules
astvarlibdir => {root}/lib
astdbdir => {root}/lib
astkeydir => {root}/lib
astcachedir => {root}/lib
astdatadir => {root}/data
astagidir => {root}/lib
astspooldir => {root}/spool
astrundir => {root}/run
astlogdir => {root}/log
astsbindir => {root}/run

[options]
nocolor = yes
systemname = trial
"""
FILES = {
    "acl.conf": "; none\n",
    "ccss.conf": "[general]\n",
    "cdr.conf": "[general]\nenable = no\n",
    "cel.conf": "[general]\nenable = yes\napps = dial,queue\nevents = ALL\n",
    "cel_sqlite3_custom.conf": (
        "[cel]\ntable = cel\ncolumns = eventtype, eventtime, linkedid\n"
        "values = '${eventtype}','${eventtime}','${CHANNEL(linkedid)}'\n"
    ),
    "features.conf": "[general]\n",
    "http.conf": "[general]\nenabled = no\n",
    "indications.conf": (
        "[general]\ncountry = fr\n\n[fr]\ndescription = France\nringcadence = 1500,3500\n"
        "dial = 440\nbusy = 440/500,0/500\nring = 440/1500,0/3500\ncongestion = 440/250,0/250\n"
    ),
    "logger.conf": "[general]\n[logfiles]\nfull.log => notice,warning,error\n",
    "manager.conf": "[general]\nenabled = no\n",
    "musiconhold.conf": "[default]\nmode = files\ndirectory = {root}/data/moh\n",
    "pjproject.conf": "[startup]\n",
    "pjsip.conf": (
        "[global]\ntype = global\n\n[udp]\ntype = transport\nprotocol = udp\n"
        "bind = 127.0.0.1:{port}\n"
    ),
    "queuerules.conf": "[general]\n",
    "queues.conf": "[general]\n",
    "rtp.conf": "[general]\nrtpstart = 30000\nrtpend = 30100\n",
    "stasis.conf": "[threadpool]\n",
    "udptl.conf": "[general]\n",
    # The other end of the call answers, says a digit in French, and leaves a note that it did.
    "extensions.conf": (
        "[trial]\nexten => s,1,Answer()\n same => n,Set(CHANNEL(language)=fr)\n"
        " same => n,Playback(digits/1)\n same => n,Set(DB(trial/said)=${{PLAYBACKSTATUS}})\n"
        " same => n,Hangup()\n"
    ),
}


def write_settings(release: Release, root: Path, port: int) -> None:
    """Write etc/ of a folder that boots and can call itself, with SIP on a loopback `port`."""
    etc = root / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    for name, text in {"asterisk.conf": DIRECTORIES, **FILES}.items():
        if name != "cel_sqlite3_custom.conf":
            text = text.format(root=root, port=port)
        (etc / name).write_text(text, encoding="utf-8")
    lines = [f"load = {name}.so\n" for name in loadable(release.modules)]
    text = "[modules]\nautoload = no\n" + "".join(lines)
    (etc / "modules.conf").write_text(text, encoding="utf-8")


def try_out(release: Release, timeout: float = 20.0) -> None:
    """Boot `release` on a folder of its own and let it call itself.

    Errors: InstallError with what it said, when anything is missing.
    """
    # Not below the home of the releases: the path of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="decroche-trial-") as folder:
        pbx = Pbx(release, Path(folder))
        write_settings(release, pbx.root, free_port())
        try:
            pbx.start(timeout)
            _require_modules(pbx, release)
            _call_itself(pbx, time.monotonic() + timeout)
        except StartError as error:
            raise _failed(release, str(error)) from error
        finally:
            pbx.stop()


def _require_modules(pbx: Pbx, release: Release) -> None:
    running = running_modules(pbx.ask("module show"))
    absent = [name for name in loadable(release.modules, MODULES) if name not in running]
    if absent:
        raise _failed(release, f"these modules do not run: {', '.join(absent)}")


def running_modules(text: str) -> set[str]:
    """Names from `module show`, without .so, of those that run."""
    lines = (line for line in text.splitlines() if "Running" in line and "Not Running" not in line)
    return {line.split()[0].removesuffix(".so") for line in lines}


def _call_itself(pbx: Pbx, end: float) -> None:
    pbx.ask("channel originate Local/s@trial application Wait 3")
    said = ""
    while "SUCCESS" not in said:
        if time.monotonic() >= end:
            raise StartError(f"The call to itself was not answered.\n{pbx.last_lines()}")
        time.sleep(0.05)
        said = pbx.ask("database get trial said")


def _failed(release: Release, reason: str) -> InstallError:
    return InstallError(
        f"Asterisk {release.version} failed its trial: {reason}",
        "Nothing was switched; the line goes on with what it had.",
    )


def free_port() -> int:
    """A UDP port of the loopback that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
