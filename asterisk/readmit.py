"""Agents that a damaged database has lost come back from Asterisk's files in force.

There stand the name and the digest of the phone's password; the alias is lost.
"""

from collections.abc import Iterator

from ..hotline import load
from ..records import people
from ..records.folder import Folder
from .conf import parse


def readmit(folder: Folder) -> list[str]:
    """Add whoever Asterisk knows while the database knows nobody; returns sentences.

    Each gets the name for an alias, and every queue if theirs are lost, too.

    :raises HotlineError: the hotline in force cannot be read.
    """
    if not folder.applied.exists() or people.list_agents(folder.database):
        return []
    queues = list(load(folder.applied).queues)
    done = []
    for name, digest in _logins(folder):
        people.readmit_agent(folder.database, name, digest, queues)
        done.append(f"{name} is an agent again: check alias and queues")
    return done


def _logins(folder: Folder) -> Iterator[tuple[str, str]]:
    for section in parse((folder.etc / "pjsip.conf").read_text("utf-8")):
        if not section.template and section.get("type") == "auth" and section.get("md5_cred"):
            yield section.name, section.get("md5_cred")
