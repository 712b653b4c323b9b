"""secrets.toml: generated passwords and keys, readable by the owner alone."""

import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
import tomlkit

from .folder import write_private


class SecretsError(Exception):
    """secrets.toml is missing, unreadable, or open to others."""


class Secrets(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What must not stand in hotline.toml.

    ``token_key`` (hex) turns callers' numbers into tokens, ``number_key`` (hex) encrypts those
    that are kept, and ``fallback_key`` (16 characters) those that Asterisk writes down while no
    flow runs; none is ever in the database nor in its backups. ``ami_*`` are passwords of
    our own sessions.
    ``trunks`` are the passwords of registering trunks.
    """

    token_key: str
    number_key: str
    fallback_key: str
    ami_recorder: str
    ami_flows: str
    trunks: dict[str, str] = {}


GENERATED: dict[str, Callable[[], str]] = {
    "token_key": lambda: secrets.token_hex(32),
    "number_key": lambda: secrets.token_hex(32),
    "fallback_key": lambda: secrets.token_hex(8),
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
    missing = {name: made for name, made in GENERATED.items() if name not in document}
    for name, made in missing.items():
        document[name] = made()
    if "trunks" not in document:
        trunks = tomlkit.table()
        trunks.add(tomlkit.comment('provider = "the password of a trunk that registers"'))
        document["trunks"] = trunks
    if missing:
        write_private(path, tomlkit.dumps(document))
    return load(path)


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
