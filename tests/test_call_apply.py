"""``plan`` and ``apply`` on a line that is at work: no call is touched."""

import subprocess

import pytest

from decroche.records import kinds, people, secrets

from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
choices = [{{ key = "1", queue = "{queue}", label = "Un" }}]
[queues.demarches]
label = "Démarches"
wrap_up = 0
[queues.visio]
label = "Visio"
wrap_up = {wrap_up}
"""
AGENTS = {name: ["demarches"] for name in ("ana", "bob", "cleo", "dan", "eve")}


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    text = LINE.format(queue="demarches", wrap_up=0)
    line = open_line(text, AGENTS | {"vic": ["visio"]}).start()
    line.phones(*AGENTS, "vic", answer=200)
    line.declare(kinds.AVAILABLE, *AGENTS, "vic")
    return line


@pytest.fixture
def changed(line: LiveLine) -> LiveLine:
    """The line with "1" leading to the queue of Vic."""
    line.write(LINE.format(queue="visio", wrap_up=3))
    line.apply()
    return line


def decroche(line: LiveLine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line.command(*arguments), capture_output=True, text=True, timeout=60, check=False
    )


def talking(line: LiveLine) -> int:
    return len(line.rows("SELECT 1 FROM calls WHERE stage = 'talking'"))


def test_apply_touches_no_call_and_the_next_caller_hears_the_new_menu(line: LiveLine) -> None:
    story = (("pause", "1500"), ("key", "1"), ("pause", "7000"), ("bye",))
    callers = line.call(*story, calls=5, rate=50)
    until(lambda: talking(line) == 5, 10, "five calls to be up")
    line.write(LINE.format(queue="visio", wrap_up=3))
    done = decroche(line, "apply")
    assert done.returncode == 0, done.stderr
    assert "reloaded: queue reload all" in done.stdout
    assert talking(line) == 5
    newcomer = line.call(("pause", "1500"), ("key", "1"), ("bye-after", "1500"))
    callers.succeed(30)  # each hung up by itself, on its own time
    newcomer.succeed(30)
    line.until_quiet(calls=6)
    *five, new = line.calls()
    assert [row["outcome"] for row in five] == ["answered"] * 5
    assert {row["queue"] for row in five} == {"demarches"}
    for row in five:
        assert (row["ended"] - row["arrived"]) / 1e6 == pytest.approx(8.5, abs=0.4)
    assert (new["queue"], new["agent"], new["outcome"]) == ("visio", "vic", "answered")
    assert line.members_equal()


def test_a_broken_file_is_refused_and_nothing_changes(changed: LiveLine) -> None:
    line = changed
    before = line.folder.etc.resolve(), line.folder.applied.read_text("utf-8")
    good = line.folder.hotline.read_text("utf-8")
    broken = good.replace('queue = "visio"', 'queue = "nowhere"')
    number = next(n for n, text in enumerate(broken.splitlines(), 1) if "nowhere" in text)
    for text, reasons in (
        (broken, (f"line {number}", "menu.choices.0.queue", "'nowhere'", "visio")),
        (good + "\n[queues.visio]\n", ("not valid TOML", "line")),
        (good.replace("wrap_up = 3", 'wrap_up = "3"'), ("queues.visio.wrap_up", "int")),
        (good.replace("wrap_up = 3", "wrapup = 3"), ("queues.visio", "wrapup")),
    ):
        line.folder.hotline.write_text(text, "utf-8")
        for command in ("plan", "apply"):
            done = decroche(line, command)
            assert done.returncode == 1
            for reason in (str(line.folder.hotline), *reasons):
                assert reason in done.stderr
            assert "Traceback" not in done.stderr
    assert before == (line.folder.etc.resolve(), line.folder.applied.read_text("utf-8"))
    line.folder.hotline.write_text(good, "utf-8")
    line.call(("pause", "1500"), ("key", "1"), ("bye-after", "1500")).succeed(20)
    line.until_quiet()
    assert line.calls()[-1]["agent"] == "vic"


def test_a_plan_shows_what_would_change_and_no_secret(changed: LiveLine) -> None:
    line = changed
    assert "nothing would change" in decroche(line, "plan").stdout
    before = line.folder.etc.resolve()
    password = people.add_agent(line.folder.database, "zoe", "Zoé", ["visio"])
    zoe = next(a for a in people.list_agents(line.folder.database) if a.name == "zoe")
    line.write(LINE.format(queue="visio", wrap_up=4))
    shown = decroche(line, "plan").stdout
    assert "+[zoe](" in shown
    assert "-wrapuptime = 3" in shown and "+wrapuptime = 4" in shown
    assert "+md5_cred = (secret)" in shown
    known = secrets.load(line.folder.secrets)
    for secret in (password, zoe.ha1, known.ami_flows, known.ami_recorder, known.token_key):
        assert secret not in shown
    assert line.folder.etc.resolve() == before
    assert "zoe" not in line.pbx.ask("pjsip show endpoints")


def test_a_new_agent_can_work_at_once(line: LiveLine) -> None:
    line.passwords["yan"] = people.add_agent(line.folder.database, "yan", "Yan", ["demarches"])
    assert decroche(line, "apply").returncode == 0
    until(lambda: "yan" in line.pbx.ask("pjsip show endpoints"), 5, "the endpoint")
    line.phones("yan")
    line.dial("yan", "*11")
    until(lambda: "yan" in line.members()["demarches"], 5, "the member")


def test_a_secret_stands_in_no_first_plan(line: LiveLine, open_line: Open) -> None:
    fresh = open_line(LINE.format(queue="visio", wrap_up=0), AGENTS)
    shown = decroche(fresh, "plan").stdout
    known = secrets.load(fresh.folder.secrets)
    hashes = [agent.ha1 for agent in people.list_agents(fresh.folder.database)]
    for secret in (*hashes, known.ami_flows, known.ami_recorder, known.token_key):
        assert secret not in shown
    assert "+secret = (secret)" in shown
