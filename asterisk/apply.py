"""``decroche plan`` and ``decroche apply``: from hotline.toml and the people to Asterisk."""

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..hotline import Hotline, load, parse, read
from ..records import phones
from ..records.folder import Folder
from ..records.people import Agent, list_agents
from ..records.secrets import load as load_secrets
from . import overrides, prompts, settings
from .control import NotRunning
from .hours import this_year, year_mark
from .modules import loadable
from .pbx import Pbx
from .release import Release
from .render import Files, Plan, render, verify
from .settings import ApplyError


def next_files(folder: Folder, release: Release, file: Path | None = None) -> tuple[Hotline, Files]:
    """Render and verify what hotline.toml (or another file) and the people ask for now.

    :raises HotlineError, RenderError, SecretsError: with where and what.
    """
    return files_of(folder, release, file or folder.hotline)


def files_of(folder: Folder, release: Release, path: Path) -> tuple[Hotline, Files]:
    """The same of another hotline.toml."""
    text = read(path)
    hotline, secrets = parse(text, str(path)), load_secrets(folder.secrets)
    plan = Plan(
        hotline=hotline,
        agents=phones_of(folder),
        secrets=secrets,
        folder=folder,
        modules=loadable(release.modules),
        outside=phones.numbers(folder.database, secrets),
    )
    files = render(plan)
    verify(plan, files)
    return hotline, files | {settings.MODEL: text}


def phones_of(folder: Folder) -> list[Agent]:
    """The agents whose phones Asterisk lets in: all but the disabled ones."""
    return [agent for agent in list_agents(folder.database) if not agent.disabled]


def plan(folder: Folder, release: Release) -> list[str]:
    """What ``apply`` would change, as lines of a diff."""
    _, files = next_files(folder, release)
    return list(settings.diff(settings.current(folder), files))


def check(folder: Folder, release: Release, file: Path) -> list[str]:
    """Whether a file could be applied; returns the names of the files that would change.

    :raises HotlineError, RenderError, SecretsError: it could not, with where and why.
    """
    _, files = next_files(folder, release, file)
    old = settings.current(folder)
    return sorted(name for name in old.keys() | files.keys() if old.get(name) != files.get(name))


def apply(
    folder: Folder,
    release: Release,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Put hotline.toml in force; drops no call. Returns what was done, in sentences.

    :raises HotlineError, RenderError, SecretsError, ApplyError: nothing has changed.
    """
    with alone(folder):
        hotline, files = next_files(folder, release)
        poor = prompts.refresh(release, folder, hotline, progress)
        _prepare_cel(folder)
        moved = folder.applied.exists() and load(folder.applied).network != hotline.network
        pbx = Pbx(release, folder.pbx)
        ask = pbx.ask if _runs(pbx) else None
        done = settings.switch(folder, files, ask)
        if ask is not None:  # every password of today stands in pjsip.conf again
            overrides.make_equal(ask, {})
    if moved:
        done.append("the services take new addresses and ports when they are started again")
    if refused := phones.refused(folder.database, hotline, load_secrets(folder.secrets)):
        done.append(
            f"not called: {', '.join(refused)}; [outside] does not allow their numbers any more: "
            "decroche agent phone NAME"
        )
    if poor:
        done.append(
            "no voice for: " + ", ".join(poor) + "; Asterisk's own sounds stand in for them"
        )
    return done


def renew(folder: Folder, release: Release) -> list[str]:
    """Write the files of what is in force anew: a year is over, and the days that differ from the
    week are others. What hotline.toml says by now is left for ``apply``.

    :raises RenderError, SecretsError, ApplyError: nothing has changed.
    """
    with alone(folder):
        _, files = files_of(folder, release, folder.applied)
        pbx = Pbx(release, folder.pbx)
        return settings.switch(folder, files, pbx.ask if _runs(pbx) else None)


def is_of_this_year(folder: Folder) -> bool:
    """Whether the dialplan in force was written this year (see hours.py)."""
    path = folder.etc / "extensions.conf"
    return not path.exists() or year_mark(this_year()) in path.read_text("utf-8")


def _runs(pbx: Pbx) -> bool:
    try:
        pbx.status()
    except (NotRunning, TimeoutError):
        return False
    return True


def _prepare_cel(folder: Folder) -> None:
    """Asterisk commits each CEL record by itself: in WAL mode that is cheap enough."""
    folder.cel.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(folder.cel, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


@contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """One apply at a time on a line."""
    path = Path(folder.pbx) / "apply.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ApplyError(
                "another 'decroche apply' is under way; try again in a moment"
            ) from None
        yield
