"""Who a caller is whom Asterisk's own queue took: from a number that it encrypted itself."""

import base64
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk.sealed import identify, unseal
from decroche.asterisk.translate import Record
from decroche.records import dialplan, kinds, numbers
from decroche.records.events import Event
from decroche.records.secrets import Former, Secrets
from decroche.records.tokens import token

KEY = "0123456789abcdef"
SECRETS = Secrets(
    token_key="11" * 32, number_key="22" * 32, fallback_key=KEY, ami_recorder="a", ami_flows="b"
)
CALL, TRUNK = "20261124215010-9.1", "PJSIP/trunk-street-00000001"


def sealed(text: str, key: str = KEY) -> str:
    """As AES_ENCRYPT() does it: whole blocks, filled with zero bytes."""
    data = f"n{text}".encode()
    data += bytes(-len(data) % 16)
    maker = Cipher(algorithms.AES(key.encode()), modes.ECB()).encryptor()
    return base64.b64encode(maker.update(data) + maker.finalize()).decode()


def record(extra: str, channel: str = TRUNK, unique: str = CALL) -> Record:
    return Record(dialplan.SEALED, 7, channel, unique, CALL, "queue", json.dumps({"extra": extra}))


def test_a_number_becomes_what_the_flows_make_of_it() -> None:
    number, event = identify(record(sealed("0611111111")), SECRETS)
    caller = token("+33611111111", SECRETS.token_key)
    assert isinstance(number, numbers.Sealed) and number.caller == caller
    assert isinstance(event, Event)
    assert (event.id, event.kind) == (f"{CALL}:{kinds.KNOWN}:{caller}", kinds.KNOWN)
    assert event.body == {"caller": caller}


@pytest.mark.parametrize("text", ["", "+", "12", "9" * 40])
def test_what_is_no_number_is_withheld(text: str) -> None:
    (event,) = identify(record(sealed(text)), SECRETS)
    assert isinstance(event, Event)
    assert (event.kind, event.body) == (kinds.KNOWN, {})


def test_only_a_callers_channel_says_who_calls() -> None:
    assert identify(record(sealed("0611111111"), "PJSIP/ana-00000002"), SECRETS) == []
    assert identify(record(sealed("0611111111"), unique="other"), SECRETS) == []
    assert identify(Record("HANGUP", 7, TRUNK, CALL, CALL, "", ""), SECRETS) == []


def test_another_key_opens_nothing() -> None:
    assert unseal(sealed("0611111111", "f" * 16), KEY) is None
    assert identify(record(sealed("0611111111", "f" * 16)), SECRETS) == []


def test_the_key_of_before_opens_while_it_is_there() -> None:
    former = Former(token_key="33" * 32, number_key="44" * 32, fallback_key="f" * 16)
    secrets = msgspec.structs.replace(SECRETS, previous=former)
    number, event = identify(record(sealed("0611111111", "f" * 16)), secrets)
    assert isinstance(number, numbers.Sealed) and isinstance(event, Event)
    assert number.caller == event.body["caller"] == token("+33611111111", SECRETS.token_key)
    assert len(identify(record(sealed("0611111111")), secrets)) == 2


@given(st.text())
def test_nothing_but_digits_comes_out(text: str) -> None:
    found = unseal(text, KEY)
    assert found is None or set(found) <= set("+0123456789")
