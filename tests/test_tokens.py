"""From a From header to a token: one number, one token; anything else is withheld."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.records.tokens import number_of, token

KEY = "00" * 32
E164 = "+33655667788"


@pytest.mark.parametrize(
    "user",
    ["0655667788", "+33655667788", "0033655667788", "06%2055%2066%2077%2088", "%2B33655667788"],
)
@pytest.mark.parametrize(
    "pattern",
    [
        "<sip:{}@example.org>;tag=1",
        '"A name" <sip:{}@example.org:5060;transport=udp>',
        "sip:{}@example.org",
        "<sips:{}@example.org>",
        "<tel:{}>;tag=a",
        '"<sip:0100000000@x>" <sip:{}@example.org>',
        "<SIP:{};phone-context=x@example.org>",
    ],
)
def test_one_caller_is_one_number(user: str, pattern: str) -> None:
    assert number_of(pattern.format(user)) == E164


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<sip:anonymous@anonymous.invalid>",
        "<sip:example.org>",
        "<sip:@example.org>",
        "<mailto:0655667788@example.org>",
        "<sip:06556677880655667788065566@example.org>",
        "<sip:12@example.org>",
        "<sip:camille@example.org>",
        "<sip:0655667788x@example.org>",
        '"0655667788" <sip:anonymous@example.org>',
    ],
)
def test_what_is_no_number_is_withheld(header: str) -> None:
    assert number_of(header) is None


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0x100)])
def test_a_number_with_any_other_byte_is_withheld(code: int) -> None:
    for text in (f"0655667788%{code:02x}", f"%{code:02X}0655667788", f"06556%{code:02x}67788"):
        assert number_of(f"<sip:{text}@example.org>") is None
    if chr(code) not in " \t":
        assert number_of(f"<sip:06556{chr(code)}67788@example.org>") is None


@given(st.text(max_size=300))
def test_a_number_is_e164_or_nothing(header: str) -> None:
    for text in (header, f"<sip:{header}@x>", f"<sip:{quote(header)}@x>"):
        found = number_of(text)
        assert found is None or (found[0] == "+" and found[1:].isascii() and found[1:].isdecimal())


def test_a_token_depends_on_the_number_and_on_the_key() -> None:
    one = token(E164, KEY)
    assert one == token(E164, KEY)
    assert len({one, token("+33655667789", KEY), token(E164, "11" * 32)}) == 3
    assert len(one) == 32 and int(one, 16) >= 0
    assert "655667788" not in one
