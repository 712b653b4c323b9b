"""The files of others: copied whole with their licences, and never from an address of ours."""

import gzip
from pathlib import Path

import pytest

from decroche.dashboard import assets


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node_modules with every file, and an empty place to copy to."""
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    for source in assets.FILES:
        file = tmp_path / "node_modules" / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"/* {source} */")
    return tmp_path / "node_modules"


def test_it_copies_every_file_with_its_licence(modules: Path) -> None:
    assert len(assets.missing()) == len(assets.FILES)
    assets.copy(modules)
    assert assets.missing() == []
    names = {path.name for path in assets.VENDOR.iterdir()}
    assert names == {*assets.FILES.values(), "pico.css.gz"}  # nothing half written
    style = (assets.VENDOR / "pico.css").read_bytes()
    assert gzip.decompress((assets.VENDOR / "pico.css.gz").read_bytes()) == style


def test_it_says_which_file_is_missing(modules: Path) -> None:
    source = next(iter(assets.FILES))
    (modules / source).unlink()
    with pytest.raises(assets.AssetsMissing, match="pico.min.css"):
        assets.copy(modules)


def test_it_says_that_npm_did_not_run(modules: Path, tmp_path: Path) -> None:
    with pytest.raises(assets.AssetsMissing, match="did not run"):
        assets.bring([str(tmp_path / "no-npm")])


def test_it_pins_hashes_and_no_address() -> None:
    lock = (assets.HERE / "package-lock.json").read_text("utf-8")
    assert lock.count('"integrity"') == 3
    assert '"resolved"' not in lock


def test_it_names_files_for_caches() -> None:
    assert assets.url("page.css").startswith("/static/page.css?v=")
