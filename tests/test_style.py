"""Formatting, lint and types, as tests; and the length of files."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 300  # seconds for a cold run of mypy on a busy machine
LINES = 400  # of one file; a longer one says why in its head: "One file because ..."
REASON = "one file because"
ROOMS = ("agi", "asterisk", "bench", "commands", "dashboard", "kb", "records", "tests")


def run(*command: str) -> tuple[int, str]:
    """A tool of this Python's own, in the checkout: exit code and all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        pytest.param("ruff check", "ruff check --fix mends most", id="lint"),
        pytest.param("ruff format --check", "ruff format", id="format"),
        pytest.param("mypy", "", id="types"),
    ],
)
def test_the_tree_passes(command: str, remedy: str) -> None:
    code, said = run(*command.split())
    if code:
        pytest.fail(f"{command}:\n{said}{remedy and f'Type: .local/venv/bin/{remedy}'}", False)


def test_the_benchmarks_call_what_is_there() -> None:
    """Not strictly typed, and run by hand: without this a change of a signature goes unseen."""
    names = sorted(str(path) for path in (ROOT / "bench").glob("[!_]*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--explicit-package-bases"]
        + ["--follow-imports=silent", *names],
        cwd=ROOT / "bench",
        env=os.environ | {"MYPYPATH": f"{ROOT / 'typings'}:{ROOT / 'bench'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    for room in ROOMS:
        paths = (ROOT / room).rglob("*.py")
        yield from (path for path in paths if "node_modules" not in path.parts)


def test_a_long_file_says_why() -> None:
    long = []
    for path in files():
        text = path.read_text("utf-8")
        count = text.count("\n")
        head = " ".join((ast.get_docstring(ast.parse(text)) or "").split()).lower()
        if count > LINES and REASON not in head:
            long.append(f"{path.relative_to(ROOT)}: {count} lines")
    assert long == [], f'split them, or say in the head of the file: "{REASON.capitalize()} ..."'


def test_every_file_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in files()
        if (text := path.read_text("utf-8")).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
