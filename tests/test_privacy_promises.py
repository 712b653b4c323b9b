"""Promises and messages of one person: shown, forgotten, and carried over to new keys."""

import json
import sqlite3
from contextlib import closing

import pytest

from decroche.hotline import Callbacks
from decroche.records import (
    callbacks,
    erasures,
    kinds,
    messages,
    numbers,
    promised,
    secrets,
    tokens,
)
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.rebuild import projections, rebuild
from decroche.records.store import Store

from .test_privacy import folder
from .traces import CEL, HENRI, MARIE, done, rows

__all__ = ["folder"]  # a fixture


def promise_and_message(folder: Folder, number: str, name: str) -> str:
    """A caller left a message in a call of theirs and was called back in vain; their token."""
    caller = tokens.token(number, secrets.load(folder.secrets).token_key)
    messages.file_of(folder, name).write_bytes(bytes(messages.HEADER + 3 * messages.BYTES))
    channel = promised.channel_of(caller, now())
    made = callbacks.promise(Callbacks(), caller, name, "visio", "t", "100", now(), now())
    store = Store(folder.database)
    store.append(
        [
            messages.left(name, "visio", 3, now()),
            made,
            promised.of_attempt(channel, kinds.BACK_RANG, now(), agent="ana"),
            promised.of_attempt(channel, kinds.BACK_DIALLED, now()),
            promised.of_attempt(channel, kinds.BACK_LEFT, now(), side="caller", cause="19"),
        ]
    )
    store.close()
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        values = ("CHAN_START", f"{now() / MICRO:.6f}", "PJSIP/ana-1", channel, channel, "s", "")
        connection.execute(f"INSERT INTO cel ({CEL}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return caller


@pytest.mark.parametrize("cut_short", [False, True])
def test_call_backs_and_messages_are_shown_and_forgotten(folder: Folder, cut_short: bool) -> None:
    caller = promise_and_message(folder, HENRI, "b-1")
    other = promise_and_message(folder, MARIE, "b-2")
    shown = json.loads(done(folder, "privacy", "export", HENRI))
    assert [one["state"] for one in shown["call_backs"]] == ["waiting"]
    assert [one["seconds"] for one in shown["messages"]] == [3]
    if cut_short:
        erasures.note(folder.erasures, [caller], now())
        done(folder, "purge")
    else:
        done(folder, "privacy", "forget", HENRI, "--yes")
    assert not messages.file_of(folder, "b-1").exists()
    assert messages.file_of(folder, "b-2").exists()
    assert [row[0] for row in rows(folder.database, "SELECT caller FROM callbacks")] == [other]
    for path in folder.root.rglob("*"):
        if path.is_file() and path != folder.erasures:
            assert caller.encode() not in path.read_bytes(), path
    before = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == before


def test_a_promise_moves_over_to_new_keys(folder: Folder) -> None:
    old = promise_and_message(folder, HENRI, "b-1")
    done(folder, "privacy", "rotate")
    keys = secrets.load(folder.secrets)
    caller = tokens.token(HENRI, keys.token_key)
    assert caller != old
    sql = "SELECT caller, tries, stage FROM callbacks WHERE caller = ?"
    assert [tuple(row) for row in rows(folder.database, sql, caller)] == [(caller, 1, "waiting")]
    assert numbers.find(folder.database, caller, *keys.number_keys) == HENRI
    assert old not in str([tuple(row) for row in rows(folder.database, "SELECT * FROM journal")])
    before = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == before
