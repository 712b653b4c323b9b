"""The pyst2 door: the same flow in a process of its own, over real SIP and without the service."""

import sys
from collections.abc import Iterator

import pytest

from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
choices = [{ key = "1", queue = "demarches", label = "Un" }]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
"""
NUMBER = "777"


@pytest.fixture(scope="module")
def line(open_line: Open) -> Iterator[LiveLine]:
    """A line without our service, whose number 777 runs the executable, then Queue()."""
    line = open_line(LINE, {"camille": ["demarches"]}).start("recorder")
    script = line.folder.pbx / "lib" / "decroche-agi"
    script.write_text(
        f"#!/bin/sh\nDECROCHE_DIR={line.folder.root} exec {sys.executable} -c "
        "'import sys; from decroche.agi.process import main; sys.exit(main())' \"$@\"\n"
    )
    script.chmod(0o700)
    steps = ("AGI,decroche-agi\\,call", "Queue,${DECROCHE_QUEUE}\\,i\\,\\,\\,30", "Hangup,")
    for place, step in enumerate(steps, 1):
        line.pbx.ask(f"dialplan add extension {NUMBER},{place},{step} into from-street")
    yield line


def test_it_tells_the_same_story(line: LiveLine) -> None:
    line.pbx.ask("queue add member PJSIP/camille to demarches")
    line.phones("camille", answer=300, talk=1000)
    line.call(("pause", "2500"), ("key", "1"), ("until-bye", "20000"), number=NUMBER).succeed(40)
    line.until_quiet()
    (call,) = line.calls()
    assert (call["choice"], call["queue"], call["outcome"]) == ("1", "demarches", "answered")
    assert call["agent"] == "camille" and len(call["caller"]) == 32


def test_it_ends_with_its_caller(line: LiveLine) -> None:
    line.call(("pause", "700"), ("bye",), number=NUMBER).succeed(20)
    line.until_quiet()
    assert line.calls()[-1]["outcome"] == "abandoned"
    until(lambda: "decroche-agi" not in line.pbx.ask("core show channels concise"))
