"""What apt says when it fails, in words that help: what happened, and what to do."""

from __future__ import annotations

import re
from pathlib import Path


class InstallError(Exception):
    """An installation that could not go on. The text says what happened and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy


# The first pattern that is found decides, so the causes stand before their consequences.
CAUSES = (
    (
        r"No space left|enough free space",
        "The disk is full.",
        "Make room and start again: what was fetched is kept.",
    ),
    (
        r"NO_PUBKEY|EXPKEYSIG|KEYEXPIRED|BADSIG|not signed|signatures? (?:were|was|could)",
        "The signature of Debian's archive could not be verified.",
        "Bring the package debian-archive-keyring and the machine's clock up to date.",
    ),
    (
        r"Hash Sum mismatch|File has unexpected size",
        "A file differs from what Debian signed (the mirror was perhaps just being updated).",
        "Start again in some minutes.",
    ),
    (
        r"Could not get lock|Unable to lock",
        "Another apt works in this folder.",
        "Wait until it is done.",
    ),
    (
        r"resolv|Could not connect|Connection (?:failed|refused|timed out)|Network is unreachable"
        r"|Unable to connect|No route to host",
        "Debian's mirror could not be reached.",
        "Check the network and apt's proxy, and start again: what was fetched is kept.",
    ),
    (
        r"does not have a Release file|404 +Not Found",
        "This machine's Debian mirror does not carry what is needed.",
        "Name a full Debian mirror in apt's sources.",
    ),
    (
        r"Unable to locate package|has no installation candidate|unmet dependencies",
        "Debian's archive does not offer these packages for this machine at the moment.",
        "Try again tomorrow, or install Asterisk 20 or later yourself: it is then used.",
    ),
    (
        r"Some files failed to download|Some index files failed|Failed to fetch",
        "Not everything could be fetched.",
        "Start again: what was fetched is kept.",
    ),
)


def explain(text: str, log: Path) -> InstallError:
    """Turn apt's own words into an error with a remedy; the whole text stays in the log."""
    where = f"Details: {log}"
    for pattern, what, remedy in CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return InstallError(what, f"{remedy} {where}")
    errors = re.findall(r"^E: (.*)", text, re.MULTILINE)
    last = errors[-1] if errors else "apt failed without saying why."
    return InstallError(last, where)
