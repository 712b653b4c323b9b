"""New keys for the line, and whoever is owed a call moves over to them.

1. secrets.toml holds the new keys, and the old ones as ``previous``. Services use the new ones
   from the next caller on, and still open what was sealed under the old ones.
2. Asterisk's dialplan gets the new key of the fallback (asterisk/rotation.py).
3. Each number that is kept is opened, gets its new token everywhere in the journal, and is sealed
   anew; the projections are computed again, in the same transaction. Attempts under the old and
   under the new token are one caller's again.
4. The old keys are destroyed, once nothing needs them. Of all others the tokens of before mean
   nobody any more.

Killed anywhere, it goes on where it stopped: ``previous`` says that something is unfinished.
"""

from pathlib import Path

from . import kinds
from .events import Event, now
from .numbers import keep, seal, unseal
from .rebuild import Progress, recompute, silent
from .redact import rename
from .secrets import Secrets
from .store import Store
from .tokens import token


def move(path: Path, secrets: Secrets, progress: Progress = silent, always: bool = False) -> int:
    """Step 3; returns how many callers moved. A number that no key opens is deleted.

    :param always: note it in the journal although there was nobody to move.
    :raises sqlite3.OperationalError: another process holds the file; nothing has changed.
    """
    store = Store(path)
    try:
        with store.transaction():
            moved = _move(store, secrets)
            if moved or always:
                at = now()
                key = f"{kinds.ROTATED}:{at}"
                store.add(Event(id=key, at=at, kind=kinds.ROTATED, body={"moved": moved}))
            if moved:
                recompute(store, progress)
    finally:
        store.close()
    return moved


def _move(store: Store, secrets: Secrets) -> int:
    connection, names = store.connection, {}
    for caller, sealed, at in connection.execute("SELECT * FROM numbers").fetchall():
        current = unseal(sealed, caller, (secrets.number_key,))
        if current is not None and token(current, secrets.token_key) == caller:
            continue
        number = current or unseal(sealed, caller, secrets.number_keys)
        connection.execute("DELETE FROM numbers WHERE caller = ?", (caller,))
        if number is not None:
            names[caller] = fresh = token(number, secrets.token_key)
            keep(connection, seal(number, fresh, secrets.number_key), at)
    rename(connection, names)
    return len(names)
