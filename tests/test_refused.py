"""A line that this user may not touch, and a full disk: one sentence, not a traceback."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from decroche.cli import main
from decroche.records import blocks, editing
from decroche.records.schema import reader

NOBODY = 65534


@pytest.fixture
def line(tmp_path: Path) -> Path:
    assert CliRunner().invoke(main, ["init", str(tmp_path / "line")]).exit_code == 0
    return tmp_path / "line"


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root alone can be somebody else; the others lose nothing that a test takes from them."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


COMMANDS = (["queue", "list"], ["hours", "show"], ["config", "show"], ["block", "list"])


@pytest.mark.parametrize("words", COMMANDS)
def test_a_folder_of_somebody_else_is_told(line: Path, words: list[str]) -> None:
    CliRunner().invoke(main, ["--dir", str(line), *words])  # what it imports is imported as us
    line.chmod(0)
    try:
        with as_somebody_else():
            found = CliRunner().invoke(main, ["--dir", str(line), *words])
    finally:
        line.chmod(0o700)
    assert found.exit_code == 1
    assert "Permission denied; type the command as the user who owns" in found.output


def fails(error: Exception) -> None:
    raise error


def by_system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/line/hotline.toml")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "type the command as the user"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "make room"),
    ],
)
def test_a_file_that_cannot_be_written_is_told(
    line: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    monkeypatch.setattr(editing, "write_private", lambda *_: fails(by_system(number)))
    words = ["--dir", str(line), "queue", "set", "visio", "ring_time=25"]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 1
    assert found.output.startswith("Error: /line/hotline.toml: ")
    assert told in found.output


def test_a_port_that_this_user_may_not_take_is_no_matter_of_the_folder(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError(errno.EACCES, "error while attempting to bind on address: permission denied")
    monkeypatch.setattr(editing, "write_private", lambda *_: fails(error))
    found = CliRunner().invoke(main, ["--dir", str(line), "queue", "set", "visio", "ring_time=25"])
    assert found.output == f"Error: {error.strerror}\n"


def test_a_database_that_cannot_be_opened_is_told(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "reader", lambda path: reader(path / "not there"))
    found = CliRunner().invoke(main, ["--dir", str(line), "block", "list"])
    assert found.exit_code == 1
    assert found.output.startswith("Error: the database: unable to open database file; ")
