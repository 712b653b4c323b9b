"""Phones' new passwords, in force without a reload: in Asterisk's database, before pjsip.conf.

sorcery.conf has an agent's authentication looked up in astdb first (family ``FAMILY/auth``, the
object as JSON; res_sorcery_astdb), then in pjsip.conf. A reload of pjsip.conf with 2,500 agents
holds SIP up for a quarter of a second and more; a row in astdb costs nothing. Each ``apply``
writes all passwords into pjsip.conf and empties the family.
"""

import json
import re
from collections.abc import Callable, Mapping

from ..hotline import NAME
from ..records.people import REALM

Ask = Callable[[str], str]  # gives Asterisk a command, returns what it printed

FAMILY = "decroche"
PLACE = f"{FAMILY}/auth"
ROW = re.compile(rf'^/{PLACE}/(\S+)\s*: .*"md5_cred": "([0-9a-f]*)"', re.MULTILINE)


def make_equal(ask: Ask, wanted: Mapping[str, str]) -> bool:
    """Make the overrides exactly ``wanted``, agent -> digest; whether anything changed.

    :raises NotRunning, TimeoutError: Asterisk does not answer.
    """
    there = dict(ROW.findall(ask(f"database show {PLACE}")))
    for name in there.keys() - wanted.keys():
        ask(f"database del {PLACE} {name}")
    fresh = {name: digest for name, digest in wanted.items() if there.get(name) != digest}
    for name, digest in fresh.items():
        assert NAME.fullmatch(name)  # nothing that could end the argument
        found = {"auth_type": "md5", "username": name, "realm": REALM, "md5_cred": digest}
        text = json.dumps(found).replace('"', '\\"')
        ask(f'database put {PLACE} {name} "{text}"')
    return bool(fresh or there.keys() - wanted.keys())
