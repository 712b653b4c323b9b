"""Sessions: a random id in the cookie, everything else in a row that can be deleted.

The cookie is ``__Host-decroche`` with Secure when the request came over https (directly, or
through a proxy on this machine that says so), and plain ``decroche`` over http on loopback.
"""

import asyncio
import sqlite3
import time
from pathlib import Path

from aiohttp import web
from aiohttp_session import AbstractStorage, Session

from . import accounts
from .settings import COOKIE, SECURE_COOKIE, SESSION_SECONDS

LOOPBACK = ("127.0.0.1", "::1", None)  # None: a Unix socket
SELECT = """SELECT s.id, a.name, a.label, a.roles FROM sessions s
    JOIN accounts a ON a.name = s.account WHERE s.id = ? AND s.expires > ?"""


def is_secure(request: web.BaseRequest) -> bool:
    """Whether the browser speaks https; a proxy's word counts only from this machine."""
    if request.secure:
        return True
    said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
    return said == "https" and request.remote in LOOPBACK


def cookie_name(request: web.BaseRequest) -> str:
    return SECURE_COOKIE if is_secure(request) else COOKIE


class Storage(AbstractStorage):
    """A session holds ``account``, ``label`` and ``roles``; its identity is the row's id."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._path = path
        self._connection = connection

    async def load_session(self, request: web.Request) -> Session:
        cookie = request.cookies.get(cookie_name(request), "")
        row = self._row(cookie) if cookie else None
        if row is None:
            return Session(None, data=None, new=True)
        kept = {"account": row["name"], "label": row["label"], "roles": row["roles"].split()}
        return Session(row["id"], data={"created": 0, "session": kept}, new=False)

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        name, secure = cookie_name(request), is_secure(request)
        if session.empty:
            if session.identity:
                await asyncio.to_thread(accounts.close_session, self._path, session.identity)
            response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Strict")
            return
        cookie = await asyncio.to_thread(accounts.open_session, self._path, session["account"])
        response.set_cookie(
            name,
            cookie,
            path="/",
            max_age=SESSION_SECONDS,
            secure=secure,
            httponly=True,
            samesite="Strict",
        )

    def alive(self, sessions: set[str]) -> set[str]:
        """Those of some sessions that are still good."""
        return {session for session in sessions if self._found(session)}

    def _row(self, cookie: str) -> sqlite3.Row | None:
        return self._found(accounts.digest(cookie))

    def _found(self, session: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(
            SELECT, (session, int(time.time()))
        ).fetchone()
        return found
