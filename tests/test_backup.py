"""A line from its backup: whole, or refused with nothing changed; who was forgotten stays so."""

import asyncio
import io
import json
import multiprocessing
import tarfile
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from decroche.asterisk import line, privacy
from decroche.asterisk.rotation import renew_keys
from decroche.cli import main
from decroche.dashboard import accounts
from decroche.kb import schema as sheets
from decroche.records import check, kinds, ledger, numbers, people, secrets, tokens
from decroche.records.backup import BackupError, backup
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal
from decroche.records.rebuild import projections, rebuild
from decroche.records.restore import restore
from decroche.records.schema import reader
from decroche.records.store import Store

CONFIGS = Path(__file__).parent.parent / "configs"
HENRI, MARIE = "+33611111111", "+33622222222"
SERVER = multiprocessing.get_context("forkserver")


def silent(done: int, total: int) -> None:
    assert 0 <= done <= total


def events(folder: Folder, number: str, name: str, days: float = 1) -> list[Event]:
    caller = tokens.token(number, secrets.load(folder.secrets).token_key)
    at = now() - int(days * DAY)
    story = (
        (kinds.ARRIVED, {"trunk": "t", "did": "1"}),
        (kinds.KNOWN, {"caller": caller}),
        (kinds.ENDED, {"cause": "16"}),
    )
    return [
        Event(id=f"{name}:{kind}", at=at + n * MICRO, kind=kind, call=name, body=dict(body))
        for n, (kind, body) in enumerate(story)
    ]


