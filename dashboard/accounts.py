"""Who may sign in: accounts, their sessions, and the one-time code that makes the first.

Rare writes, each on a short connection of its own with BEGIN IMMEDIATE; call them off the
event loop. Codes and session ids are kept only as SHA-256: they hold 160 random bits, so a
slow hash would add nothing. Instants are seconds UTC.
"""

import hashlib
import re
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from ..records.schema import reader
from . import passwords
from .settings import CODE_SECONDS, NAME_MAX, PASSWORD_MAX, PASSWORD_MIN, SESSION_SECONDS

COORDINATOR, AGENT = "coordinator", "agent"
ROLES = (COORDINATOR, AGENT)
BEGINNER = "beginner"  # in place of AGENT until the charter is accepted: no caller's number yet

SELECT = """SELECT a.*, g.disabled, t.charter FROM accounts a
    LEFT JOIN agents g ON g.name = a.agent LEFT JOIN starts t ON t.agent = a.agent
    WHERE a.name = ?"""

migrations = Migrations("dashboard")


@migrations()
def m001_accounts(db: Database) -> None:
    db.execute(
        """CREATE TABLE accounts (
            name TEXT PRIMARY KEY,       -- folded: what sign-in compares
            label TEXT NOT NULL,         -- as the person wrote it
            roles TEXT NOT NULL,         -- separated by spaces
            password TEXT NOT NULL,      -- argon2id
            added INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE sessions (
            id TEXT PRIMARY KEY,         -- SHA-256 of the cookie
            account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE codes (
            hash TEXT PRIMARY KEY,
            expires INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID"""
    )


@migrations()
def m002_agent(db: Database) -> None:
    """Whose account it is, when it is an agent's; NULL: it is nobody's who takes calls."""
    if "agent" not in db["accounts"].columns_dict:
        db.execute("ALTER TABLE accounts ADD COLUMN agent TEXT")


class AccountError(Exception):
    """What was asked cannot be done; the text is a key of the catalogue."""


@dataclass(frozen=True)
class Account:
    """A person who has signed in."""

    name: str
    label: str
    roles: frozenset[str]
    session: str = ""  # hash of the session's cookie
    agent: str = ""  # who takes calls; empty when nobody


def prepare(path: Path) -> None:
    """Bring the dashboard's tables up to date; after the records room's own prepare."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        migrations.apply(Database(connection, execute_plugins=False))
        connection.commit()


def has_accounts(path: Path) -> bool:
    with closing(reader(path)) as connection:
        return connection.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is not None


def issue_code(path: Path) -> str:
    """A new one-time code for ``/start?code=``: one use, 24 hours. Earlier ones are void."""
    code = secrets.token_urlsafe(20)
    with writing(path) as connection:
        connection.execute("DELETE FROM codes")
        row = (digest(code), _now() + CODE_SECONDS)
        connection.execute("INSERT INTO codes (hash, expires) VALUES (?, ?)", row)
    return code


def claim(path: Path, code: str, name: str, password: str) -> Account:
    """Make a coordinator of whoever holds a valid code.

    :raises AccountError: a used, old or wrong code; a bad or taken name; a weak password.
    """
    label = tidy(name)
    check_words(label, password)
    with closing(reader(path)) as connection:
        _check_code(connection, code)  # before the costly hash
    hashed = passwords.hashed(password)
    with writing(path) as connection:
        _check_code(connection, code)
        connection.execute("DELETE FROM codes WHERE hash = ?", (digest(code),))
        return _add(connection, label, (COORDINATOR,), hashed)


def sign_in(path: Path, name: str, password: str) -> Account:
    """Check a password; takes as long for a name that does not exist.

    :raises AccountError: it is wrong.
    """
    key = fold(name)
    with closing(reader(path)) as connection:
        row = connection.execute(SELECT, (key,)).fetchone()
    fits = passwords.fits(password[:PASSWORD_MAX], row["password"] if row else None)
    if row is None or not fits:
        raise AccountError("signin.wrong")
    if row["disabled"]:
        raise AccountError("signin.disabled")
    if passwords.is_old(row["password"]):
        with writing(path) as connection:
            fresh = (passwords.hashed(password), key, row["password"])
            sql = "UPDATE accounts SET password = ? WHERE name = ? AND password = ?"
            connection.execute(sql, fresh)
    return account_of(row)


def open_session(path: Path, account: str) -> str:
    """Begin a session and return what its cookie holds."""
    cookie = secrets.token_urlsafe(24)
    now = _now()
    with writing(path) as connection:
        connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
        row = (digest(cookie), account, now, now + SESSION_SECONDS)
        connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", row)
    return cookie


def close_session(path: Path, session: str) -> None:
    """End one session, by the hash of its cookie."""
    with writing(path) as connection:
        connection.execute("DELETE FROM sessions WHERE id = ?", (session,))


def close_sessions(connection: sqlite3.Connection, account: str) -> int:
    """End all sessions of an account and say how many there were."""
    sql = "DELETE FROM sessions WHERE account = ?"
    return connection.execute(sql, (fold(account),)).rowcount


def account_of(row: sqlite3.Row, session: str = "") -> Account:
    """:param row: of SELECT, or of sessions.py."""
    roles = frozenset(row["roles"].split())
    if row["agent"] and row["charter"] is None and AGENT in roles:
        roles = roles - {AGENT} | {BEGINNER}
    return Account(row["name"], row["label"], roles, session, row["agent"] or "")


def check_words(label: str, password: str) -> None:
    if not label or len(label) > NAME_MAX or re.search(r"[\x00-\x1f\x7f-\x9f]", label):
        raise AccountError("signin.bad_name")
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise AccountError("signin.bad_password")


def tidy(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()


def fold(name: str) -> str:
    return unicodedata.normalize("NFKC", tidy(name)).casefold()


def digest(secret: str) -> str:
    """Of whatever a browser sends: a cookie may hold bytes that are no text."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _check_code(connection: sqlite3.Connection, code: str) -> None:
    sql = "SELECT 1 FROM codes WHERE hash = ? AND expires > ?"
    if connection.execute(sql, (digest(code), _now())).fetchone() is None:
        raise AccountError("start.bad_code")


def _add(
    connection: sqlite3.Connection, label: str, roles: tuple[str, ...], hashed: str
) -> Account:
    row = (fold(label), label, " ".join(roles), hashed, _now())
    try:
        connection.execute(
            "INSERT INTO accounts (name, label, roles, password, added) VALUES (?, ?, ?, ?, ?)", row
        )
    except sqlite3.IntegrityError:
        raise AccountError("start.taken") from None
    return Account(fold(label), label, frozenset(roles))


def _now() -> int:
    return int(time.time())


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.close()
