"""The doctor's look at addresses, ports and trunks.

Nothing is sent to a trunk; a name is asked of the machine's own resolver, and that is all.
"""

import re
import socket
import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from ..hotline import Network, Trunk
from ..records import dialplan
from . import processes
from .doctor_case import DOWN, UP, Case, Check, Finding, Unseen, good, look, wrong
from .ports import taken_ports

ANY = ("0.0.0.0", "::")
SETTLE = 3.0  # seconds that a registration may still need
REGISTRATION = re.compile(r"^\s*(\S+?)/\S+\s+\S+\s+([A-Z]\w+)", re.MULTILINE)
UNREACHABLE = re.compile(rf"Contact:\s+{dialplan.TRUNK}([a-z0-9_-]+)/\S+\s+\S*\s*Unavail")
Address = IPv4Address | IPv6Address


def address(case: Case) -> Iterator[Finding]:
    """What phones and providers are told to talk to."""
    network = case.network
    try:
        ours = processes.is_of_this_machine(network.bind)
    except OSError as error:
        ours, reason = False, f": {error.strerror or error}"
    else:
        reason = ""
    if not ours:
        yield wrong(
            f"bind = {network.bind!r} is not an address of this machine{reason}",
            "Asterisk cannot listen there: nobody can call, no phone can register.",
            'write an address that "ip address" shows, or "0.0.0.0", into [network] bind; then: '
            "decroche apply, decroche pbx stop, decroche pbx start",
        )
        return
    external = _resolve(network.external_address) if network.external_address else None
    if network.external_address and external is None:
        yield _external(network, "is a name that nobody knows")
        return
    found = list(told(network, external, _ways(case.hotline.trunks)))
    yield from found or [good(f"phones and providers find the line at {network.bind}")]


def _ways(trunks: Mapping[str, Trunk]) -> dict[str, tuple[Address, Address]]:
    """Trunk -> (its address, ours on the way there); trunks that have none are left out."""
    found = {}
    for name, trunk in trunks.items():
        try:
            theirs = _resolve(trunk.host)
            if theirs is not None:
                found[name] = (theirs, ip_address(processes.address_towards(str(theirs))))
        except OSError:
            continue
    return found


def told(
    network: Network, external: Address | None, ways: Mapping[str, tuple[Address, Address]]
) -> Iterator[Finding]:
    """What is wrong with the addresses that others are told.

    :param ways: trunk -> (its address, ours on the way there).
    """
    any_address = network.bind in ANY
    if external is not None and (external.is_loopback or external.is_unspecified):
        yield _external(network, "leads to the reader's own machine")
        return
    for name, (theirs, ours) in ways.items():
        here = ours if any_address else (_resolve(network.bind) or ours)
        if here.is_loopback and not theirs.is_loopback:
            yield wrong(
                f"bind = {network.bind!r} is this machine alone; the trunk {name!r} is not on it",
                "The provider's calls do not arrive.",
                'write bind = "0.0.0.0" into [network] of hotline.toml, then: decroche apply, '
                "decroche pbx stop, decroche pbx start",
            )
        elif theirs.is_global and external is None and not here.is_global:
            yield wrong(
                f"the trunk {name!r} is told to send sound to {here}, known in this network alone",
                "Calls are up and nobody hears anything, or they do not arrive.",
                "write the address that the internet sees as external_address into [network] of "
                "hotline.toml, then: decroche apply, decroche pbx stop, decroche pbx start",
            )
        elif theirs.is_global and external is not None and not external.is_global:
            yield _external(network, f"is no address that the trunk {name!r} can reach")
        elif external is not None and here.is_global and here != external:
            yield _external(network, f"is not this machine's own address {here}")
    if not ways and not any_address and network.external_address is None:
        return
    if network.bind not in ANY and (_resolve(network.bind) or IPv4Address(0)).is_loopback:
        return
    yield look(
        f"UDP {network.sip} (SIP) and {network.rtp_first} to {network.rtp_last} (sound) must be "
        "let through by every firewall; that cannot be seen from here",
        "If they are not: no calls, or calls without sound.",
        "call the line from a mobile phone and listen on both ends",
    )


