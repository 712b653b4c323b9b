"""A caller whom Asterisk's own queue took: who they are, without our flows.

The dialplan writes the number into the channel event log, digits only and encrypted
(func_aes: AES-128, ECB, padded with zero bytes, base64). Here it becomes what the flows make of
a number: a token, and a number that is kept sealed while a call is owed.
"""

import base64
import binascii
import re

from ..records import dialplan, kinds
from ..records.events import of_call
from ..records.numbers import seal
from ..records.secrets import Secrets
from ..records.store import Entry
from ..records.tokens import number_of, token
from .translate import Record, extra_of, is_callers

BLOCK = 16  # bytes
MARK = "n"  # stands before the digits, also when there are none
SIGNS = re.compile(r"n[+0-9]*", re.ASCII)
LONGEST = 64  # bytes of an encrypted number


def identify(record: Record, secrets: Secrets) -> list[Entry]:
    """What a record of the kind SEALED says: the number, sealed anew, and that it is known."""
    if record.event != dialplan.SEALED or not is_callers(record):
        return []
    found = (unseal(extra_of(record), key) for key in secrets.fallback_keys)
    digits = next((one for one in found if one is not None), None)
    if digits is None:  # of a key that was destroyed since, or never ours: it says nothing
        return []
    number = number_of(f"sip:{digits}@fallback")
    if number is None:
        return [of_call(record.linked, record.unique, kinds.KNOWN, record.at, {})]
    caller = token(number, secrets.token_key)
    body = {"caller": caller}
    return [
        seal(number, caller, secrets.number_key),
        of_call(record.linked, record.unique, kinds.KNOWN, record.at, body, caller),
    ]


def seal_for_dialplan(text: str, key: str) -> str:
    """What AES_DECRYPT() opens: an agent's own number, which the dialplan dials."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    data = text.encode("ascii")
    data += b"\0" * (-len(data) % BLOCK)
    closer = Cipher(algorithms.AES(key.encode()), modes.ECB()).encryptor()
    return base64.b64encode(closer.update(data) + closer.finalize()).decode("ascii")


def reseal(dialplan: str, old: str, new: str) -> str:
    """A dialplan with another key in the place of one, and what was sealed under that anew."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    def anew(found: re.Match[str]) -> str:
        opener = Cipher(algorithms.AES(old.encode()), modes.ECB()).decryptor()
        plain = opener.update(base64.b64decode(found[1])) + opener.finalize()
        number = plain.rstrip(b"\0").decode("ascii")
        return f"AES_DECRYPT({new},{seal_for_dialplan(number, new)})"

    pattern = rf"AES_DECRYPT\({re.escape(old)},([A-Za-z0-9+/=]+)\)"
    return re.sub(pattern, anew, dialplan).replace(old, new)


def unseal(text: str, key: str) -> str | None:
    """The digits of which AES_ENCRYPT() has made this; empty: withheld. None: another key."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not data or len(data) % BLOCK or len(data) > LONGEST:
        return None
    opener = Cipher(algorithms.AES(key.encode()), modes.ECB()).decryptor()
    plain = opener.update(data) + opener.finalize()
    found = plain.rstrip(b"\0").decode("ascii", "replace")
    return found.removeprefix(MARK) if SIGNS.fullmatch(found) else None
