"""From the model to Asterisk's files: every file of etc/, as text.

Rendering is pure. Every value that enters a template passes :func:`~.conf.safe`;
:func:`verify` parses the texts back and compares them with the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..hotline import Hotline
from ..records import dialplan, kinds
from ..records.folder import Folder
from ..records.people import REALM, Agent
from ..records.secrets import Secrets
from .conf import Section, parse, safe
from .hours import openings, this_year, year_mark

TEMPLATES = Path(__file__).with_name("templates")
FREEZE = 3  # seconds until a service that does not react loses the call to the queue
CALLERID = "decroche"  # the only identity that a phone ever sees

# Ours -> app_queue's, for the fallback. "ring-few" has no equal there.
STRATEGIES = {
    "longest-idle": "leastrecent",
    "round-robin": "rrmemory",
    "fewest-calls": "fewestcalls",
    "random": "random",
    "in-order": "linear",
    "ring-few": "leastrecent",
}

Files = dict[str, str]


class RenderError(Exception):
    """The model cannot be written for Asterisk, or does not read back the same."""


@dataclass(frozen=True)
class Plan:
    """All that Asterisk's files are made from."""

    hotline: Hotline
    agents: Sequence[Agent]
    secrets: Secrets
    folder: Folder
    modules: Sequence[str]
    year: int = field(default_factory=this_year)  # the first of those whose days are written out


def render(plan: Plan) -> Files:
    """Every file of etc/: name -> text.

    :raises RenderError: a value that Asterisk's files cannot hold, a missing secret.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=safe,
        autoescape=False,  # these are not HTML; `finalize` refuses what would need escaping
    )
    values = _values(plan)
    try:
        return {
            name.removesuffix(".j2"): environment.get_template(name).render(values)
            for name in environment.list_templates()
        }
    except ValueError as error:
        raise RenderError(str(error)) from None


def _values(plan: Plan) -> dict[str, object]:
    hotline = plan.hotline
    for name, trunk in hotline.trunks.items():
        if trunk.kind == "register" and name not in plan.secrets.trunks:
            raise RenderError(
                f'the trunk {name!r} registers and has no password: write {name} = "..." '
                f"under [trunks] in {plan.folder.secrets}"
            )
    return {
        "line": hotline.line,
        "network": hotline.network,
        "trunks": hotline.trunks,
        "queues": hotline.queues,
        "openings": openings(hotline, plan.year),
        "year_mark": year_mark(plan.year),
        "switches": dialplan.SWITCHES,
        "agents": plan.agents,
        "secrets": plan.secrets,
        "trunk_passwords": plan.secrets.trunks,
        "modules": plan.modules,
        "pbx": plan.folder.pbx.absolute(),
        "prompts": plan.folder.prompts.absolute(),
        "realm": REALM,
        "callerid": CALLERID,
        "freeze": FREEZE,
        "strategies": STRATEGIES,
        "max_wait": max(queue.max_wait for queue in hotline.queues.values()),
        "features": dialplan.FEATURES,
        "messages_code": dialplan.MESSAGES,
        "trunk_prefix": dialplan.TRUNK,
        "callers_context": dialplan.CALLERS,
        "agents_context": dialplan.AGENTS,
        "talk_context": dialplan.TALK,
        "back_context": dialplan.BACK,
        "fellback": kinds.FELL_BACK,
        "sealed": dialplan.SEALED,
        "dismissed": kinds.DISMISSED,
    }


def verify(plan: Plan, files: Files) -> None:
    """Parse the files back and compare what Asterisk will see with the model.

    :raises RenderError: something is there that the model does not say, or is missing.
    """
    try:
        parsed = {name: parse(text) for name, text in files.items()}
    except ValueError as error:
        raise RenderError(f"a generated file does not read back: {error}") from None
    trunks = {dialplan.TRUNK + name for name in plan.hotline.trunks}
    agents = {agent.name for agent in plan.agents}
    pjsip = [section for section in parsed["pjsip.conf"] if not section.template]
    endpoints = {s.name: s for s in pjsip if s.get("type") == "endpoint"}
    _same("endpoints", set(endpoints), trunks | agents)
    for name, endpoint in endpoints.items():
        _check_endpoint(endpoint, "" if name in trunks else dialplan.AGENTS)
    contexts = {section.name: section for section in parsed["extensions.conf"]}
    for name, trunk in plan.hotline.trunks.items():
        found = {value.split(",")[0] for value in contexts[f"from-{name}"].all("exten")}
        _same(f"numbers of {name}", found, set(trunk.dids))
    codes = {value.split(",")[0] for value in contexts[dialplan.AGENTS].all("exten")}
    _same("feature codes", codes, {*dialplan.FEATURES, dialplan.MESSAGES})
    queues = {section.name for section in parsed["queues.conf"]} - {"general"}
    _same("queues", queues, set(plan.hotline.queues))


def _check_endpoint(endpoint: Section, context: str) -> None:
    """What RELIABILITY asks of every endpoint, trunk or agent."""
    expected = {
        "trust_id_inbound": "no",
        "trust_connected_line": "no",
        "message_context": "",
        "context": context or f"from-{endpoint.name.removeprefix(dialplan.TRUNK)}",
    }
    for key, value in expected.items():
        if endpoint.get(key) != value:
            raise RenderError(f"{endpoint.name}: {key} is {endpoint.get(key)!r}, not {value!r}")
    if CALLERID not in endpoint.get("callerid"):
        raise RenderError(f"{endpoint.name}: no fixed callerid")


def _same(what: str, found: set[str], expected: set[str]) -> None:
    if found != expected:
        raise RenderError(f"{what} read back as {sorted(found)}, expected {sorted(expected)}")
