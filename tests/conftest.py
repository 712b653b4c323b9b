"""The release under test, lines for the tests with real calls, and what is shown on a failure."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from decroche.asterisk.release import Release, default_home, find_release

from .live import LiveLine

# A busy machine is slow now and then; what must be fast is measured in bench/.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

CHECKOUT = Path(__file__).resolve().parent.parent
Open = Callable[[str, Mapping[str, Sequence[str]]], LiveLine]


def home_here() -> Path:
    """Where Asterisk is: DECROCHE_PBX, else that of this checkout, else the user's."""
    own = CHECKOUT / ".local/pbx"
    return own if own.exists() and "DECROCHE_PBX" not in os.environ else default_home()


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """A command that is run in this process sets the umask; the next test has the old one."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def release() -> Release:
    home = home_here()
    found = find_release(home)
    if found is None:
        pytest.fail("no Asterisk here: run ./run pbx install")
    os.environ.setdefault("DECROCHE_PBX", str(home))  # for the services, which look there
    return found


@pytest.fixture(scope="module")
def open_line(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Makes lines; they end with the module, whatever happens in it."""
    made: list[LiveLine] = []
    sounds = tmp_path_factory.getbasetemp() / "sounds"

    def open_(text: str, agents: Mapping[str, Sequence[str]]) -> LiveLine:
        made.append(LiveLine(release, text, agents, sounds))
        return made[-1]

    with contextlib.ExitStack() as stack:
        yield open_
        for line in made:
            stack.callback(line.end)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of this ran against real parts."""
    done = [
        report
        for status in ("passed", "failed")
        for report in terminalreporter.getreports(status)
        if report.when == "call"
    ]
    real = sum("pbx" in report.keywords for report in done)
    browser = sum("browser" in report.keywords for report in done)
    found = find_release(home_here()) if real else None
    name = f"Asterisk {found.version}" if found else "Asterisk"
    terminalreporter.write_sep("=", "real parts")
    real_parts = f"{real} ran against a real {name}, {browser} drove a real Chromium"
    terminalreporter.write_line(f"of {len(done)} tests {real_parts}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for line in item.funcargs.values():
            if isinstance(line, LiveLine):
                report.sections.append(("the line", line.report()))
    return report
