"""New keys: who is owed a call moves over, whatever dies on the way; nobody else can be told."""

import multiprocessing
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from decroche.asterisk import line, privacy, quiet, rotation, settings
from decroche.asterisk.rotation import PrivacyError, renew_keys, steps
from decroche.hotline import Callbacks
from decroche.records import (
    callbacks,
    clocks,
    cursors,
    dialplan,
    kinds,
    ledger,
    numbers,
    schema,
    secrets,
    tokens,
)
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.keys import Keys
from decroche.records.promised import of_attempt
from decroche.records.rebuild import projections, rebuild
from decroche.records.rotate import move
from decroche.records.schema import reader
from decroche.records.store import Store

from .test_purge import Act, Call

CONFIGS = Path(__file__).parent.parent / "configs"
HENRI, MARIE, OTHER = "+33611111111", "+33622222222", "+33633333333"
SERVER = multiprocessing.get_context("forkserver")


def call(folder: Folder, number: str, name: str, talk: bool = False, end: bool = True) -> None:
    """A caller, as the flows write it down with the keys that are in force."""
    keys, at = secrets.load(folder.secrets), now()
    caller = tokens.token(number, keys.token_key)
    rung = {"agent": "ana", "offer": f"o-{name}"}
    story: list[tuple[str, dict[str, str]]] = [
        (kinds.ARRIVED, {"trunk": "t", "did": "1"}),
        (f"{kinds.KNOWN}:{caller}", {"caller": caller}),
    ]
    story += [(kinds.RANG, rung), (kinds.ANSWERED, rung)] * talk
    story += [(kinds.ENDED, {"cause": "16"})] * end
    events = [
        Event(id=f"{name}:{kind}", at=at + i, kind=kind.split(":")[0], call=name, body=dict(body))
        for i, (kind, body) in enumerate(story)
    ]
    store = Store(folder.database)
    store.append([numbers.seal(number, caller, keys.number_key), *events])
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Henri is owed a call after two attempts, Marie after one; somebody else was answered."""
    folder = Folder(tmp_path / "line")
    line.create(folder, CONFIGS)
    folder.cel.parent.mkdir(parents=True)
    key = secrets.load(folder.secrets).fallback_key
    settings.switch(folder, {"extensions.conf": f"AES_ENCRYPT({key},n)\n"}, None)
    call(folder, HENRI, "b-1")
    call(folder, MARIE, "b-2")
    call(folder, HENRI, "b-3")
    call(folder, OTHER, "b-4", talk=True)
    numbers.forget(folder.database)
    caller = tokens.token(HENRI, secrets.load(folder.secrets).token_key)
    ledger.claim(folder.database, caller, "camille")
    ledger.tried(folder.database, caller, "camille")
    return folder


def owed(folder: Folder) -> dict[str, tuple[int, int]]:
    """Number -> (attempts, tries) of all whom the keys in force can tell."""
    keys = secrets.load(folder.secrets)
    with closing(reader(folder.database)) as connection:
        entries = ledger.entries(connection)
    found = {}
    for entry in entries:
        number = numbers.find(folder.database, entry["caller"], keys.number_key)
        assert number is not None
        assert tokens.token(number, keys.token_key) == entry["caller"]
        found[number] = (entry["attempts"], entry["tries"])
    return found


def everything(folder: Folder) -> bytes:
    files = [path for path in folder.root.rglob("*") if path.is_file()]
    return b"\n".join(path.read_bytes() for path in files)


def journal(folder: Folder) -> str:
    with closing(sqlite3.connect(folder.database)) as connection:
        return str(connection.execute("SELECT * FROM journal").fetchall())


def assert_rotated(folder: Folder, old: secrets.Secrets) -> None:
    """The old keys are nowhere, the old tokens of who is owed neither, and all adds up."""
    keys = secrets.load(folder.secrets)
    assert keys.previous is None
    assert folder.secrets.stat().st_mode & 0o777 == 0o600
    for name in secrets.KEYS:
        assert getattr(old, name) != getattr(keys, name)
        assert getattr(old, name).encode() not in everything(folder)
    dialplan_ = settings.current(folder)["extensions.conf"]
    assert dialplan_ == f"AES_ENCRYPT({keys.fallback_key},n)\n"
    for number in (HENRI, MARIE):
        assert tokens.token(number, old.token_key) not in journal(folder)
    live = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == live


def test_who_is_owed_a_call_moves_over(folder: Folder) -> None:
    old = secrets.load(folder.secrets)
    before = {HENRI: (2, 1), MARIE: (1, 0)}
    assert owed(folder) == before
    assert renew_keys(folder, grace=0) == rotation.Rotation(2, 0)
    assert owed(folder) == before
    assert_rotated(folder, old)
    assert tokens.token(OTHER, old.token_key) in journal(folder)  # it means nobody any more
    call(folder, HENRI, "b-5", talk=True)
    assert owed(folder) == {MARIE: (1, 0)}


# A story, told with and without new keys in the middle of it.

NUMBERS = [f"+3365544000{n}" for n in range(3)]
SECRETS = secrets.Secrets(
    token_key="11" * 32, number_key="22" * 32, fallback_key="3" * 16, ami_recorder="", ami_flows=""
)
RENEWED = secrets.Secrets(
    token_key="44" * 32,
    number_key="55" * 32,
    fallback_key="6" * 16,
    ami_recorder="",
    ami_flows="",
    previous=secrets.Former(
        token_key=SECRETS.token_key,
        number_key=SECRETS.number_key,
        fallback_key=SECRETS.fallback_key,
    ),
)
ACTS = (kinds.OWED_CLAIMED, kinds.OWED_TRIED, kinds.OWED_RELEASED, kinds.OWED_CLOSED)
HOWS = st.sampled_from(["talk", "abandoned", "overflow", "closed", *ACTS])
STORIES = st.lists(st.tuples(HOWS, st.sampled_from(NUMBERS)), max_size=14)


def tell(path: Path, story: Sequence[tuple[str, str]], keys: secrets.Secrets, begin: int) -> None:
    """A minute for each; ``begin``: how many have gone before."""
    store = Store(path)
    for index, (how, number) in enumerate(story, begin):
        caller = tokens.token(number, keys.token_key)
        days = 1 - index / 1440
        one = Act(days, how, caller) if how in ACTS else Call(days, caller, how, 20)
        store.append([numbers.seal(number, caller, keys.number_key), *one.events(index)])
    store.close()


def told(path: Path, keys: secrets.Secrets) -> dict[str, dict[str, Any]]:
    """Number -> its open entry, without its token."""
    names = {tokens.token(number, keys.token_key): number for number in NUMBERS}
    with closing(reader(path)) as connection:
        found = {names[row["caller"]]: dict(row) for row in ledger.entries(connection)}
    return {number: row | {"caller": ""} for number, row in found.items()}


@settings_of(max_examples=80)
@given(STORIES, STORIES)
def test_new_keys_change_nothing_but_names(
    first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    with TemporaryDirectory() as folder:
        plain, renewed = Path(folder, "plain.db"), Path(folder, "renewed.db")
        for path in (plain, renewed):
            schema.prepare(path)
            tell(path, first, SECRETS, 0)
        numbers.forget(renewed)
        move(renewed, RENEWED)
        tell(plain, second, SECRETS, len(first))
        tell(renewed, second, RENEWED, len(first))
        assert told(renewed, RENEWED) == told(plain, SECRETS)
        live = projections(renewed)
        rebuild(renewed)
        assert projections(renewed) == live


# Whatever dies.

STEPS = 4


@pytest.mark.parametrize("dies", range(STEPS))
def test_whatever_dies_on_the_way_it_goes_on(folder: Folder, dies: int) -> None:
    """After each step somebody calls, too, and is met by the keys of that moment."""
    old = secrets.load(folder.secrets)
    for step, _ in enumerate(steps(folder, grace=0)):
        call(folder, HENRI, f"b-1{step}")
        if step == dies:
            break
    assert rotation.unfinished(folder) == (dies < STEPS - 1)
    renew_keys(folder, grace=0)
    if dies == STEPS - 1:
        assert_rotated(folder, old)
    assert owed(folder) == {HENRI: (2 + dies + 1, 1), MARIE: (1, 0)}
    call(folder, HENRI, "b-20", talk=True)
    assert owed(folder) == {MARIE: (1, 0)}
    live = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == live


def rotate(folder: Folder, begins: Connection) -> None:
    begins.send(True)
    for _ in range(20):
        renew_keys(folder, grace=0)


def test_killed_at_any_moment_it_is_finished_later(folder: Folder) -> None:
    old, unfinished = secrets.load(folder.secrets), 0
    for attempt in range(20):
        hears, begins = SERVER.Pipe(duplex=False)
        process = SERVER.Process(target=rotate, args=(folder, begins))
        process.start()
        assert hears.recv()
        process.join(0.007 * attempt)
        process.kill()
        process.join()
        unfinished += rotation.unfinished(folder)
    assert unfinished > 2
    while rotation.unfinished(folder):
        renew_keys(folder, grace=0)
    assert owed(folder) == {HENRI: (2, 1), MARIE: (1, 0)}
    assert_rotated(folder, old)


def test_what_a_killed_switch_has_left_goes(folder: Folder) -> None:
    old = secrets.load(folder.secrets)
    begun = steps(folder, grace=0)
    next(begun), next(begun)  # killed when the dialplan had its new key
    del begun
    left = folder.pbx / "etc.9"
    left.mkdir()
    (left / "extensions.conf").write_text(f"AES_ENCRYPT({old.fallback_key},n)\n", "utf-8")
    renew_keys(folder, grace=0)
    assert_rotated(folder, old)


def test_the_file_that_held_the_old_keys_is_overwritten(folder: Folder) -> None:
    """Seen by somebody who had it open; so is a disk that is searched afterwards."""
    *begun, _ = steps(folder, grace=0)
    assert begun
    next(steps(folder, grace=0))
    with open(folder.secrets, "rb") as held:
        assert b"[previous]" in held.read()
        renew_keys(folder, grace=0)
        held.seek(0)
        assert not held.read().strip(b"\0")


def test_who_is_written_down_late_under_the_old_key_is_not_lost(folder: Folder) -> None:
    old = secrets.load(folder.secrets)
    caller = tokens.token(HENRI, old.token_key)
    events = [
        Event(id=f"b-9:{kind}", at=now(), kind=kind, call="b-9", body=body)
        for kind, body in (
            (kinds.ARRIVED, {"trunk": "t", "did": "1"}),
            (kinds.KNOWN, {"caller": caller}),
            (kinds.ENDED, {"cause": "16"}),
        )
    ]
    for step, _ in enumerate(steps(folder, grace=0)):
        if step == 2:  # all have moved over
            store = Store(folder.database)
            store.append([numbers.seal(HENRI, caller, old.number_key), *events])
            store.close()
    assert owed(folder) == {HENRI: (3, 1), MARIE: (1, 0)}
    assert_rotated(folder, old)


def test_it_waits_for_a_quiet_moment(folder: Folder) -> None:
    call(folder, OTHER, "b-8", end=False)
    old = secrets.load(folder.secrets)
    with pytest.raises(PrivacyError, match="calls are up"):
        renew_keys(folder, grace=0)
    assert secrets.load(folder.secrets) == old


def test_the_old_keys_stay_until_what_the_fallback_kept_is_read(folder: Folder) -> None:
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        connection.execute("CREATE TABLE cel (eventtype TEXT, eventtime TEXT, extra TEXT)")
        connection.execute("INSERT INTO cel VALUES ('CHAN_START', '1.0', '')")
        connection.execute("INSERT INTO cel VALUES (?, '2.0', '')", (dialplan.SEALED,))
    old = secrets.load(folder.secrets)
    cursors.save(folder.database, "cel", "1 1.0")
    assert renew_keys(folder, grace=0).unread == 1
    assert "the services finish this" in "\n".join(rotation.Rotation(2, 1).lines())
    assert secrets.load(folder.secrets).fallback_keys[1] == old.fallback_key
    cursors.save(folder.database, "cel", "2 2.0")
    assert renew_keys(folder, grace=0).unread == 0
    assert_rotated(folder, old)


def test_who_is_being_called_back_moves_when_that_call_is_over(folder: Folder) -> None:
    """The call began in the instant in which the keys changed: its channel has the old name."""
    old, at = secrets.load(folder.secrets), now()
    caller = tokens.token(HENRI, old.token_key)
    store = Store(folder.database)
    store.append([callbacks.promise(Callbacks(), caller, "b-1", "q", "t", "1", at, at)])
    run = steps(folder, grace=0)
    next(run)
    channel = callbacks.take(folder.database, caller, "ana")
    *_, last = run
    assert (last.moved, last.unread) == (1, 1)
    with pytest.raises(AssertionError):
        owed(folder)  # Henri is still known under the old key
    assert quiet.calls(folder) == 1
    for kind in (kinds.BACK_DIALLED, kinds.BACK_LEFT):
        store.append([of_attempt(channel, kind, now(), side="caller", cause="17")])
    assert renew_keys(folder, grace=0) == rotation.Rotation(1, 0)
    assert_rotated(folder, old)
    assert owed(folder) == {HENRI: (2, 1), MARIE: (1, 0)}
    with closing(reader(folder.database)) as connection:
        (promise,) = callbacks.promises(connection)
    assert (promise["stage"], promise["tries"]) == ("waiting", 1)
    assert promise["caller"] == tokens.token(HENRI, secrets.load(folder.secrets).token_key)
    store.close()


def test_it_is_due_after_thirty_days(folder: Folder) -> None:
    assert not rotation.due(folder, now() + (clocks.KEYS - 1) * DAY)
    assert rotation.due(folder, now() + (clocks.KEYS + 1) * DAY)
    next(steps(folder, grace=0))
    assert rotation.due(folder, now())
    renew_keys(folder, grace=0)
    renewed = secrets.load(folder.secrets).renewed
    assert renewed is not None
    assert abs(renewed.timestamp() - time.time()) < timedelta(hours=1).total_seconds()


def test_a_service_that_runs_notices_new_keys(folder: Folder) -> None:
    keys = Keys(folder.secrets)
    old = keys()
    assert keys() is old
    assert next(steps(folder, grace=0)) is not None
    assert keys().token_key != old.token_key
    assert keys().number_keys == (keys().number_key, old.number_key)
    renew_keys(folder, grace=0)
    assert keys().number_keys == (keys().number_key,)
    folder.secrets.write_text("nonsense", "utf-8")
    assert keys().number_keys  # the last that could be read


def test_a_number_that_no_key_opens_is_deleted(folder: Folder) -> None:
    store = Store(folder.database)
    store.append([numbers.seal(OTHER, "f" * 32, "ee" * 32)])
    store.close()
    assert renew_keys(folder, grace=0).moved == 2
    with closing(reader(folder.database)) as connection:
        assert connection.execute("SELECT count(*) FROM numbers").fetchone()[0] == 2


def test_one_at_a_time(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*_: Any) -> Iterator[rotation.Rotation]:
        for act in (
            lambda: renew_keys(folder, grace=0),
            lambda: privacy.purge(folder, now()),
            lambda: privacy.forget(folder, HENRI),
        ):
            with pytest.raises(PrivacyError, match="under way"):
                act()
        yield rotation.Rotation(0, 0)

    monkeypatch.setattr(rotation, "steps", meanwhile)
    renew_keys(folder, grace=0)
    assert now() > MICRO
