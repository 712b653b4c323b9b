"""What people install: the wheel holds all that runs, and starts without the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 120  # seconds
# Not part of the package, or made by tools.
LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".local", ".*_cache", ".hypothesis", "node_modules", "__pycache__"),
    *("build", "dist", "*.egg-info", "typings", "bench"),
)
# Without `site` there is no editable install that would fill in what the wheel has not.
START = """
import sys
sys.path += {paths!r}
from decroche.cli import main
main(prog_name="decroche")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built without a network and unpacked."""
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--disable-pip-version-check", "--wheel-dir", str(base), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = base.glob("decroche-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(base / "site")
    return base / "site"


def decroche(installed: Path, *arguments: str, cwd: Path) -> str:
    """Run the installed command in a Python that sees the wheel and the libraries only."""
    start = START.format(paths=[str(installed), sysconfig.get_path("purelib")])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if "DECROCHE" not in name},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path, pattern: str = "*") -> set[str]:
    """The files below a folder, without what Python and tools leave there."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob(pattern)
        if path.is_file()
        and not path.name.startswith(".")
        and not {"__pycache__", "node_modules"} & set(path.parts)
    }


def test_the_wheel_tells_its_version(installed: Path, tmp_path: Path) -> None:
    assert decroche(installed, "--version", cwd=tmp_path).startswith("decroche, version ")


@pytest.mark.parametrize("room", ["agi", "asterisk", "commands", "dashboard", "kb", "records"])
def test_the_wheel_has_every_module_and_what_it_reads(installed: Path, room: str) -> None:
    here, there = ROOT / room, installed / "decroche" / room
    assert files(here, "*.py") <= files(there)
    asterisk = ("templates", "street_templates", "drill_templates", "simulate_templates")
    for name in (*asterisk, "static", "locale"):
        assert files(here / name) <= files(there / name), f"{room}/{name}"


def test_the_wheel_has_what_an_admin_starts_from(installed: Path) -> None:
    assert files(ROOT / "configs") == files(installed / "decroche" / "configs")


def test_the_wheel_has_nothing_else(installed: Path) -> None:
    top = {path.name for path in (installed / "decroche").iterdir()}
    rooms = {"agi", "asterisk", "commands", "configs", "dashboard", "kb", "records"}
    assert top - {"__pycache__"} == rooms | {"cli.py", "hotline.py"}
    assert {path.name.split("-")[0] for path in installed.iterdir()} == {"decroche"}


def test_the_wheel_makes_a_line(installed: Path, tmp_path: Path) -> None:
    decroche(installed, "init", str(tmp_path / "line"), cwd=tmp_path)
    made = {path.name for path in (tmp_path / "line").iterdir()}
    assert {"hotline.toml", "secrets.toml", "decroche.db"} <= made
    sheets = installed / "decroche" / "configs" / "sheets"
    said = decroche(
        installed, "--dir", str(tmp_path / "line"), "kb", "import", str(sheets), cwd=tmp_path
    )
    assert f"{len(list(sheets.glob('*.md')))} added" in said


def test_every_command_of_the_wheel_has_help(installed: Path, tmp_path: Path) -> None:
    for command in ("--help", "up --help", "serve --help", "pbx install --help"):
        assert "Usage: decroche" in decroche(installed, *command.split(), cwd=tmp_path)