def _external(network: Network, reason: str) -> Finding:
    return wrong(
        f"external_address = {network.external_address!r} {reason}",
        "Calls are up and nobody hears anything, or they do not arrive.",
        "write the address that the internet sees into [network] external_address; then: "
        "decroche apply, decroche pbx stop, decroche pbx start",
    )


def _resolve(host: str) -> Address | None:
    """The first address of a host; None when nobody knows the name."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return None
    return ip_address(str(found[0][4][0]).partition("%")[0])


def ports(case: Case) -> Iterator[Finding]:
    """Asterisk boots without a port that another program has, and nobody can reach it."""
    network = case.network
    try:
        if not processes.is_of_this_machine(network.bind):
            raise Unseen("its address is not of this machine")
    except OSError as error:
        raise Unseen("its address is not known") from error
    taken = taken_ports(network) if case.asterisk == DOWN else []
    if case.asterisk == UP and "decroche.udp" not in case.ask("pjsip show transports"):
        taken.append(("sip", "udp", network.sip))
    if case.asterisk == UP and not _speaks_ami(network.ami):
        taken.append(("ami", "tcp", network.ami))
    for key, kind, port in taken:
        pid = processes.has_port(kind, port)
        who = f"{processes.name_of(pid)} (process {pid})" if pid else "another program"
        means = "Nobody can call." if key == "sip" else "Nothing is recorded, and flows are deaf."
        yield wrong(
            f"the port {port} ({key}) is taken: {who} has it",
            means,
            f"end it, or change {key} in [network] of hotline.toml and: decroche apply; then: "
            "decroche pbx stop, decroche pbx start",
        )
    if not taken:
        yield good("no other program has a port of Asterisk's")


def _speaks_ami(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2.0) as connection:
            return connection.recv(64).startswith(b"Asterisk Call Manager")
    except OSError:
        return False


def trunks(case: Case) -> Iterator[Finding]:
    """Names that are known, registrations that stand, contacts that answer."""
    if not case.hotline.trunks:
        raise Unseen("there is no trunk")
    bad = {}
    for name, trunk in case.hotline.trunks.items():
        if _resolve(trunk.host) is None:
            bad[name] = f"its host {trunk.host!r} is a name that nobody knows"
    if case.asterisk == UP:
        bad = _unregistered(case) | bad
        for name in UNREACHABLE.findall(case.ask("pjsip show contacts")):
            bad.setdefault(name, "it does not answer")
    for name, reason in bad.items():
        yield wrong(
            f"the trunk {name!r} is down: {reason}",
            "Calls to its numbers do not arrive: callers hear the provider's message.",
            f"compare host, port, username of [trunks.{name}] and its password in secrets.toml "
            "with the provider's letter; then: decroche apply",
        )
    if not bad:
        yield good(f"{len(case.hotline.trunks)} trunks, as far as can be seen from here")


def _unregistered(case: Case) -> dict[str, str]:
    """Trunks that register and are not registered; one that is just being so has a moment."""
    wanted = {name for name, trunk in case.hotline.trunks.items() if trunk.kind == "register"}
    end = time.monotonic() + SETTLE
    while True:
        states = registrations(case.ask("pjsip show registrations")) if wanted else {}
        bad = {name: states.get(name, "not there") for name in sorted(wanted)}
        bad = {name: state for name, state in bad.items() if state != "Registered"}
        if not bad or time.monotonic() > end:
            break
        time.sleep(0.2)
    return {name: f"the registration is {state.lower()}" for name, state in bad.items()}


def registrations(text: str) -> dict[str, str]:
    """Trunk -> Registered, Unregistered, Rejected ... from `pjsip show registrations`."""
    found = REGISTRATION.findall(text)
    begin = dialplan.TRUNK
    return {name.removeprefix(begin): state for name, state in found if name.startswith(begin)}


CHECKS: tuple[tuple[str, Check], ...] = (
    ("addresses", address),
    ("ports", ports),
    ("trunks", trunks),
)
