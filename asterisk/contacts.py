"""Phones that Asterisk knows from before its start: are they there?

It asks each of them for the first time at a random moment within ``qualify_frequency``
(30 s), and takes them for unreachable until then: callers would hear that nobody is there.
"""

import structlog

from .devices import DEVICE
from .session import AmiError, Session

log = structlog.get_logger(__name__)

NOT_ASKED = "NonQualified"
NOBODY = "No Contacts found"  # that, too, is an error to Asterisk


async def ask_phones(session: Session) -> int:
    """Have Asterisk ask every phone that it has not asked yet; returns how many.

    Source: AMI actions PJSIPShowContacts (event ContactList), PJSIPQualify.
    """
    try:
        phones = {
            contact["Endpoint"]
            for contact in await session.collect("PJSIPShowContacts")
            if contact.get("Status") == NOT_ASKED and contact.get("QualifyFrequency") != "0"
        }
        for phone in sorted(phones):
            if DEVICE.fullmatch(f"PJSIP/{phone}"):
                await session.send("PJSIPQualify", Endpoint=phone)
    except AmiError as error:
        if NOBODY in str(error):  # no phone has registered yet: nobody to ask
            return 0
        log.info("no phone is asked whether it is there", reason=str(error).strip())
        return 0
    return len(phones)
