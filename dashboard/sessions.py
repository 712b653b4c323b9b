"""Sessions: a random id in the cookie, everything else in a row that can be deleted.

The cookie is ``__Host-decroche`` with Secure when the request came over https (directly, or
through a proxy on this machine that says so), and plain ``decroche`` over http on loopback.
(aiohttp-session 2.12 keeps its state under text keys, of which aiohttp 3.14 warns at every
request; what is left of it here would be longer than this file.)
"""

import asyncio
import json
import sqlite3
import time
from pathlib import Path

from aiohttp import web

from . import accounts
from .accounts import Account
from .settings import COOKIE, SECURE_COOKIE, SESSION_SECONDS

LOOPBACK = ("127.0.0.1", "::1", None)  # None: a Unix socket
# Whoever is disabled is signed out by that alone.
SELECT = """SELECT s.id, a.name, a.label, a.roles, a.agent, t.charter FROM sessions s
    JOIN accounts a ON a.name = s.account LEFT JOIN agents g ON g.name = a.agent
    LEFT JOIN starts t ON t.agent = a.agent
    WHERE s.id = ? AND s.expires > ? AND g.disabled IS NULL"""

ALIVE = """SELECT s.id FROM sessions s
    JOIN accounts a ON a.name = s.account LEFT JOIN agents g ON g.name = a.agent
    WHERE s.id IN (SELECT value FROM json_each(?)) AND s.expires > ? AND g.disabled IS NULL"""


def is_secure(request: web.BaseRequest) -> bool:
    """Whether the browser speaks https; a proxy's word counts only from this machine."""
    if request.secure:
        return True
    said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
    return said == "https" and request.remote in LOOPBACK


def address_of(request: web.BaseRequest) -> str:
    """From where somebody asks; behind a proxy on this machine, the address that it names last."""
    said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()[:45]
    return said if said and request.remote in LOOPBACK else request.remote or ""


def cookie_name(request: web.BaseRequest) -> str:
    return SECURE_COOKIE if is_secure(request) else COOKIE


class Sessions:
    """Reads with a connection of the event loop; the rare writes go to a thread."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def find(self, request: web.BaseRequest) -> Account | None:
        """Who asks; None without a session that is still good."""
        cookie = request.cookies.get(cookie_name(request), "")
        row = self._row(accounts.digest(cookie)) if cookie else None
        return None if row is None else accounts.account_of(row, row["id"])

    async def open(
        self, request: web.BaseRequest, response: web.StreamResponse, account: Account
    ) -> None:
        """Begin a session with a fresh id; one that was open before is not taken over."""
        cookie = await asyncio.to_thread(accounts.open_session, self._path, account.name)
        response.set_cookie(
            cookie_name(request),
            cookie,
            path="/",
            max_age=SESSION_SECONDS,
            secure=is_secure(request),
            httponly=True,
            samesite="Strict",
        )

    async def close(
        self, request: web.BaseRequest, response: web.StreamResponse, account: Account
    ) -> None:
        await asyncio.to_thread(accounts.close_session, self._path, account.session)
        response.del_cookie(
            cookie_name(request),
            path="/",
            secure=is_secure(request),
            httponly=True,
            samesite="Strict",
        )

    def alive(self, sessions: set[str]) -> set[str]:
        """Those of some sessions that are still good."""
        asked = (json.dumps(sorted(sessions)), int(time.time()))
        return {row["id"] for row in self._connection.execute(ALIVE, asked)}

    def _row(self, session: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(
            SELECT, (session, int(time.time()))
        ).fetchone()
        return found
