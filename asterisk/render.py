"""From the model to Asterisk's files: every file of etc/, as text.

Rendering is pure. Every value that enters a template passes :func:`~.conf.safe`;
:func:`verify` parses the texts back and compares them with the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..hotline import Hotline, prompt_numbers
from ..records import dialplan, kinds
from ..records.fallback import core_sound
from ..records.folder import Folder
from ..records.outside import as_dialled, may_dial
from ..records.people import REALM, Agent
from ..records.secrets import Secrets
from .conf import Section, parse, safe
from .hours import openings, this_year, year_mark
from .overrides import FAMILY
from .sealed import seal_for_dialplan

TEMPLATES = Path(__file__).with_name("templates")
FREEZE = 3  # seconds until a service that does not react loses the call to the queue
STEPS = 10  # of a queue's agents that a caller in the fallback reaches one after the other
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
    """All that Asterisk's files are made from. ``outside``: agents' own numbers (E.164)."""

    hotline: Hotline
    agents: Sequence[Agent]
    secrets: Secrets
    folder: Folder
    modules: Sequence[str]
    outside: Mapping[str, str] = field(default_factory=dict)
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
        **_outside(plan),
        "line": hotline.line,
        "network": hotline.network,
        "trunks": hotline.trunks,
        "numbers": {name: numbers_of(hotline, name) for name in hotline.trunks},
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
        "overrides": FAMILY,
        "callerid": CALLERID,
        "freeze": FREEZE,
        "strategies": STRATEGIES,
        "steps": STEPS,
        "max_wait": max(queue.max_wait for queue in hotline.queues.values()),
        "features": dialplan.FEATURES | dialplan.FREE_CODES,
        "messages_code": dialplan.MESSAGES,
        "record_codes": _record_codes(),
        "core_sound": core_sound,
        "echo_code": dialplan.ECHO,
        "echo_seconds": dialplan.ECHO_SECONDS,
        "block_code": dialplan.BLOCK,
        "trunk_prefix": dialplan.TRUNK,
        "callers_context": dialplan.CALLERS,
        "agents_context": dialplan.AGENTS,
        "talk_context": dialplan.TALK,
        "back_context": dialplan.BACK,
        "fellback": kinds.FELL_BACK,
        "sealed": dialplan.SEALED,
        "dismissed": kinds.DISMISSED,
    }


def numbers_of(hotline: Hotline, name: str) -> list[str]:
    """The numbers that may arrive as a trunk's: its own, and those of trunks with an address in
    common, because Asterisk tells a provider's calls by its address (type = identify).
    """
    own = {hotline.trunks[name].host, *hotline.trunks[name].match}
    return [
        did
        for trunk in hotline.trunks.values()
        if own & {trunk.host, *trunk.match}
        for did in trunk.dids
    ]


def _record_codes() -> dict[str, str]:
    """What an agent's phone dials to record a sentence -> its name."""
    return {f"{dialplan.RECORD}{number}": name for name, number in prompt_numbers().items()}


def _outside(plan: Plan) -> dict[str, Any]:
    """What the dialplan needs to call agents on phones of their own."""
    hotline, rules = plan.hotline, plan.hotline.outside
    values: dict[str, Any] = {
        "outside_context": dialplan.OUTSIDE,
        "held_context": dialplan.HELD,
        "ask_context": dialplan.ASK,
        "leg_prefix": dialplan.LEG,
        "nowhere": dialplan.NOWHERE,
        "confirm": dialplan.CONFIRM,
    }
    if rules is None or not hotline.trunks:
        return {**values, "outside": {}}
    trunk = rules.trunk or next(iter(hotline.trunks))
    agents, key = {agent.name for agent in plan.agents}, plan.secrets.fallback_key
    return {
        **values,
        "outside": {
            name: seal_for_dialplan(as_dialled(number, rules.number_format), key)
            for name, number in plan.outside.items()
            if name in agents and may_dial(number, rules.prefixes)
        },
        "outside_trunk": trunk,
        "outside_shown": hotline.trunks[trunk].dids[0],
        "outside_ring": max(queue.ring_time for queue in hotline.queues.values()),
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
    outside = _outside(plan)
    legs = {f"{dialplan.LEG}{outside['outside_trunk']}"} if outside["outside"] else set[str]()
    agents = {agent.name for agent in plan.agents}
    pjsip = [section for section in parsed["pjsip.conf"] if not section.template]
    endpoints = {s.name: s for s in pjsip if s.get("type") == "endpoint"}
    _same("endpoints", set(endpoints), trunks | agents | legs)
    for name, endpoint in endpoints.items():
        inside = dialplan.NOWHERE if name in legs else dialplan.AGENTS
        _check_endpoint(endpoint, "" if name in trunks else inside)
    contexts = {section.name: section for section in parsed["extensions.conf"]}
    for name in plan.hotline.trunks:
        found = {value.split(",")[0] for value in contexts[f"from-{name}"].all("exten")}
        _same(f"numbers of {name}", found, set(numbers_of(plan.hotline, name)))
    codes = {value.split(",")[0] for value in contexts[dialplan.AGENTS].all("exten")}
    own_codes = {*dialplan.FEATURES, *dialplan.FREE_CODES, dialplan.MESSAGES, dialplan.BLOCK}
    own_codes |= {dialplan.ECHO, *_record_codes()}
    _same("feature codes", codes, own_codes)
    if dialplan.OUTSIDE in contexts:
        found = {value.split(",")[0] for value in contexts[dialplan.OUTSIDE].all("exten")}
        _same("agents outside", found, set(outside["outside"]))
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
    if context != dialplan.AGENTS:
        expected["identify_by"] = "ip"
    for key, value in expected.items():
        if endpoint.get(key) != value:
            raise RenderError(f"{endpoint.name}: {key} is {endpoint.get(key)!r}, not {value!r}")
    if CALLERID not in endpoint.get("callerid"):
        raise RenderError(f"{endpoint.name}: no fixed callerid")


def _same(what: str, found: set[str], expected: set[str]) -> None:
    if found != expected:
        raise RenderError(f"{what} read back as {sorted(found)}, expected {sorted(expected)}")
