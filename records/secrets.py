"""secrets.toml: generated passwords and keys, readable by the owner alone."""

import os
import secrets
from pathlib import Path

import msgspec
import tomlkit


class SecretsError(Exception):
    """secrets.toml is missing, unreadable, or open to others."""


class Secrets(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What must not stand in hotline.toml.

    ``token_key`` (hex) turns callers' numbers into tokens; it is never in the
    database nor in its backups. ``ami_*`` are passwords of our own sessions.
    ``trunks`` are the passwords of registering trunks.
    """

    token_key: str
    ami_recorder: str
    ami_flows: str
    trunks: dict[str, str] = {}


def create(path: Path) -> Secrets:
    """Write new secrets; an existing file is kept and read."""
    if not path.exists():
        document = tomlkit.document()
        document.add(tomlkit.comment("Generated. Keep this file; never share or publish it."))
        document["token_key"] = secrets.token_hex(32)
        document["ami_recorder"] = secrets.token_urlsafe(24)
        document["ami_flows"] = secrets.token_urlsafe(24)
        trunks = tomlkit.table()
        trunks.add(tomlkit.comment('provider = "the password of a trunk that registers"'))
        document["trunks"] = trunks
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(document))
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
