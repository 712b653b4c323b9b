"""The doctor's look at what the line is: hotline.toml, what is in force, the people."""

from collections.abc import Iterator
from contextlib import closing

from ..hotline import HotlineError, load
from ..records import kinds, people, views
from ..records.schema import reader
from ..records.secrets import SecretsError
from .apply import plan
from .doctor_case import Case, Check, Finding, Unseen, good, listed, look, wrong
from .render import RenderError

EVER_SEEN = f"""SELECT DISTINCT actor FROM journal WHERE kind = '{kinds.REACHABLE}'"""


def written(case: Case) -> Iterator[Finding]:
    try:
        hotline = load(case.folder.hotline)
    except HotlineError as error:
        yield wrong(
            str(error),
            "The line goes on as it was applied last; no change reaches it.",
            "correct that line of hotline.toml, then: decroche plan",
        )
        return
    if hotline.trunks:
        yield good(f"{len(hotline.queues)} queues, {len(hotline.trunks)} trunks")
    else:
        yield wrong(
            "there is no trunk in hotline.toml",
            "Nobody can call.",
            "write a [trunks.NAME] (docs/hotline.md), then: decroche apply",
        )


def in_force(case: Case) -> Iterator[Finding]:
    """Whether 'apply' was forgotten."""
    if not case.folder.applied.exists():
        yield wrong("nothing is in force yet", "Nobody can call.", "decroche apply")
        return
    if case.release is None:
        raise Unseen("there is no Asterisk to render for")
    try:
        lines = plan(case.folder, case.release)
    except (HotlineError, RenderError, SecretsError) as error:
        remedy = "correct it, then: decroche apply"
        yield wrong(
            str(error), "The next 'apply' will be refused; what is in force goes on.", remedy
        )
        return
    changed = [line[6:] for line in lines if line.startswith("+++ b/")]
    if changed:
        yield wrong(
            f"hotline.toml or the people have changed since the last apply: {', '.join(changed)}",
            "Callers and phones meet the line as it was before.",
            "decroche plan, then: decroche apply",
        )
    else:
        yield good("what is in force is what hotline.toml and the people ask for")


def staff(case: Case) -> Iterator[Finding]:
    members = people.members(case.folder.database)
    if not people.list_agents(case.folder.database):
        yield wrong(
            "there is no agent",
            "Every caller hears that nobody is there.",
            "decroche agent add NAME",
        )
        return
    hotline = case.hotline
    used = {hotline.menu.default, *(choice.queue for choice in hotline.menu.choices)}
    for name in sorted(used):
        overflow = hotline.queues[name].overflow
        if not members.get(name) and not (overflow and members.get(overflow)):
            yield wrong(
                f"the queue {name!r} has no agent",
                "Whoever chooses it hears that nobody is there.",
                f"decroche agent add NAME --queue {name}",
            )
    yield good(f"{len({agent for names in members.values() for agent in names})} agents in queues")


def phones(case: Case) -> Iterator[Finding]:
    """Agents whose phone has never been seen: perhaps a password that was mistyped."""
    with closing(reader(case.folder.database)) as connection:
        agents = [row["name"] for row in views.presence(connection) if not row["outside"]]
        if not agents:
            raise Unseen("there is no agent with a SIP phone")
        seen = {row["actor"] for row in connection.execute(EVER_SEEN)}
    never = [name for name in agents if name not in seen]
    if never:
        state = wrong if len(never) == len(agents) else look
        yield state(
            f"{len(never)} of {len(agents)} agents have never registered a phone: {listed(never)}",
            "Their phones cannot ring.",
            "check user, password and server in the phone (docs/agent.md); the password is "
            "shown only once: 'decroche agent password NAME' makes another",
        )
    else:
        yield good(f"all {len(agents)} agents have registered a phone before")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("hotline.toml", written),
    ("in force", in_force),
    ("agents", staff),
    ("phones", phones),
)
