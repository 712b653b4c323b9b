"""Whoever waits and listens to a sentence is rung at the first chance, not at its end."""

import pytest

from decroche.records import kinds

from .conftest import Open
from .live import PROMPTS, until

pytestmark = pytest.mark.pbx

LONG = "Nous cherchons quelqu'un pour vous répondre. " * 5  # about twenty seconds
LINE = f"""
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
{PROMPTS.replace('wait = "Oui."', f'wait = "{LONG}"')}
"""


def test_an_offer_ends_the_sentence(open_line: Open) -> None:
    line = open_line(LINE, {"camille": ["demarches"], "driss": ["demarches"]}).start()
    line.phones("camille", "driss", answer=200)
    line.declare(kinds.AVAILABLE, "driss")
    other = line.call(("bye-after", "25000"))  # keeps Driss busy
    until(lambda: [row for row in line.calls() if row["answered"]], 10, "Driss to talk")
    caller = line.call(("bye-after", "12000"))
    until(lambda: line.calls()[-1]["queued"] and len(line.calls()) == 2, 10, "the wait to begin")
    line.declare(kinds.AVAILABLE, "camille")
    caller.succeed(40)
    other.succeed(40)
    line.until_quiet()
    call = line.calls()[1]
    (since,) = (row["since"] for row in line.rows("SELECT * FROM presence WHERE agent='camille'"))
    (offer,) = line.rows("SELECT * FROM offers WHERE agent = 'camille'")
    assert (call["outcome"], call["agent"]) == ("answered", "camille")
    assert (offer["rang"] - since) / 1e6 < 2  # the sentence would have gone on for long
