"""Phones' passwords in Asterisk's database: made equal to what is wanted, and no more than that."""

import json
import shlex

from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk.overrides import make_equal
from decroche.records.people import ha1

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True)
DIGESTS = st.integers(0, 99).map(lambda number: ha1("x", str(number)))


class Cli:
    """Asterisk's command line, as far as `database` goes: it splits and unescapes its words."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.changes = 0

    def __call__(self, command: str) -> str:
        database, verb, family, *words = shlex.split(command)
        assert (database, family) == ("database", "decroche/auth")
        if verb == "show":
            lines = [f"/{family}/{name:<30}: {text}" for name, text in self.rows.items()]
            return "\n".join([*lines, f"{len(lines)} results found."])
        self.changes += 1
        if verb == "put":
            self.rows[words[0]] = words[1]
            return "Updated database successfully"
        del self.rows[words[0]]
        return "Database entry removed."


@given(st.lists(st.dictionaries(NAMES, DIGESTS, max_size=6), min_size=1, max_size=4))
def test_it_is_equal_after_whatever_was_there(stages: list[dict[str, str]]) -> None:
    cli = Cli()
    for wanted in stages:
        make_equal(cli, wanted)
        found = {name: json.loads(text) for name, text in cli.rows.items()}
        assert {name: auth["md5_cred"] for name, auth in found.items()} == wanted
        assert all(auth["username"] == name for name, auth in found.items())
        before = cli.changes
        assert not make_equal(cli, wanted)
        assert cli.changes == before
