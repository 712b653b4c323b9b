"""A caller whom Asterisk's own queue took: who they are, without our flows.

The dialplan writes the number into the channel event log, digits only and encrypted
(func_aes: AES-128, ECB, padded with zero bytes, base64). Here it becomes what the flows make of
a number: a token, and a number that is kept sealed while a call is owed.
"""

import base64
import binascii

from ..records import dialplan, kinds
from ..records.events import of_call
from ..records.numbers import seal
from ..records.secrets import Secrets
from ..records.store import Entry
from ..records.tokens import number_of, token
from .translate import Record, extra_of, is_callers

BLOCK = 16  # bytes
MARK = "n"  # stands before the digits, also when there are none
LONGEST = 64  # bytes of an encrypted number


def identify(record: Record, secrets: Secrets) -> list[Entry]:
    """What a record of the kind SEALED says: the number, sealed anew, and that it is known."""
    if record.event != dialplan.SEALED or not is_callers(record):
        return []
    number = number_of(f"sip:{unseal(extra_of(record), secrets.fallback_key)}@fallback")
    if number is None:
        return [of_call(record.linked, record.unique, kinds.KNOWN, record.at, {})]
    caller = token(number, secrets.token_key)
    body = {"caller": caller}
    return [
        seal(number, caller, secrets.number_key),
        of_call(record.linked, record.unique, kinds.KNOWN, record.at, body, caller),
    ]


def unseal(text: str, key: str) -> str:
    """What AES_ENCRYPT() has made of a few digits; empty for anything else."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    if not data or len(data) % BLOCK or len(data) > LONGEST:
        return ""
    opener = Cipher(algorithms.AES(key.encode()), modes.ECB()).decryptor()
    plain = opener.update(data) + opener.finalize()
    found = plain.rstrip(b"\0").decode("ascii", "replace").removeprefix(MARK)
    return found if found.removeprefix("+").isdecimal() else ""
