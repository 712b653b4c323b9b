"""Packages from Debian in private folders: the real apt and dpkg, on a small archive of our own."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk import apt as apt_file
from decroche.asterisk import debian, tools
from decroche.asterisk.apt import Apt, as_installed, copied, mirror_among, percentages, stanza
from decroche.asterisk.debian import fetch_asterisk
from decroche.asterisk.release import at, linked, point
from decroche.asterisk.remedies import InstallError, explain
from decroche.asterisk.tools import fetch_tools
from decroche.asterisk.unpack import loader

# A path with a space, as a user's folder may have.
SPACE = "a b"
ECHO = Path(shutil.which("echo") or "/bin/echo")


def quiet(done: int, total: int, what: str) -> None:
    assert 0 <= done <= total and what


class Archive:
    """A Debian archive in a folder: packages are made by dpkg-deb, the index by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index: list[str] = []
        (root / "dists/sid/main").mkdir(parents=True)

    def add(self, name: str, version: str, files: dict[str, Path], depends: str = "") -> None:
        tree = self.root / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "DEBIAN").mkdir(parents=True)
        for target, source in files.items():
            (tree / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tree / target)
        machine = apt_file.architecture()
        control = f"Package: {name}\nVersion: {version}\nArchitecture: {machine}\n"
        control += "Maintainer: Nobody <nobody@localhost>\nDescription: a test\n"
        control += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN/control").write_text(control, encoding="utf-8")
        file = self.root / f"{name}_{version}_{machine}.deb"
        command = ["dpkg-deb", "-Znone", "--root-owner-group", "--build", str(tree), str(file)]
        subprocess.run(command, check=True, capture_output=True)
        sha = hashlib.sha256(file.read_bytes()).hexdigest()
        size = file.stat().st_size
        self.index.append(f"{control}Filename: {file.name}\nSize: {size}\nSHA256: {sha}\n")
        self.publish()

    def publish(self) -> None:
        packages = "\n".join(self.index).encode()
        folder = self.root / f"dists/sid/main/binary-{apt_file.architecture()}"
        folder.mkdir(exist_ok=True)
        (folder / "Packages").write_bytes(packages)
        (folder / "Packages.gz").write_bytes(gzip.compress(packages))
        names = [folder / "Packages", folder / "Packages.gz"]
        sums = "".join(
            f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size}"
            f" {path.relative_to(self.root / 'dists/sid')}\n"
            for path in names
        )
        head = "Origin: Test\nSuite: sid\nCodename: sid\nComponents: main\n"
        head += f"Architectures: {apt_file.architecture()}\nDate: Sun, 01 Nov 2026 00:00:00 UTC\n"
        (self.root / "dists/sid/Release").write_text(f"{head}SHA256:\n{sums}", encoding="utf-8")

    def source(self, suite: str) -> str:
        where = copied(f"file:{self.root}")
        return f"Types: deb\nURIs: {where}\nSuites: {suite}\nComponents: main\nTargets: Packages\n"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """What a real archive would offer, cut down: a program, its library, a sound, a voice."""
    one = Archive(tmp_path / "archive")
    machine, library, starter = own_libc()
    one.add(
        "libc6",
        "2.99",
        {f"usr/lib/{machine}/{path.name}": path for path in (library, starter)},
    )
    one.add("libcodec2-1.2", "1.2", {"usr/lib/heavy": Path(__file__)})
    sound = {"usr/share/asterisk/sounds/fr_CA_f_June/digits/1.g722": Path(__file__)}
    one.add("sounds-fr", "1.6", sound)
    files = {
        "usr/sbin/asterisk": ECHO,
        f"usr/lib/{machine}/asterisk/modules/app_dial.so": Path(__file__),
    }
    one.add("asterisk", "22.9.1+test-1", files, "libc6 (>= 2), libcodec2-1.2 (>= 1.2)")
    monkeypatch.setattr(debian, "PACKAGES", ("asterisk", "sounds-fr"))
    monkeypatch.setattr(apt_file, "stanza", lambda suite: one.source(suite) + "Trusted: yes\n")
    return one


def own_libc() -> tuple[str, Path, Path]:
    """This machine's name in library folders, its C library and its dynamic loader."""
    for library in sorted(Path("/").glob("usr/lib/*-linux-gnu*/libc.so.6")):
        for starter in sorted(library.parent.glob("ld-linux*.so.*")):
            return library.parent.name, library.resolve(), starter
    raise AssertionError("this machine has no GNU C library")


