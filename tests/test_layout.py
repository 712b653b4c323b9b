"""The rules that keep the flat top level a well-behaved package."""

import configparser
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = {"cli.py", "hotline.py", "setup.py"}
LINKED = {"agi", "asterisk", "cli.py", "commands", "dashboard", "hotline.py", "kb", "records"}


def test_asterisk_does_not_hide_pyst2() -> None:
    assert not (ROOT / "asterisk" / "__init__.py").exists()


def test_no_stray_module_at_the_top() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == MODULES


def test_type_checkers_see_every_room() -> None:
    links = ROOT / "typings" / "decroche"
    assert {path.name for path in links.iterdir()} == LINKED
    assert all(path.resolve() == ROOT / path.name for path in links.iterdir())


def test_every_folder_with_code_is_packaged() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    packaged = set(config["options"]["packages"].split())
    rooms = [ROOT / name for name in LINKED if (ROOT / name).is_dir()]
    code = {path.parent.relative_to(ROOT) for room in rooms for path in room.rglob("*.py")}
    assert {".".join(("decroche", *folder.parts)) for folder in code} <= packaged
