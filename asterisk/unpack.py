"""Debian packages unpacked into a folder, and the programs there made to run from it.

A program of another Debian suite needs that suite's own C library. It is therefore started
through the folder's own dynamic loader, by a small script per program: whoever runs the script,
from wherever, gets the program with its libraries, and nothing else on the machine changes.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .apt import Progress
from .remedies import InstallError, explain

WRAPPER = """\
#!/bin/sh
# Runs {program} of this folder through the folder's own dynamic loader and libraries.
root=$(cd "${{0%/*}}/.." && pwd -P) || exit 127
{variables}exec "$root/{loader}" --inhibit-cache --argv0 "$root/bin/{name}" \\
    --library-path "{libraries}" "$root/{program}" "$@"
"""
# Subfolders of the library folder that hold libraries rather than plug-ins.
LIBRARY_FOLDERS = ("", "pulseaudio")


def unpack(packages: Sequence[Path], folder: Path, progress: Progress) -> None:
    """Unpack every package into `folder`; two at a time, since unpacking is mostly decompression.

    Errors: InstallError, for a full disk or a broken package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        done = pool.map(lambda package: _unpack_one(package, folder), packages)
        for count, _ in enumerate(done, 1):
            progress(count, len(packages), "unpacking")
    finally:
        pool.shutdown(cancel_futures=True)  # who gives up need not wait for the rest
    _without_privileges(folder)


def _unpack_one(package: Path, folder: Path) -> None:
    command = ["dpkg-deb", "-x", str(package), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        if "No space left" in done.stderr:
            raise explain(done.stderr, package)
        raise InstallError(
            f"{package.name} cannot be unpacked: {done.stderr.strip()[-200:]}",
            f"Remove {package.parent} and start again.",
        )


def _without_privileges(folder: Path) -> None:
    """No program in a private folder may run with another user's rights."""
    for here, _, files in os.walk(folder):
        for file in files:
            path = Path(here, file)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                path.chmod(stat.S_IMODE(mode) & 0o777)


def loader(root: Path) -> Path:
    """The dynamic loader among unpacked packages, for instance ld-linux-aarch64.so.1.

    Errors: InstallError when there is none.
    """
    for found in sorted(root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*")):
        return found
    raise InstallError(f"{root} holds no dynamic loader.", "Remove the folder and install again.")


def library_folders(root: Path) -> list[Path]:
    """Where this folder's libraries are: usr/lib/<machine> and the few below it that count."""
    machine = loader(root).parent.name
    tops = [root / "usr/lib" / machine, root / "lib" / machine]
    candidates = [top / below for top in tops for below in LIBRARY_FOLDERS]
    return [path for path in candidates if path.is_dir()]


def wrap(root: Path, programs: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """Write bin/NAME for each program (name to path below root) that is there.

    `variables` are set for the program; `{lib}` in a value stands for the library folder.
    """
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin").chmod(0o755)  # the line may run as another user than installs
    folders = [f"$root/{path.relative_to(root)}" for path in library_folders(root)]
    settings = "".join(
        f'export {name}="{value.format(lib=folders[0])}"\n' for name, value in variables.items()
    )
    for name, program in programs.items():
        if (root / program).exists():
            script = root / "bin" / name
            script.write_text(
                WRAPPER.format(
                    name=name,
                    program=program,
                    loader=loader(root).relative_to(root),
                    libraries=":".join(folders),
                    variables=settings,
                ),
                encoding="utf-8",
            )
            script.chmod(0o755)
