"""Programs that only the tests need, unpacked from the machine's own Debian suite.

Unlike Asterisk they run with the machine's C library: only libraries that the machine lacks are
fetched. `./run` calls this file before anything is installed, so it needs Python alone.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .apt import Apt, Progress
from .debian import alone, part, require_room
from .remedies import InstallError
from .unpack import unpack

# Programs by the name they are asked for; chromium's own starter looks for fixed paths.
PROGRAMS = {
    "sipp": "usr/bin/sipp",
    "chromium": "usr/lib/chromium/chromium",
    "baresip": "usr/bin/baresip",
}
WRAPPER = """\
#!/bin/sh
# Runs {program} of this folder with the libraries that the machine lacks.
root=$(cd "${{0%/*}}/.." && pwd -P) || exit 127
export LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
{fonts}exec "$root/{program}" "$@"
"""
FONTS = 'export FONTCONFIG_FILE="$root/fonts.conf"\n'
FONTS_CONF = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{root}/usr/share/fonts</dir>
  <cachedir>{root}/var/cache/fontconfig</cachedir>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def fetch_tools(folder: Path, packages: Sequence[str], progress: Progress) -> Path:
    """Fetch packages and what the machine lacks of their libraries, and unpack them in `folder`.

    A folder that holds them already is only returned. Errors: InstallError.
    """
    stamp = folder / "packages.txt"
    asked = f"# in {folder}: {' '.join(packages)}"
    with alone(folder.parent / "work") as work:
        if stamp.is_file() and stamp.read_text(encoding="utf-8").startswith(asked + "\n"):
            return folder
        apt = Apt(work / "apt")
        apt.update(part(progress, 0, 15))
        wanted = apt.wanted(packages)
        require_room(work, wanted, apt)
        apt.download(packages, part(progress, 15, 70))
        draft = work / "unpacked"
        shutil.rmtree(draft, ignore_errors=True)
        unpack([apt.archives / p.file for p in wanted], draft, part(progress, 70, 100))
        wrap_tools(draft, folder)
        lines = [asked, *sorted(package.file for package in wanted)]
        (draft / stamp.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
        shutil.rmtree(apt.folder, ignore_errors=True)
        return folder


def wrap_tools(root: Path, final: Path) -> None:
    """Write bin/NAME for each known program in `root`, which is to be renamed to `final`."""
    tops = [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*")]
    folders = [folder for top in tops for folder in (top, top / "pulseaudio") if folder.is_dir()]
    libraries = ":".join(f"$root/{folder.relative_to(root)}" for folder in folders)
    fonts = "" if Path("/etc/fonts/fonts.conf").exists() else FONTS
    (root / "fonts.conf").write_text(FONTS_CONF.format(root=final), encoding="utf-8")
    (root / "bin").mkdir(exist_ok=True)
    for name, program in PROGRAMS.items():
        if (root / program).exists():
            script = root / "bin" / name
            text = WRAPPER.format(program=program, libraries=libraries, fonts=fonts)
            script.write_text(text, encoding="utf-8")
            script.chmod(0o755)


def main(arguments: Sequence[str]) -> int:
    """`python -m decroche.asterisk.tools FOLDER PACKAGE...`"""
    if len(arguments) < 2:
        print("usage: tools FOLDER PACKAGE...", file=sys.stderr)
        return 2
    try:
        fetch_tools(Path(arguments[0]).absolute(), arguments[1:], lambda *_: None)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
