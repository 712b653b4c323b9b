"""``decroche trunk test``: what a provider's trunk answers, and what to do when it does not."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from ..hotline import HotlineError, Network, Trunk, load
from ..records.folder import Folder
from . import options
from .control import NotRunning
from .doctor_net import registrations
from .pbx import Pbx

# What Asterisk says of a registration (pjsip show registrations), and the remedy.
STATES = {
    "Rejected": "the provider refuses it: check username and password ('decroche trunk set')",
    "Unregistered": "nobody has answered it: check host and port, and whether UDP goes out",
    "Stopped": "Asterisk has given up: type decroche pbx stop, then decroche pbx start",
}


@dataclass(frozen=True)
class Found:
    """One thing that was looked at. ``good`` None: it cannot be told, and may be well."""

    what: str
    good: bool | None
    said: str

    def as_row(self) -> dict[str, str]:
        words = {True: "ok", False: "WRONG", None: "?"}
        return {"state": words[self.good], "what": self.what, "said": self.said}


def check(folder: Folder, pbx: Pbx | None, name: str) -> Iterator[Found]:
    """Look at one trunk, thing by thing; sends it one SIP OPTIONS.

    :raises HotlineError: no such trunk.
    """
    hotline = load(folder.hotline)
    trunk = hotline.trunks.get(name)
    if trunk is None:
        there = ", ".join(hotline.trunks) or "none"
        raise HotlineError(f"no trunk {name!r}; there are: {there}")
    applied = load(folder.applied).trunks.get(name) if folder.applied.exists() else None
    in_force = applied == trunk
    yield Found("in force", in_force, "yes" if in_force else "type: decroche apply")
    registered = _registered(pbx, name) if trunk.kind == "register" else None
    if registered:
        yield registered
    yield from _answers(trunk, hotline.network, bool(registered and registered.good))
    yield Found("numbers", True, ", ".join(trunk.dids))


def _registered(pbx: Pbx | None, name: str) -> Found:
    try:
        text = pbx.ask("pjsip show registrations") if pbx else ""
    except (NotRunning, TimeoutError):
        text = ""
    if not text:
        return Found("registration", False, "Asterisk does not run: type decroche pbx start")
    state = registrations(text).get(name, "Unregistered")
    return Found("registration", state == "Registered", STATES.get(state, state.lower()))


def _answers(trunk: Trunk, network: Network, registered: bool) -> Iterator[Found]:
    try:
        address = socket.getaddrinfo(trunk.host, trunk.port, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # a name that cannot be asked for is the latter
        yield Found("address", False, f"{trunk.host} is not known: {error}")
        return
    place = address[0][4]
    host, port = str(place[0]), int(place[1])
    yield Found("address", True, f"{trunk.host} is {host}")
    source = "" if network.bind in ("0.0.0.0", "::") else network.bind
    try:
        answer = options.ask((host, port), source)
    except OSError as error:
        yield Found("answers", False, f"{host} cannot be reached from here: {error.strerror}")
        return
    if answer:
        yield Found("answers", True, answer)
        return
    said = f"no answer to SIP OPTIONS from {host}, UDP port {port}"
    if registered:
        yield Found("answers", None, f"{said}; it registers, so this provider does not answer them")
    else:
        yield Found("answers", False, f"{said}: check host and port; a few providers never answer")
