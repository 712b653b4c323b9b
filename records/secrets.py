"""secrets.toml: generated passwords and keys, readable by the owner alone."""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import tomlkit

from .events import now
from .folder import write_private


class SecretsError(Exception):
    """secrets.toml is missing, unreadable, or open to others."""


class Former(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The keys of before, while a rotation is under way (records/rotate.py)."""

    token_key: str
    number_key: str
    fallback_key: str


class Mailbox(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of the mail server that sends invitations."""

    password: str


class Secrets(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What must not stand in hotline.toml.

    ``token_key`` (hex) turns callers' numbers into tokens, ``number_key`` (hex) encrypts those
    that are kept, and ``fallback_key`` (16 characters) those that Asterisk writes down while no
    flow runs; none is ever in the database nor in its backups. ``renewed`` says since when
    (UTC). ``ami_*`` are passwords of our own sessions.
    ``trunks`` are the passwords of registering trunks, ``mail`` that of the mail server.
    """

    token_key: str
    number_key: str
    fallback_key: str
    ami_recorder: str
    ami_flows: str
    renewed: datetime | None = None
    trunks: dict[str, str] = {}
    mail: Mailbox | None = None
    previous: Former | None = None

    @property
    def token_keys(self) -> tuple[str, ...]:
        """The one in force first."""
        return (self.token_key, self.previous.token_key) if self.previous else (self.token_key,)

    @property
    def number_keys(self) -> tuple[str, ...]:
        """The one in force first."""
        return (self.number_key, self.previous.number_key) if self.previous else (self.number_key,)

    @property
    def fallback_keys(self) -> tuple[str, ...]:
        """The one in force first."""
        one, former = self.fallback_key, self.previous
        return (one, former.fallback_key) if former else (one,)


KEYS: dict[str, Callable[[], str]] = {
    "token_key": lambda: secrets.token_hex(32),
    "number_key": lambda: secrets.token_hex(32),
    "fallback_key": lambda: secrets.token_hex(8),
}
GENERATED: dict[str, Callable[[], str | datetime]] = {
    **KEYS,
    "ami_recorder": lambda: secrets.token_urlsafe(24),
    "ami_flows": lambda: secrets.token_urlsafe(24),
}


def create(path: Path) -> Secrets:
    """Write new secrets; of an existing file all is kept, and what is missing is added."""
    if path.exists():
        document = tomlkit.parse(path.read_text("utf-8"))
    else:
        document = tomlkit.document()
        document.add(tomlkit.comment("Generated. Keep this file; never share or publish it."))
    made = GENERATED | {"renewed": _instant}
    missing = [name for name in made if name not in document]
    for name in missing:
        document[name] = made[name]()
    if "trunks" not in document:
        trunks = tomlkit.table()
        trunks.add(tomlkit.comment('provider = "the password of a trunk that registers"'))
        document["trunks"] = trunks
    if missing:
        write_private(path, tomlkit.dumps(document))
    return load(path)


def keep_trunk(path: Path, name: str, password: str) -> None:
    """Keep the password of a trunk that registers; an empty one is forgotten.

    :raises SecretsError: with the remedy; nothing has changed.
    """
    if not password.isprintable():
        raise SecretsError("a trunk's password holds printable characters only")
    load(path)
    document = tomlkit.parse(path.read_text("utf-8"))
    trunks = document.setdefault("trunks", tomlkit.table())
    if password:
        trunks[name] = password
    else:
        trunks.pop(name, None)
    write_private(path, tomlkit.dumps(document))


def renew(path: Path) -> Secrets:
    """Put new keys in force and keep the old ones as ``previous``, in one step.

    :raises SecretsError: with the remedy.
    """
    before = load(path)
    document = tomlkit.parse(path.read_text("utf-8"))
    previous = tomlkit.table()
    for name, made in KEYS.items():
        previous[name] = getattr(before, name)
        document[name] = made()
    document["renewed"] = _instant()
    document["previous"] = previous
    write_private(path, tomlkit.dumps(document))
    return load(path)


def destroy_previous(path: Path) -> None:
    """Drop the keys of before, and overwrite the file that held them.

    What a disk keeps of overwritten blocks is out of reach: encrypt the disk against that.
    """
    document = tomlkit.parse(path.read_text("utf-8"))
    document.pop("previous", None)
    with open(path, "r+b") as old:
        write_private(path, tomlkit.dumps(document))
        old.write(bytes(os.fstat(old.fileno()).st_size))
        old.flush()
        os.fsync(old.fileno())


def _instant() -> datetime:
    return datetime.fromtimestamp(now() // 1_000_000, UTC)


def load(path: Path) -> Secrets:
    """Read secrets.toml.

    :raises SecretsError: with the remedy.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as error:
        raise SecretsError(f"{path}: {error.strerror}; 'decroche init' makes it") from None
    if mode & 0o077:
        raise SecretsError(f"{path}: others may read it; type: chmod 600 {path}")
    try:
        return msgspec.toml.decode(text, type=Secrets)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SecretsError(f"{path}: {error}") from None
