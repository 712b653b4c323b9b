"""The etc/ in force and the next one: plan (a diff) and apply (an atomic switch).

``DIR/pbx/etc`` is a link to ``etc.N``; a switch renames a new link over it, so
that a reader sees all old files or all new ones. The applied hotline.toml
travels with them. A reload that fails switches back.
"""

import difflib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..records.folder import Folder, sync, write_private
from .render import Files

Ask = Callable[[str], str]  # gives Asterisk a command, returns what it printed
MODEL = "hotline.toml"
OWED = "reload.owed"  # beside etc/: files that Asterisk has not read yet
SECRET = re.compile(r"^(\s*(?:secret|password|md5_cred)\s*=\s*).*$", re.MULTILINE)

# What Asterisk must read again when a file changes: its CLI commands.
RELOADS = {
    "pjsip.conf": "module reload res_pjsip.so",
    "extensions.conf": "dialplan reload",
    "queues.conf": "queue reload all",
    "queuerules.conf": "queue reload rules",
    "manager.conf": "manager reload",
    "cel.conf": "module reload cel",
    "logger.conf": "logger reload",
    "musiconhold.conf": "moh reload",
    "rtp.conf": "module reload res_rtp_asterisk.so",
    "indications.conf": "module reload indications",
}
# Of pjsip.conf's changes, those of a transport wait for a restart.
RESTART = (
    *("asterisk.conf", "modules.conf", "stasis.conf", "sorcery.conf"),
    "cel_sqlite3_custom.conf",
)


class ApplyError(Exception):
    """Nothing was switched, or it was switched back."""


def current(folder: Folder) -> Files:
    """The files in force, with the applied hotline.toml; empty before the first apply."""
    if not folder.etc.is_dir():
        return {}
    return {
        path.name: path.read_text("utf-8")
        for path in sorted(folder.etc.iterdir())
        if path.is_file()
    }


def diff(old: Files, new: Files) -> Iterator[str]:
    """A unified diff of all files, secrets blotted out."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ""), new.get(name, "")
        if before == after:
            continue
        lines = difflib.unified_diff(
            SECRET.sub(r"\1(secret)", before).splitlines(),
            SECRET.sub(r"\1(secret)", after).splitlines(),
            f"a/{name}",
            f"b/{name}",
            lineterm="",
        )
        yield from list(lines) or [f"{name}: a secret changes"]


def switch(folder: Folder, files: Files, ask: Callable[[str], str] | None) -> list[str]:
    """Put ``files`` in force; with ``ask`` (Asterisk's CLI) also reload what changed.

    :returns: sentences on what was done, and what waits for a restart.
    :raises ApplyError: a reload failed; the old files are in force and reloaded.
    """
    old, left = current(folder), _pending(folder)
    changed = sorted(name for name in old.keys() | files.keys() if old.get(name) != files.get(name))
    if not changed and not left:
        return ["nothing to do: the line is as hotline.toml says"]
    done = ["an apply was interrupted before Asterisk had read everything"] if left else []
    names = sorted({*changed, *left})
    _owe(folder, names)
    previous = folder.etc.resolve() if folder.etc.exists() else None
    if changed:
        fresh = _write(folder, files)
        _link(folder, fresh)
        done.append(f"changed: {', '.join(changed)}" if old else "Asterisk's files are written")
    if ask is not None:
        try:
            done += _reload(names, old, files, ask)
        except ApplyError:
            if changed and previous is not None:
                _link(folder, previous)
                _reload(names, files, old, ask)
                shutil.rmtree(fresh)
                _owe(folder, ())
            raise
    _owe(folder, ())
    sweep(folder)
    return done


def _pending(folder: Folder) -> list[str]:
    """Files that Asterisk was to read again when a switch was killed."""
    try:
        return (folder.pbx / OWED).read_text("utf-8").split()
    except FileNotFoundError:
        return []


def _owe(folder: Folder, names: Sequence[str]) -> None:
    """Keep on the disk what Asterisk is still to read; an Asterisk that starts reads all."""
    if names:
        folder.pbx.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder.pbx / OWED, "\n".join(names))
    else:
        (folder.pbx / OWED).unlink(missing_ok=True)
        sync(folder.pbx)


def sweep(folder: Folder) -> None:
    """Remove what is not in force, also what a killed switch has left: it holds secrets."""
    in_force = folder.etc.resolve().name
    for path in folder.pbx.glob("etc.*"):
        if path.name != in_force and path.suffix[1:].isdigit():
            shutil.rmtree(path, ignore_errors=True)


def _write(folder: Folder, files: Files) -> Path:
    """The files in a new folder, on disk before anything points to them."""
    numbers = [int(p.suffix[1:]) for p in folder.pbx.glob("etc.*") if p.suffix[1:].isdigit()]
    fresh = folder.pbx / f"etc.{max(numbers, default=0) + 1}"
    fresh.mkdir(mode=0o700, parents=True)
    for name, text in files.items():
        handle = os.open(fresh / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    sync(fresh)
    return fresh


def _link(folder: Folder, target: Path) -> None:
    fresh = folder.pbx / ".etc.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name)
    fresh.replace(folder.etc)
    sync(folder.pbx)


def _reload(changed: list[str], old: Files, new: Files, ask: Callable[[str], str]) -> list[str]:
    done = []
    for name in changed:
        if command := RELOADS.get(name):
            answer = ask(command)
            if re.search(r"No such command|not found|failed|error", answer, re.IGNORECASE):
                raise ApplyError(f"Asterisk refused {command!r}: {answer.strip()}")
            done.append(f"reloaded: {command}")
    waits = [name for name in changed if name in RESTART]
    if _transport(old.get("pjsip.conf", "")) != _transport(new.get("pjsip.conf", "")):
        waits.append("the SIP address and port")
    if waits:
        done.append(f"in force after the next 'decroche pbx stop' and 'start': {', '.join(waits)}")
    return done


def _transport(pjsip: str) -> str:
    """Where SIP is taken, and what others are told of that."""
    return "\n".join(re.findall(r"^(?:bind|external_\w+|local_net) = .*$", pjsip, re.MULTILINE))
