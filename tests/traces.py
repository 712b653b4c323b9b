"""A line with the traces of two callers, and the commands upon it: for the privacy tests."""

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from decroche.asterisk import line
from decroche.cli import main
from decroche.dashboard import accounts
from decroche.kb import schema as sheets
from decroche.records import (
    cursors,
    dialplan,
    kinds,
    numbers,
    secrets,
    tokens,
)
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

CONFIGS = Path(__file__).parent.parent / "configs"
HENRI, MARIE = "+33655443322", "+33622222222"
CEL = "eventtype, eventtime, channel, uniqueid, linkedid, exten, extra"


def call(folder: Folder, number: str, name: str, days: float = 0.5) -> None:
    """A caller whom nobody answered, ``days`` ago."""
    keys, at = secrets.load(folder.secrets), now() - int(days * DAY)
    caller = tokens.token(number, keys.token_key)
    story = (
        (kinds.ARRIVED, {"trunk": "t", "did": "0900000000"}),
        (f"{kinds.KNOWN}:{caller}", {"caller": caller}),
        (kinds.QUEUED, {"queue": "visio"}),
        (kinds.ENDED, {"cause": "16"}),
    )
    store = Store(folder.database)
    store.append(
        [
            numbers.seal(number, caller, keys.number_key),
            *(
                Event(
                    id=f"{name}:{kind}",
                    at=at + second * MICRO,
                    kind=kind.split(":")[0],
                    call=name,
                    body=dict(body),
                )
                for second, (kind, body) in enumerate(story)
            ),
        ]
    )
    store.close()


def sealed(number: str, key: str) -> str:
    """As AES_ENCRYPT() does it: whole blocks, filled with zero bytes."""
    data = f"n{number}".encode()
    data += bytes(-len(data) % 16)
    maker = Cipher(algorithms.AES(key.encode()), modes.ECB()).encryptor()
    return base64.b64encode(maker.update(data) + maker.finalize()).decode()


def write_cel(folder: Folder, *rows: tuple[str, float, str]) -> None:
    """(event, seconds, extra), as cel_sqlite3_custom writes them."""
    folder.cel.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        names = ", ".join(f'"{name}" TEXT' for name in CEL.split(", "))
        connection.execute(f"CREATE TABLE IF NOT EXISTS cel (AcctId INTEGER PRIMARY KEY, {names})")
        for event, at, extra in rows:
            values = (event, f"{at:.6f}", "PJSIP/trunk-t-1", "u", "u", "queue", extra)
            connection.execute(f"INSERT INTO cel ({CEL}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def read_on(folder: Folder) -> None:
    """The recorder has read all of the channel event log."""
    with closing(sqlite3.connect(folder.cel)) as connection:
        sql = "SELECT rowid, eventtime FROM cel ORDER BY rowid DESC LIMIT 1"
        place, at = connection.execute(sql).fetchone()
    cursors.save(folder.database, "cel", f"{place} {at}")


def make(tmp_path: Path) -> Folder:
    """Henri has called twice and Marie once; the fallback has kept both numbers."""
    folder = Folder(tmp_path / "line")
    line.create(folder, CONFIGS)
    sheets.migrate(folder.database)
    accounts.prepare(folder.database)
    for number, name in ((HENRI, "b-1"), (MARIE, "b-2"), (HENRI, "b-3")):
        call(folder, number, name)
    key = secrets.load(folder.secrets).fallback_key
    rows = [
        (dialplan.SEALED, now() / MICRO, json.dumps({"extra": sealed(number, key)}))
        for number in ("0655443322", "0622222222", "+33655443322")
    ]
    write_cel(folder, *rows)
    return folder


def run(folder: Folder, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["--dir", str(folder.root), *words], input=typed)


def done(folder: Folder, *words: str, typed: str = "") -> str:
    found = run(folder, *words, typed=typed)
    assert found.exit_code == 0, found.output
    return found.stdout


def rows(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()
