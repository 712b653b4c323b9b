"""Imports go downwards only; the layers stand in pyproject.toml."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_go_downwards(tmp_path: Path) -> None:
    # import-linter wants a folder that is named like the package, and an
    # __init__.py in every room; asterisk/ must not have one (test_layout.py).
    for link in (ROOT / "typings" / "decroche").iterdir():
        target = tmp_path / "decroche" / link.name
        target.parent.mkdir(exist_ok=True)
        if link.is_dir():
            shutil.copytree(
                link, target, ignore=shutil.ignore_patterns("node_modules", "static", "__pycache__")
            )
            (target / "__init__.py").touch()
        else:
            shutil.copy(link, target)
    (tmp_path / "decroche" / "__init__.py").touch()
    code = "from importlinter import cli; cli.lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
