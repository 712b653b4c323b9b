"""What setup.cfg cannot say: which top modules are ours."""

from setuptools import setup
from setuptools.command.build_py import build_py

MODULES = {"cli", "hotline"}  # of the package itself; setup.py is not one of them


class Build(build_py):
    def find_package_modules(
        self, package: str, package_dir: str
    ) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [m for m in found if package != "decroche" or m[1] in MODULES]


setup(cmdclass={"build_py": Build})
