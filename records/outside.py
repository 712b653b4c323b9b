"""Numbers of the outside that the line calls: which ones, and how they are dialled."""

from collections.abc import Iterable

import phonenumbers

# Whoever calls back must never be made to pay: ITU-T E.164 leaves these to each country.
COSTLY = frozenset({
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
})  # fmt: skip


def may_dial(number: str, prefixes: Iterable[str]) -> bool:
    """Whether the line may call an E.164 number: one of the admin's prefixes, no costly service."""
    if not number.startswith(tuple(prefixes)):
        return False
    try:
        found = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(found) and phonenumbers.number_type(found) not in COSTLY


def as_dialled(number: str, style: str) -> str:
    """An E.164 number as a provider wants it: "e164" (+33...), "digits" (33...), "national" (0...).

    :raises ValueError: no number.
    """
    if style == "national":
        found = phonenumbers.parse(number)
        written = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.NATIONAL)
        number = "".join(sign for sign in written if sign.isdigit())
    digits = number.removeprefix("+")
    if not digits.isdecimal() or not digits.isascii():
        raise ValueError("not a number")
    return number if style == "e164" else digits
