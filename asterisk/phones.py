"""Phones with a new password, and those of the disabled: in force without an ``apply``.

A volunteer who begins must not wait for an admin, nor callers for thousands of volunteers:

1. A new password becomes an override in Asterisk's database, at once and without a reload.
2. Whoever is disabled (or enabled again, or was never applied) makes pjsip.conf anew, with the
   people as they are now. What hotline.toml in force says stays; no call is touched.
3. Compared again whenever the PBX is connected: Asterisk may come back with older overrides.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from time import monotonic

import structlog

from ..hotline import HotlineError, load
from ..records import kinds
from ..records.folder import Folder
from ..records.journal import Journal
from ..records.secrets import SecretsError
from ..records.secrets import load as load_secrets
from ..records.store import last_seq
from . import overrides, settings
from .apply import alone, phones_of
from .control import NotRunning
from .modules import loadable
from .pbx import Pbx
from .release import Release
from .remedies import InstallError
from .render import Plan, RenderError, render, verify
from .settings import ApplyError

log = structlog.get_logger(__name__)

FILE = "pjsip.conf"
AGAIN = 2.0  # seconds after which what did not work is tried again
COSTS = 4  # a change is followed by a pause this many times longer than it took
FOLLOWED = kinds.PHONE_KINDS | {kinds.PBX_CONNECTED}
LOGIN = re.compile(
    r"^\[([a-z0-9_-]+)\]\(decroche\.login\)\n(?:\w+ = .*\n)*?md5_cred = (\w+)$", re.MULTILINE
)

# What keeps the phones as they are: a hotline.toml that does not fit, another apply, no Asterisk.
LATER = (
    *(HotlineError, SecretsError, RenderError, ApplyError, InstallError),
    *(NotRunning, TimeoutError, OSError, sqlite3.Error),
)


async def keep_phones(folder: Folder, journal: Journal, release: Callable[[], Release]) -> None:
    """Follow the journal and let the phones follow the people, until cancelled.

    :param release: gives the Asterisk that is there now.
    """
    with closing(journal.open_reader()) as connection:
        after = last_seq(connection)
    await _until_renewed(folder, release, frozenset())
    async for events in journal.follow_only(after, FOLLOWED):
        began = monotonic()
        people = frozenset(event.actor for event in events if event.kind in kinds.PHONE_KINDS)
        await _until_renewed(folder, release, people)
        await asyncio.sleep(COSTS * (monotonic() - began))


async def _until_renewed(
    folder: Folder, release: Callable[[], Release], people: frozenset[str]
) -> None:
    said = ""
    while True:
        try:
            if await asyncio.to_thread(lambda: renew(folder, release(), people)):
                log.info("the phones' passwords are in force")
            return
        except LATER as error:
            if said != str(error):
                log.warning("the phones' passwords are not in force yet", reason=str(error))
            said = str(error)
        await asyncio.sleep(AGAIN)


def renew(folder: Folder, release: Release, people: frozenset[str]) -> bool:
    """Let Asterisk know the passwords of today; whether anything changed.

    Before the first ``apply`` there is nobody to tell.

    :param people: agents who must be known afterwards, even if no ``apply`` has added them yet.
    :raises ApplyError: another apply is under way, or Asterisk refused; and others of LATER.
    """
    if not folder.applied.exists():
        return False
    with alone(folder):
        pbx = Pbx(release, folder.pbx)
        ask = pbx.ask if pbx.pid() is not None else None
        agents = {agent.name: agent for agent in phones_of(folder)}
        known = dict(LOGIN.findall((folder.etc / FILE).read_text("utf-8")))
        other = {
            name: agent.ha1
            for name, agent in agents.items()
            if name in known and known[name] != agent.ha1
        }
        unknown = (people & agents.keys()) - known.keys()
        if unknown or known.keys() - agents.keys() or (other and ask is None):
            _write(folder, release, ask)
            other = {}
        elif ask is None:
            return False
        changed = overrides.make_equal(ask, other) if ask else False
        return changed or bool(unknown) or bool(known.keys() - agents.keys())


def _write(folder: Folder, release: Release, ask: overrides.Ask | None) -> None:
    plan = Plan(
        hotline=load(folder.applied),
        agents=phones_of(folder),
        secrets=load_secrets(folder.secrets),
        folder=folder,
        modules=loadable(release.modules),
    )
    files = render(plan)
    verify(plan, files)
    settings.switch(folder, settings.current(folder) | {FILE: files[FILE]}, ask)
