"""``decroche plan`` and ``decroche apply``: from hotline.toml and the people to Asterisk."""

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..hotline import Hotline, load, prompt_texts
from ..records.folder import Folder
from ..records.people import list_agents
from ..records.secrets import load as load_secrets
from . import prompts, settings
from .control import NotRunning
from .hours import this_year, year_mark
from .modules import loadable
from .pbx import Pbx
from .release import Release
from .render import Files, Plan, render, verify
from .settings import ApplyError


def next_files(folder: Folder, release: Release) -> tuple[Hotline, Files]:
    """Render and verify what hotline.toml and the people ask for now.

    :raises HotlineError, RenderError, SecretsError: with where and what.
    """
    return files_of(folder, release, folder.hotline)


def files_of(folder: Folder, release: Release, path: Path) -> tuple[Hotline, Files]:
    """The same of another hotline.toml."""
    text = path.read_text("utf-8") if path.exists() else ""
    hotline = load(path)
    plan = Plan(
        hotline=hotline,
        agents=list_agents(folder.database),
        secrets=load_secrets(folder.secrets),
        folder=folder,
        modules=loadable(release.modules),
    )
    files = render(plan)
    verify(plan, files)
    return hotline, files | {settings.MODEL: text}


def plan(folder: Folder, release: Release) -> list[str]:
    """What ``apply`` would change, as lines of a diff."""
    _, files = next_files(folder, release)
    return list(settings.diff(settings.current(folder), files))


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
        texts = prompt_texts(hotline)
        poor = prompts.prepare(release, folder.prompts, texts, hotline.line.language, progress)
        _prepare_cel(folder)
        moved = folder.applied.exists() and load(folder.applied).network != hotline.network
        pbx = Pbx(release, folder.pbx)
        ask = pbx.ask if _runs(pbx) else None
        done = settings.switch(folder, files, ask)
    if moved:
        done.append("the services take new addresses and ports when they are started again")
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
