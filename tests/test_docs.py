"""The pages: every command as it is, links that lead somewhere, examples that are valid.

``UPDATE_DOCS=1 ./run test tests/test_docs.py`` writes docs/commands.md anew.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from decroche import hotline
from decroche.cli import main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
UPDATE = "UPDATE_DOCS=1 ./run test tests/test_docs.py"
MARK = f"<!-- What follows is made from the commands themselves: {UPDATE} -->\n"
SHOWN = sorted(
    path
    for kind in ("templates/*.html", "locale/*.toml")
    for path in (ROOT / "dashboard").glob(kind)
)
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


# Commands.


def commands(command: click.Command, path: str = "decroche") -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, groups before what is in them."""
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], f"{path} {name}")


ALL = dict(commands(main))


def help_of(path: str) -> str:
    """What ``--help`` prints on a terminal 80 columns wide."""
    words = path.split()[1:]
    arguments = [*words, "--help"]
    done = CliRunner().invoke(main, arguments, prog_name="decroche", terminal_width=80)
    assert done.exit_code == 0, done.output
    return done.output.rstrip()


def generated() -> str:
    """The part of docs/commands.md that is made from the commands."""
    parts = [f"\n## {path}\n\n```\n{help_of(path)}\n```\n" for path in ALL]
    return "".join(parts)


def test_every_command_is_documented_as_it_is() -> None:
    path = DOCS / "commands.md"
    head = path.read_text("utf-8").partition(MARK)[0]
    wanted = head + MARK + generated()
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(wanted, "utf-8")
    assert path.read_text("utf-8") == wanted, f"docs/commands.md is not up to date: {UPDATE}"


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_help_that_fits_a_terminal(path: str) -> None:
    assert ALL[path].help, f"{path} has no docstring"
    assert [line for line in help_of(path).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", ALL)
def test_every_option_has_help(path: str) -> None:
    options = (p for p in ALL[path].params if isinstance(p, click.Option))
    assert [option.name for option in options if not option.help] == []


COMMAND = re.compile(r"(?:^|`|bin/|&& |: )(?:\./run|decroche|hotline) ([^`\n#|&]+)", re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_a_page_exist(path: Path) -> None:
    """A command line in a page names a command that there is, whatever its arguments."""
    check_commands(path.name, COMMAND.findall(path.read_text("utf-8")))


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_commands_that_a_page_of_the_dashboard_shows_exist(path: Path) -> None:
    found = re.findall(r"\bdecroche ([a-z][^<\n\"]*)", path.read_text("utf-8"))
    check_commands(path.name, found)


def check_commands(name: str, texts: list[str]) -> None:
    for text in texts:
        words = re.sub(r"--dir \S+", "", text).split()
        words = [word for word in words if re.fullmatch("[a-z][a-z-]*", word)]
        if words and words[0] not in ("test", "bench", "up"):
            command = main.commands.get(words[0])
            assert command, f"{name}: {text!r} is no command"
            if isinstance(command, click.Group) and words[1:]:
                assert words[1] in command.commands, f"{name}: {text!r} is no command"


# All pages.


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in found)
    return {heading.strip().replace(" ", "-") for heading in plain}


def links(path: Path) -> Iterator[tuple[str, str]]:
    """Relative links: (path, anchor)."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            name, _, anchor = target.partition("#")
            yield name, anchor


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for name, anchor in links(path):
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name}: {name} is not there"
        if anchor:
            assert anchor in anchors(target), f"{path.name}: no heading #{anchor} in {target.name}"


def test_every_page_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [path.name for path in DOCS.glob("*.md") if f"](docs/{path.name})" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_toml_in_pages_is_valid(path: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        if "[line]" in block:
            hotline.parse(block, path.name)
        else:
            tomllib.loads(block)


def test_parts_of_hotline_toml_in_its_page_are_valid() -> None:
    """Each example is read as a whole line's, the smallest one filling what is missing."""
    blocks = re.findall(r"```toml\n(.*?)```", page("hotline.md"), re.DOTALL)
    smallest = next(block for block in blocks if "[line]" in block)
    for block in blocks:
        if block != smallest and "provider = " not in block:
            hotline.parse(smallest + block, "docs/hotline.md")


def test_the_readme_names_the_commands_to_begin_with() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for command in ("./run up --demo", "./run up ", "./run test"):
        assert command in text


def published() -> Iterator[Path]:
    """What an admin or a reader gets: pages, configuration, the entry scripts."""
    yield from PAGES
    yield from (ROOT / "configs").rglob("*.*")
    yield from (ROOT / name for name in ("run", "setup.cfg", "pyproject.toml", ".ci/run"))


def test_no_path_of_somebodys_machine_stands_in_what_is_published() -> None:
    personal = re.compile(r"(?<![\w.])/(?:work|root|home|Users|farm|mnt)/\w+")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in published()
        if path.is_file()
        for match in personal.finditer(path.read_text("utf-8"))
    ]
    assert found == []


# Units.

UNITS = sorted((ROOT / "configs" / "systemd").glob("*.service"))


def test_there_is_a_unit_for_each_process() -> None:
    serve = ALL["decroche serve"].params[0].type
    assert isinstance(serve, click.Choice)
    wanted = {f"decroche-{part}.service" for part in ("pbx", *serve.choices)}
    assert {path.name for path in UNITS} == wanted


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_are_hardened_and_start_again(path: Path) -> None:
    pairs = [line.partition("=")[::2] for line in path.read_text("utf-8").splitlines()]
    unit = dict(pairs)
    wanted = {
        "User": "decroche",
        "Restart": "always",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "UMask": "0077",
    }
    assert {key: unit.get(key) for key in wanted} == wanted
    assert "StartLimitBurst" in unit and "StartLimitIntervalSec" in unit
    words = unit["ExecStart"].split()
    assert words[0] == "/opt/decroche/bin/decroche"
    command = ALL[f"decroche {words[1]}"]
    if isinstance(command, click.Group):
        assert words[2] in command.commands
    else:
        assert path.stem == f"decroche-{words[2]}"


def test_the_places_of_the_units_are_explained() -> None:
    guide = page("first-hour.md")
    for path in UNITS:
        for place in re.findall(r"=(/(?:opt|var)/[^\s]+)", path.read_text("utf-8")):
            known = [n for n in re.findall(r"`(/[^`]+)`", guide) if place.startswith(n)]
            assert known, f"{path.name}: {place} is not explained in docs/first-hour.md"
        assert f"`{path.stem}`" in guide


def test_the_proxy_leads_to_the_page() -> None:
    text = (ROOT / "configs" / "proxy" / "Caddyfile").read_text("utf-8")
    network = hotline.Network()
    assert f"reverse_proxy {network.page_bind}:{network.page} " in text
