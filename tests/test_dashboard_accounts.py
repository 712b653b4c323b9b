"""Accounts, one-time codes and sessions in a real database file."""

import sqlite3
from pathlib import Path

import pytest

from decroche.dashboard import accounts
from decroche.dashboard.accounts import AccountError
from decroche.records import schema

PASSWORD = "une petite phrase"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "decroche.db"
    schema.prepare(file)
    for _ in range(2):  # preparing twice changes nothing
        accounts.prepare(file)
    return file


def test_it_makes_the_first_coordinator_with_a_code(path: Path) -> None:
    assert not accounts.has_accounts(path)
    account = accounts.claim(path, accounts.issue_code(path), "  Élodie ", PASSWORD)
    assert (account.label, *account.roles) == ("Élodie", "coordinator")
    assert accounts.has_accounts(path)
    assert accounts.sign_in(path, "ÉLODIE", PASSWORD).name == account.name


def test_it_takes_a_code_once(path: Path) -> None:
    code = accounts.issue_code(path)
    accounts.claim(path, code, "Camille", PASSWORD)
    with pytest.raises(AccountError, match="bad_code"):
        accounts.claim(path, code, "Driss", PASSWORD)


def test_it_voids_a_code_when_it_issues_another(path: Path) -> None:
    first = accounts.issue_code(path)
    accounts.issue_code(path)
    with pytest.raises(AccountError, match="bad_code"):
        accounts.claim(path, first, "Camille", PASSWORD)


def test_it_forgets_a_code_after_a_day(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, now = accounts.issue_code(path), accounts._now()
    monkeypatch.setattr(accounts, "_now", lambda: now + 86401)
    with pytest.raises(AccountError, match="bad_code"):
        accounts.claim(path, code, "Camille", PASSWORD)


def test_it_keeps_the_code_when_the_form_is_wrong(path: Path) -> None:
    code = accounts.issue_code(path)
    for name, password in [("", PASSWORD), ("a\x1bb", PASSWORD), ("Camille", "court")]:
        with pytest.raises(AccountError, match="signin.bad"):
            accounts.claim(path, code, name, password)
    accounts.claim(path, code, "Camille", PASSWORD)
    with pytest.raises(AccountError, match="taken"):
        accounts.claim(path, accounts.issue_code(path), "CAMILLE", PASSWORD)


@pytest.mark.parametrize("name", ["camille", "nobody"])
def test_it_refuses_a_wrong_password_and_an_unknown_name_alike(path: Path, name: str) -> None:
    accounts.claim(path, accounts.issue_code(path), "camille", PASSWORD)
    with pytest.raises(AccountError, match="signin.wrong"):
        accounts.sign_in(path, name, "x" * 20)


def test_it_keeps_no_secret_in_clear(path: Path) -> None:
    code = accounts.issue_code(path)
    account = accounts.claim(path, code, "camille", PASSWORD)
    cookie = accounts.open_session(path, account.name)
    connection = sqlite3.connect(path)
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert "$argon2id$" in dump
    assert not any(secret in dump for secret in (code, PASSWORD, cookie))


def test_it_ends_the_sessions_of_an_account(path: Path) -> None:
    accounts.claim(path, accounts.issue_code(path), "camille", PASSWORD)
    for _ in range(2):
        accounts.open_session(path, "camille")
    with accounts.writing(path) as connection:
        assert accounts.close_sessions(connection, "Camille") == 2
        assert accounts.close_sessions(connection, "Camille") == 0