def call(folder: Folder, number: str, name: str, days: float = 1) -> None:
    found = events(folder, number, name, days)
    caller, key = str(found[1].body["caller"]), secrets.load(folder.secrets).number_key
    store = Store(folder.database)
    store.append([numbers.seal(number, caller, key), *found])
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A line with two callers who are owed a call, an agent, a recording and somebody signed in."""
    folder = Folder(tmp_path / "line")
    line.create(folder, CONFIGS)
    sheets.migrate(folder.database)
    accounts.prepare(folder.database)
    accounts.issue_code(folder.database)
    people.add_agent(folder.database, "ana", "Ana", [])
    call(folder, HENRI, "b-1")
    call(folder, MARIE, "b-2")
    folder.prompts.mkdir(parents=True)
    (folder.prompts / "greeting.wav").write_bytes(b"a voice")
    (folder.prompts / "menu.alaw").write_bytes(b"a draft")
    (folder.prompts / "drafts.json").write_text('{"menu": "mark"}', "utf-8")
    return folder


def run(folder: Folder, *words: str) -> Result:
    return CliRunner().invoke(main, ["--dir", str(folder.root), *words])


def backed_up(folder: Folder, *options: str) -> Path:
    file = folder.backups / "one.tar.gz"
    found = run(folder, "backup", str(file), *options)
    assert found.exit_code == 0, found.output
    return file


def owed(folder: Folder) -> set[str]:
    """The numbers of those who are owed a call, as far as the keys open them."""
    key = secrets.load(folder.secrets).number_key
    with closing(reader(folder.database)) as connection:
        callers = [row["caller"] for row in ledger.entries(connection)]
    return {numbers.find(folder.database, caller, key) or caller for caller in callers}


def everything(folder: Folder) -> dict[str, bytes]:
    """Every file of a line but those that only say that somebody works on it."""
    return {
        str(path.relative_to(folder.root)): path.read_bytes()
        for path in sorted(folder.root.rglob("*"))
        if path.is_file() and path.suffix not in (".lock", ".gz") and "-shm" not in path.name
    }


def assert_whole(folder: Folder) -> None:
    assert [one for one in check.check(folder.database, 0) if one.problem] == []


# What is in it.


def test_it_holds_the_line_and_not_the_keys(folder: Folder) -> None:
    file = backed_up(folder)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        found = {info.name: archive.extractfile(info) for info in archive}
        texts = {name: one.read() for name, one in found.items() if one}
    names = {"manifest.json", "decroche.db", "hotline.toml", "sounds/greeting.wav"}
    assert texts.keys() == names
    keys = secrets.load(folder.secrets)
    for name in (*secrets.KEYS, "ami_recorder", "ami_flows"):
        assert all(getattr(keys, name).encode() not in text for text in texts.values())
    manifest = json.loads(texts["manifest.json"])
    assert manifest["files"].keys() == names - {"manifest.json"}
    assert manifest["newest"] == 7
    assert list(folder.root.glob(".backup-*")) == []


def test_a_file_that_is_there_is_not_overwritten(folder: Folder) -> None:
    file = backed_up(folder)
    before = file.read_bytes()
    found = run(folder, "backup", str(file))
    assert found.exit_code == 1 and "is there already" in found.output
    assert file.read_bytes() == before


async def test_it_is_one_moment_while_the_line_writes(folder: Folder, tmp_path: Path) -> None:
    """Whatever is appended meanwhile: the copy adds up, and holds all that was durable before."""
    async with Journal(folder.database) as journal:
        for round_ in range(3):
            futures = [
                journal.submit(*events(folder, HENRI, f"c-{round_}-{n}")) for n in range(300)
            ]
            await futures[0]
            file = tmp_path / f"{round_}.tar.gz"
            other = Folder(tmp_path / f"other{round_}")
            (row,) = reader(folder.database).execute("SELECT max(seq) FROM journal").fetchall()
            await asyncio.to_thread(backup, folder, file, [], silent)
            await asyncio.gather(*futures)
            restore(other, file, silent)
            (copy,) = reader(other.database).execute("SELECT max(seq) FROM journal").fetchall()
            assert copy[0] >= row[0]
            assert_whole(other)


# What becomes of it.


def test_a_line_is_made_again_in_an_empty_folder(folder: Folder, tmp_path: Path) -> None:
    other = Folder(tmp_path / "other")
    found = run(other, "restore", str(backed_up(folder, "--with-secrets")))
    assert found.exit_code == 0, found.output
    assert "2 numbers cannot be opened with the keys of today" in found.output
    assert other.secrets.exists()  # new ones
    assert projections(other.database) == projections(folder.database)
    assert [agent.name for agent in people.list_agents(other.database)] == ["ana"]
    assert (other.prompts / "greeting.wav").read_bytes() == b"a voice"
    assert other.hotline.read_text("utf-8") == folder.hotline.read_text("utf-8")
    assert list(other.root.glob(".restore-*")) == []
    assert_whole(other)


def test_with_its_keys_it_moves_to_another_machine(folder: Folder, tmp_path: Path) -> None:
    file = backed_up(folder, "--with-secrets")
    keys = file.with_name("one.tar.gz.secrets.toml")
    assert keys.stat().st_mode & 0o777 == 0o600
    other = Folder(tmp_path / "other")
    assert run(other, "restore", str(file), "--secrets", str(keys)).exit_code == 0
    assert owed(other) == {HENRI, MARIE}
    assert other.secrets.stat().st_mode & 0o777 == 0o600
    again = run(other, "restore", str(file), "--secrets", str(keys))
    assert again.exit_code == 1 and "keeps its own keys" in again.output


def test_what_stood_there_is_put_aside(folder: Folder) -> None:
    file = backed_up(folder)
    call(folder, "+33633333333", "b-3")
    folder.hotline.write_text(folder.hotline.read_text("utf-8") + "\n# mine\n", "utf-8")
    before = projections(folder.database)
    found = run(folder, "restore", str(file))
    assert found.exit_code == 0, found.output
    assert owed(folder) == {HENRI, MARIE}
    (aside,) = folder.replaced.iterdir()
    assert projections(aside / "decroche.db") == before
    assert "# mine" in (aside / "hotline.toml").read_text("utf-8")
    assert str(aside) in found.output
    assert privacy.purge(folder, now())[-2].count == 0
    assert privacy.purge(folder, now() + 8 * DAY)[-2].count == 1
    assert list(folder.replaced.iterdir()) == []


def test_nobody_is_signed_in_by_a_restore(folder: Folder) -> None:
    file = backed_up(folder)
    run(folder, "restore", str(file))
    with closing(reader(folder.database)) as connection:
        assert connection.execute("SELECT count(*) FROM codes").fetchone()[0] == 0


def test_who_was_forgotten_since_stays_so(folder: Folder) -> None:
    """And the clocks hold for what comes back, too."""
    call(folder, "+33644444444", "b-4", 200)
    file = backed_up(folder)
    privacy.forget(folder, HENRI)
    call(folder, HENRI, "b-5", -0.0001)  # and calls again
    assert run(folder, "restore", str(file)).exit_code == 0
    assert owed(folder) == {MARIE}
    keys = secrets.load(folder.secrets)
    assert tokens.token(HENRI, keys.token_key).encode() not in folder.database.read_bytes()
    assert tokens.token("+33644444444", keys.token_key).encode() not in folder.database.read_bytes()
    assert_whole(folder)


def test_an_older_backup_after_new_keys_names_nobody(folder: Folder) -> None:
    file = backed_up(folder)
    renew_keys(folder, grace=0)
    assert owed(folder) == {HENRI, MARIE}
    found = run(folder, "restore", str(file))
    assert "2 numbers cannot be opened" in found.output
    with closing(reader(folder.database)) as connection:
        assert connection.execute("SELECT count(*) FROM numbers").fetchone()[0] == 0
    assert_whole(folder)


def test_a_line_that_is_served_is_left_alone(folder: Folder) -> None:
    file = backed_up(folder)
    store = Store(folder.database)
    before = everything(folder)
    found = run(folder, "restore", str(file))
    assert found.exit_code == 1 and "stop its services first" in found.output
    assert everything(folder) == before
    store.close()
    assert run(folder, "restore", str(file)).exit_code == 0


def test_a_broken_database_is_put_aside_like_any_other(folder: Folder) -> None:
    file = backed_up(folder)
    folder.database.write_bytes(b"no database " * 1000)
    assert run(folder, "restore", str(file)).exit_code == 0
    assert owed(folder) == {HENRI, MARIE}
    (aside,) = folder.replaced.iterdir()
    assert (aside / "decroche.db").read_bytes().startswith(b"no database")


# What is refused.


def changed(file: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The archive with other contents, and a manifest that is right unless changed itself."""
    with tarfile.open(file) as archive:
        found = {info.name: archive.extractfile(info) for info in archive}
        texts = {name: one.read() for name, one in found.items() if one}
    change(texts)
    other = file.with_name("other.tar.gz")
    with tarfile.open(other, "w:gz") as archive:
        for name, text in texts.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return other