def test_it_installs_a_program_that_runs_with_its_own_library(
    archive: Archive, tmp_path: Path
) -> None:
    # the C library is packed under its soname
    machine, library, starter = own_libc()
    home = tmp_path / SPACE / "home"
    root = fetch_asterisk(home, quiet)
    if library.name != "libc.so.6":
        (root / f"usr/lib/{machine}" / library.name).rename(root / f"usr/lib/{machine}/libc.so.6")
    assert root.name.startswith("22.9.1-")
    said = subprocess.run(
        [root / "bin/asterisk", "hello"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "hello\n"
    release = at(root)
    assert release and release.version == "22.9.1"
    assert (release.sounds / "fr/digits/1.g722").is_file()
    assert loader(root).name == starter.name


def test_it_leaves_out_what_no_line_needs(archive: Archive, tmp_path: Path) -> None:
    root = fetch_asterisk(tmp_path / "home", quiet)
    assert not (root / "usr/lib/heavy").exists()
    assert "libcodec2" not in (root / "packages.txt").read_text(encoding="utf-8")


def test_a_second_install_fetches_nothing_and_a_newer_package_is_a_new_release(
    archive: Archive, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    first = fetch_asterisk(home, quiet)
    before = first.stat().st_mtime_ns
    assert fetch_asterisk(home, quiet) == first
    assert first.stat().st_mtime_ns == before
    archive.add("sounds-fr", "1.7", {"usr/share/asterisk/sounds/fr_CA_f_June/x": Path(__file__)})
    second = fetch_asterisk(home, quiet)
    assert second != first
    assert first.is_dir()


def test_it_goes_on_after_it_was_cut_off(archive: Archive, tmp_path: Path) -> None:
    def cut(done: int, total: int, what: str) -> None:
        if what == "unpacking":
            raise KeyboardInterrupt

    home = tmp_path / "home"
    with pytest.raises(KeyboardInterrupt):
        fetch_asterisk(home, cut)
    assert not (home / "releases").exists()
    assert fetch_asterisk(home, quiet).is_dir()
    assert not (home / "work").exists()


def test_an_archive_without_a_signature_is_refused(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt_file, "stanza", archive.source)
    with pytest.raises(InstallError, match="signature"):
        fetch_asterisk(tmp_path / "home", quiet)
    assert not (tmp_path / "home/releases").exists()


def test_even_a_machine_that_allows_unsigned_archives_does_not_weaken_us(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt_file, "stanza", archive.source)
    lax = tmp_path / "lax.conf"
    lax.write_text(
        'Acquire::AllowInsecureRepositories "true";\nAPT::Get::AllowUnauthenticated "true";\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("APT_CONFIG", str(lax))
    with pytest.raises(InstallError, match="signature"):
        fetch_asterisk(tmp_path / "home", quiet)


def test_a_package_that_was_changed_is_refused(archive: Archive, tmp_path: Path) -> None:
    (file,) = archive.root.glob("sounds-fr_*.deb")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(InstallError, match="differs from what|Not everything"):
        fetch_asterisk(tmp_path / "home", quiet)
    assert not (tmp_path / "home/releases").exists()


def test_two_installations_at_once_are_refused(archive: Archive, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with open(home / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InstallError, match="Another installation"):
            fetch_asterisk(home, quiet)
    assert fetch_asterisk(home, quiet).is_dir()


def test_a_full_disk_is_told_before_anything_is_fetched(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(InstallError, match="MB free"):
        fetch_asterisk(tmp_path / "home", quiet)


def test_a_mirror_that_is_gone_is_told(archive: Archive, tmp_path: Path) -> None:
    shutil.rmtree(archive.root)
    with pytest.raises(InstallError, match="mirror|Release"):
        fetch_asterisk(tmp_path / "home", quiet)


def test_without_apt_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match="Install Asterisk 20 or later"):
        fetch_asterisk(tmp_path / "home", quiet)


def test_without_debians_keys_it_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_file, "KEYRINGS", (Path("/nonexistent"),))
    with pytest.raises(InstallError, match="debian-archive-keyring"):
        stanza("sid")


def test_no_private_program_keeps_another_users_rights(archive: Archive, tmp_path: Path) -> None:
    privileged = tmp_path / "privileged"
    privileged.write_bytes(b"#!/bin/sh\n")
    privileged.chmod(0o4755)
    archive.add("sounds-fr", "1.8", {"usr/bin/su": privileged})
    root = fetch_asterisk(tmp_path / "home", quiet)
    assert stat.S_IMODE((root / "usr/bin/su").stat().st_mode) == 0o755


def test_tools_come_once_and_run_with_the_libraries_the_machine_lacks(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(
        "decroche-test-tool", "3", {"usr/bin/sipp": Path(shutil.which("echo") or "/bin/echo")}
    )
    sources = tmp_path / "machine.sources"
    sources.write_text(archive.source("sid") + "Trusted: yes\n", encoding="utf-8")
    here = f'Dir::Etc::SourceList "{sources}";\nDir::Etc::SourceParts "/dev/null";\n'
    monkeypatch.setattr(apt_file, "MACHINES_SUITES", apt_file.MACHINES_SUITES + here)
    folder = tmp_path / SPACE / "tools/sipp"
    fetch_tools(folder, ["decroche-test-tool"], quiet)
    said = subprocess.run([folder / "bin/sipp", "hi"], capture_output=True, text=True, check=True)
    assert said.stdout == "hi\n"
    shutil.rmtree(archive.root)
    assert fetch_tools(folder, ["decroche-test-tool"], quiet) == folder


def test_the_tools_command_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.main(["only-a-folder"]) == 2
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.main([str(tmp_path / "tools"), "sip-tester"]) == 1
    assert "apt-get is not on this machine" in capsys.readouterr().err


def test_a_link_is_switched_in_one_step(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "releases" / name).mkdir(parents=True)
        point(tmp_path, "current", tmp_path / "releases" / name)
        assert os.readlink(tmp_path / "current") == f"releases/{name}"
    assert linked(tmp_path, "current") is None  # a folder that holds no Asterisk


# Values.


def test_it_finds_the_mirror_of_the_machines_own_suite() -> None:
    uris = (
        "'http://elsewhere/debian/dists/sid/InRelease' a 0\n"
        "'http://vendor/linux/dists/trixie/InRelease' b 0\n"
        "'https://mirror/pub/debian/dists/trixie/InRelease' c 0 \n"
        "'https://mirror/debian-security/dists/trixie-security/InRelease' d 0\n"
    )
    assert mirror_among(uris, "trixie") == "https://mirror/pub/debian"
    assert copied("file:/mirror/debian") == "copy:/mirror/debian"
    assert mirror_among(uris, "forky") == "http://elsewhere/debian"
    with pytest.raises(InstallError, match="no Debian archive"):
        mirror_among("'http://ubuntu/ubuntu/dists/noble/InRelease' a 0\n", "noble")


def test_a_progress_never_runs_backwards() -> None:
    lines = [
        "dlstatus:1:10.6:Retrieving file 1 of 9\n",
        "dlstatus:1:-1:Retrieving\n",
        "pmstatus:dpkg:50:x\n",
        "dlstatus:2:x:Retrieving\n",
        "dlstatus:2:130:Retrieving: at http://a:80\n",
        "nonsense\n",
    ]
    assert list(percentages(lines)) == [10, 10, 100]


@given(st.lists(st.text()))
def test_any_status_line_is_survived(lines: list[str]) -> None:
    found = list(percentages(lines))
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("W: Failed to fetch http://m  Temporary failure resolving 'm'", "could not be reached"),
        ("E: You don't have enough free space in /x", "disk is full"),
        ("The following signatures couldn't be verified because NO_PUBKEY 0E98", "signature"),
        ("E: The repository 'x sid Release' does not have a Release file.", "does not carry"),
        ("E: Unable to locate package asterisk", "does not offer"),
        ("E: Could not get lock /x/lists/lock", "Another apt"),
        ("E: Failed to fetch http://m/a.deb  Hash Sum mismatch", "differs from what Debian signed"),
        ("E: Something new", "Something new"),
        ("", "without saying why"),
    ],
)
def test_what_apt_says_becomes_a_remedy(said: str, told: str) -> None:
    error = explain(said, Path("/var/log/x"))
    assert told in str(error)
    assert "/var/log/x" in error.remedy


def test_packages_taken_for_present_stand_as_installed() -> None:
    text = as_installed(["a", "b"])
    assert text.count("Status: install ok installed") == 2
    assert "\n\nPackage: b\n" in text


def test_the_apt_of_a_folder_writes_nothing_elsewhere(archive: Archive, tmp_path: Path) -> None:
    one = Apt(tmp_path / "apt", suite="sid")
    one.update(quiet)
    settings = one.settings.read_text(encoding="utf-8")
    command = [
        "apt-config",
        "-c",
        str(one.settings),
        "shell",
        "A",
        "Dir::State/f",
        "B",
        "Dir::Cache/f",
    ]
    places = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert places.count(str(tmp_path)) == 2
    assert "Sandbox" not in settings and "Check-Valid" not in settings  # the machine's own say
