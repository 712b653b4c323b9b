"""From what a SIP message claims to a token: the only place that sees a number.

The number is normalised to E.164 or is none at all; then it becomes a keyed
token. Nothing else of a From header is used.
"""

import hashlib
import hmac
import re
from urllib.parse import unquote

import phonenumbers

# RFC 3261 section 25.1: the user part of a sip, sips or tel URI, still encoded.
USER = re.compile(r"<?(?:sips?|tel):([^@;>:\s]{1,64})[@;>:]?", re.IGNORECASE)
NUMBER = re.compile(r"\+?[0-9][0-9().\- ]{1,30}", re.ASCII)


def number_of(header: str, region: str = "FR") -> str | None:
    """The E.164 number in a From header's value; None when withheld or not a number.

    :param header: as PJSIP_HEADER(read,From) gives it, percent-encoding intact.
    :param region: where a number without country code is at home (ISO 3166).
    """
    uri = header.rsplit("<", 1)[-1] if "<" in header else header
    found = USER.match(uri)
    if not found:
        return None
    user = unquote(found[1], errors="replace")
    return read_number(user, region) if NUMBER.fullmatch(user) else None


def read_number(text: str, region: str = "FR") -> str | None:
    """The E.164 number that a person writes, in any way; None when it is none."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def token(number: str, key: str) -> str:
    """HMAC-SHA-256 of an E.164 number under the line's key, as 32 hexadecimal digits."""
    return hmac.digest(bytes.fromhex(key), number.encode(), hashlib.sha256).hex()[:32]
