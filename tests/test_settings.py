"""The switch of Asterisk's files: all old or all new, whatever happens in between."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from decroche.asterisk.render import Files
from decroche.asterisk.settings import ApplyError, current, diff, switch
from decroche.records.folder import Folder

OLD: Files = {
    "pjsip.conf": "[a]\nbind = 127.0.0.1:5060\npassword = first-word\n",
    "queues.conf": "[old]\n",
    "gone.conf": "[x]\n",
}
NEW: Files = {
    "pjsip.conf": "[a]\nbind = 127.0.0.1:5060\npassword = other-word\n",
    "queues.conf": "[new]\n",
    "hotline.toml": "# new\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    found = Folder(tmp_path)
    found.pbx.mkdir()
    return found


class Asked:
    """Asterisk's command line, which does all that it is asked."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def __call__(self, command: str) -> str:
        self.commands.append(command)
        return ""


def test_it_writes_all_files_readable_by_nobody_else(folder: Folder) -> None:
    switch(folder, OLD, None)
    assert current(folder) == OLD
    switch(folder, NEW, None)
    assert current(folder) == NEW
    assert [path.name for path in folder.pbx.glob("etc.*")] == ["etc.2"]
    for path in folder.etc.iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert folder.etc.resolve().stat().st_mode & 0o077 == 0


def test_it_does_nothing_when_nothing_changed(folder: Folder) -> None:
    switch(folder, OLD, None)
    before = folder.etc.resolve()
    pbx = Asked()
    assert "nothing to do" in switch(folder, OLD, pbx)[0]
    assert (folder.etc.resolve(), pbx.commands) == (before, [])


def test_it_reloads_only_what_changed(folder: Folder) -> None:
    switch(folder, OLD, None)
    pbx = Asked()
    switch(folder, OLD | {"queues.conf": "[x]\n"}, pbx)
    assert pbx.commands == ["queue reload all"]


def test_it_says_what_waits_for_a_restart(folder: Folder) -> None:
    switch(folder, OLD, None)
    text = OLD["pjsip.conf"].replace("5060", "5070")
    done = switch(folder, OLD | {"pjsip.conf": text, "modules.conf": "x\n"}, Asked())
    assert "modules.conf, the SIP address and port" in done[-1]


@pytest.mark.parametrize("answer", ["No such command 'queue'", "Error: unable", "reload failed"])
def test_a_reload_that_fails_brings_the_old_files_back(folder: Folder, answer: str) -> None:
    switch(folder, OLD, None)
    asked: list[tuple[str, Files]] = []

    def ask(command: str) -> str:
        asked.append((command, current(folder)))
        return answer if command == "queue reload all" and len(asked) <= 2 else ""

    with pytest.raises(ApplyError, match="refused 'queue reload all'"):
        switch(folder, NEW, ask)
    assert current(folder) == OLD
    assert [path.name for path in folder.pbx.glob("etc.*")] == ["etc.1"]
    back = [command for command, files in asked if files == OLD]
    assert set(back) >= {"queue reload all", "module reload res_pjsip.so"}


class Killed(BaseException):
    """The process ends here."""


def steps(folder: Folder, monkeypatch: pytest.MonkeyPatch, stop_at: int) -> int:
    """Switch, and be killed before the ``stop_at``-th touch of the disk; returns the touches."""
    touched = 0

    def counting(name: str, owner: object) -> None:
        original: Callable[..., object] = getattr(owner, name)

        def step(*arguments: object, **named: object) -> object:
            nonlocal touched
            if touched == stop_at:
                raise Killed
            touched += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, step)

    with monkeypatch.context() as patch:
        for name, owner in (
            ("open", os),
            ("fsync", os),
            ("replace", Path),
            ("symlink_to", Path),
            ("mkdir", Path),
            ("unlink", Path),
            ("rmtree", shutil),
        ):
            patch_one(patch, owner, name, counting)
        try:
            switch(folder, NEW, None)
        except Killed:
            pass
    return touched


def patch_one(
    patch: pytest.MonkeyPatch, owner: object, name: str, counting: Callable[[str, object], None]
) -> None:
    patch.setattr(owner, name, getattr(owner, name))  # undone when the context ends
    counting(name, owner)


def test_a_kill_at_any_moment_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for stop_at in range(200):
        folder = Folder(tmp_path / str(stop_at))
        folder.pbx.mkdir(parents=True)
        switch(folder, OLD, None)
        touched = steps(folder, monkeypatch, stop_at)
        found = current(folder)
        assert found in (OLD, NEW), stop_at
        seen.append(found == NEW)
        switch(folder, NEW, None)  # and the next apply goes through
        assert current(folder) == NEW
        if touched < stop_at:
            break
    assert seen == sorted(seen)  # old, old, ..., new, new
    assert len(seen) > 10 and not seen[0] and seen[-1]


def test_a_diff_blots_secrets_out() -> None:
    lines = list(diff(OLD, NEW | {"pjsip.conf": NEW["pjsip.conf"] + "md5_cred = 0a1b\n"}))
    text = "\n".join(lines)
    assert "-[old]" in text and "+[new]" in text and "+md5_cred = (secret)" in text
    for secret in ("first-word", "other-word", "0a1b"):
        assert secret not in text


def test_a_secret_that_changes_is_told_without_it() -> None:
    found = list(diff(OLD, OLD | {"pjsip.conf": NEW["pjsip.conf"]}))
    assert found == ["pjsip.conf: a secret changes"]