def flipped(texts: dict[str, bytes]) -> None:
    data = bytearray(texts["decroche.db"])
    data[5000] ^= 1
    texts["decroche.db"] = bytes(data)


def newer(texts: dict[str, bytes]) -> None:
    manifest = json.loads(texts["manifest.json"])
    manifest["migrations"].append("records/m999_future")
    texts["manifest.json"] = json.dumps(manifest).encode()


CHANGES: dict[str, Callable[[dict[str, bytes]], object]] = {
    "is not what was backed up": flipped,
    "made by a newer decroche": newer,
    "does not hold what its manifest says": lambda texts: texts.pop("hotline.toml"),
    "is damaged or no backup": lambda texts: texts.pop("manifest.json"),
    "damaged or no backup: Expected `object`": lambda texts: texts.update({"manifest.json": b"[1"}),
    "in no backup of ours": lambda texts: texts.update({"../../evil": b"x"}),
    "'/etc/evil' is in no backup": lambda texts: texts.update({"/etc/evil": b"x"}),
    "'secrets.toml' is in no backup": lambda texts: texts.update({"secrets.toml": b"x"}),
    "'sounds/../decroche.db' is in no": lambda texts: texts.update({"sounds/../decroche.db": b"x"}),
}


@pytest.mark.parametrize("said", CHANGES)
def test_what_is_damaged_or_strange_is_refused(folder: Folder, said: str) -> None:
    file = changed(backed_up(folder), CHANGES[said])
    before = everything(folder)
    found = run(folder, "restore", str(file))
    assert found.exit_code == 1 and said in found.output, found.output
    assert everything(folder) == before
    assert not (folder.root.parent / "evil").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE]
)
def test_only_plain_files_are_unpacked(folder: Folder, kind: bytes) -> None:
    file = folder.root / "links.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        info = tarfile.TarInfo("decroche.db")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(BackupError, match="in no backup of ours"):
        restore(folder, file, silent)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.98])
def test_a_file_that_was_cut_off_is_refused(folder: Folder, part: float) -> None:
    file = backed_up(folder)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    before = everything(folder)
    with pytest.raises(BackupError, match="damaged"):
        restore(folder, file, silent)
    assert everything(folder) == before


def test_any_bit_that_turned_is_noticed(folder: Folder) -> None:
    """Or does not matter: then the line is restored as it was."""
    file = backed_up(folder)
    data = file.read_bytes()
    other, noticed = folder.root.parent / "other.tar.gz", 0
    for place in range(20, len(data) - 8, len(data) // 25):
        wrong = bytearray(data)
        wrong[place] ^= 0x10
        other.write_bytes(wrong)
        copy = Folder(folder.root.parent / f"copy{place}")
        try:
            restore(copy, other, silent)
        except BackupError:
            noticed += 1
            assert not copy.database.exists()
        else:
            assert projections(copy.database) == projections(folder.database)
    assert noticed > 20


# Killed on the way.


def restore_again(folder: Folder, file: Path, begins: Connection) -> None:
    begins.send(True)
    while True:
        restore(folder, file, silent)


def test_killed_at_any_moment_the_old_line_or_the_new_one_is_there(folder: Folder) -> None:
    file = backed_up(folder)
    call(folder, "+33633333333", "b-3")
    old, new = owed(folder), {HENRI, MARIE}
    for attempt in range(15):
        hears, begins = SERVER.Pipe(duplex=False)
        process = SERVER.Process(target=restore_again, args=(folder, file, begins))
        process.start()
        assert hears.recv()
        process.join(0.01 * attempt)
        process.kill()
        process.join()
        assert owed(folder) in (old, new)
        live = projections(folder.database)
        rebuild(folder.database)
        assert projections(folder.database) == live
    assert owed(folder) == new
