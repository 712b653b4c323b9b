"""What the line is: the validated model of hotline.toml.

The file is the one source of the line's shape: its network addresses, trunks,
opening hours, menu, queues and the texts of its prompts. People (accounts,
devices, presence) live in the database; secrets live in secrets.toml.

:func:`load` reads and checks a file. Everything that is wrong raises one
:class:`HotlineError` that names file, line, key and what was expected.
Opening hours are decided in the line's own time zone; instants are UTC.

One file because it is read as one: the tables of the file, and what is wrong with them.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct, field

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Label = Annotated[str, Meta(min_length=1, max_length=80)]
Digit = Annotated[str, Meta(pattern=r"^[0-9*#]$")]
Did = Annotated[str, Meta(pattern=r"^\+?[0-9]{2,20}$")]
Prefix = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{0,14}$")]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
Port = Annotated[int, Meta(ge=1, le=65535)]
Skills = list[Name]  # topics, languages: names of the association's own
Language = Literal["fr", "en"]
Strategy = Literal["longest-idle", "round-robin", "fewest-calls", "random", "in-order", "ring-few"]

URL = r"^https?://[A-Za-z0-9][A-Za-z0-9.:_-]*(/[A-Za-z0-9._~-]+)*$"  # no slash at the end
ADDRESS = (
    r"^([^\x00-\x1f<>\"@,;:]* )?<?[^\s<>@,;:]+@[A-Za-z0-9.-]+>?$"  # name@host, Who <name@host>
)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
RESERVED = ("trunk-", "queue-")  # prefixes of names that we give inside Asterisk
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PATTERNS = ("choice", "choice-callback")  # texts that only compose the menu
PIECES = ("menu-first", "menu-again", "menu-last")  # said with the choices
KEY_NAMES = {"*": "star", "#": "hash"}  # in the name of a choice's sentence: choice-star
AGAIN, HUMAN = "*", "0"  # keys of every menu, unless a choice has them: once more; no menu
PERIOD = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24:00))")


class HotlineError(Exception):
    """hotline.toml cannot be used; the text says where, what, and what to write."""


class _Table(Struct, forbid_unknown_fields=True, frozen=True):
    pass


class Line(_Table, frozen=True):
    """Who answers: the name, the spoken language, the time zone of the hours.

    ``service_level``: seconds of waiting within which an answer counts as in time. Multiples of
    five, because days that are counted for good know durations in such steps.
    """

    name: Label
    language: Language = "fr"
    timezone: str = "Europe/Paris"
    service_level: Annotated[int, Meta(ge=5, le=600, multiple_of=5)] = 60


class Network(_Table, frozen=True):
    """Addresses and ports; ``bind`` is where SIP and RTP listen, all else is loopback."""

    bind: Host = "127.0.0.1"
    external_address: Host | None = None  # behind a router: what the internet sees
    sip: Port = 5060
    rtp_first: Port = 10000
    rtp_last: Port = 10999
    ami: Port = 5038
    agi: Port = 4573
    page_bind: Host = "127.0.0.1"
    page: Port = 8080
    page_url: Annotated[str, Meta(pattern=URL)] | None = None  # the page as others reach it

    @property
    def page_address(self) -> str:
        """Where the page is, without a slash at the end."""
        host = f"[{self.page_bind}]" if ":" in self.page_bind else self.page_bind
        return self.page_url or f"http://{host}:{self.page}"


class Trunk(_Table, frozen=True):
    """A SIP provider: known by its address (``ip``) or by our registration (``register``).

    ``dids`` are the called numbers exactly as the provider sends them. The
    password of a registering trunk is in secrets.toml.
    """

    host: Host
    dids: Annotated[list[Did], Meta(min_length=1)]
    kind: Literal["ip", "register"] = "ip"
    port: Port = 5060
    username: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._+-]{1,64}$")] | None = None
    match: list[Host] = []  # further addresses that the provider calls from


class Hours(_Table, frozen=True):
    """Weekly periods ``"09:00-18:00"`` in local time, and the days that differ from the week.

    A day of ``open`` (``"2026-12-24 09:00-12:00"``) wins over ``closed``, that over the public
    holidays of ``holidays`` (``"FR"``, ``"FR-GP"``), and those over the week.
    """

    monday: list[str] = []
    tuesday: list[str] = []
    wednesday: list[str] = []
    thursday: list[str] = []
    friday: list[str] = []
    saturday: list[str] = []
    sunday: list[str] = []
    holidays: str | None = None
    on_holidays: list[str] | None = None  # without it closed
    closed: list[date] = []
    open: list[str] = []

    def week(self, day: date) -> list["Period"]:
        """The periods of a local date by its day of the week, in order."""
        return periods(getattr(self, DAYS[day.weekday()]))

    def opened(self, day: date) -> list["Period"]:
        """The periods that ``open`` gives a local date, in order."""
        text = f"{day.isoformat()} "
        return periods([one.removeprefix(text) for one in self.open if one.startswith(text)])


class Choice(_Table, frozen=True):
    """One key of the menu; ``skills`` are asked for beside those of the queue."""

    key: Digit
    queue: Name
    label: Label
    skills: Skills = []


class Menu(_Table, frozen=True):
    """What a caller may choose; pressing nothing leads to ``default``, a human."""

    default: Name
    choices: list[Choice] = []
    repeat: Annotated[int, Meta(ge=1, le=5)] = 2  # times that the menu is said
    patience: Annotated[float, Meta(ge=1, le=20)] = 5  # seconds of silence per time
    style: Literal["plain", "slow"] = "plain"  # "slow": spoken slowly, with pauses


class Queue(_Table, frozen=True):
    """Callers who wait for the same agents; all times are seconds."""

    label: Label
    strategy: Strategy = "longest-idle"
    ring_time: Annotated[int, Meta(ge=5, le=60)] = 20
    ring_few: Annotated[int, Meta(ge=1, le=5)] = 3  # phones at once, for "ring-few"
    wrap_up: Annotated[int, Meta(ge=0, le=600)] = 10
    priority: Annotated[int, Meta(ge=0, le=9)] = 0  # higher goes first between queues
    max_wait: Annotated[int, Meta(ge=5, le=7200)] = 900
    max_waiting: Annotated[int, Meta(ge=1, le=1000)] | None = None  # callers, without a limit
    announce_every: Annotated[int, Meta(ge=15, le=600)] = 60
    overflow: Name | None = None
    overflow_after: Annotated[int, Meta(ge=1, le=7200)] = 120
    skills: Skills = []  # that an agent should have to be rung first
    widen_after: Annotated[int, Meta(ge=1, le=1800)] = 30  # for each tier, each missing skill
    repeat_first: Annotated[int, Meta(ge=0, le=1800)] = 120  # for who never reached anybody; 0: off
    hours: Hours | None = None  # without them the line's


class Agents(_Table, frozen=True):
    """What is asked of one agent at most, and of their phone; an agent may have limits of their
    own (records/abilities.py). 0 is no limit, or off.
    """

    calls_a_day: Annotated[int, Meta(ge=0, le=500)] = 0
    minutes_a_day: Annotated[int, Meta(ge=0, le=1440)] = 0
    long_call: Annotated[int, Meta(ge=1, le=240)] = 30  # minutes from which on a call is long
    rest_after_long: Annotated[int, Meta(ge=0, le=120)] = 0  # minutes
    pause_after_missed: Annotated[int, Meta(ge=0, le=9)] = 2  # rings in a row
    same_helper: Annotated[int, Meta(ge=0, le=30)] = 0  # days
    same_helper_wait: Annotated[int, Meta(ge=0, le=120)] = 20  # seconds


class Callbacks(_Table, frozen=True):
    """Promised call-backs; without this table nobody is promised one.

    ``prefixes`` are the beginnings of the numbers (E.164) that the line may call.
    """

    waiting: bool = True  # offered to who waits
    closed: bool = True  # offered when the line is closed
    menu: Digit | None = None  # the key of the menu that asks for one
    prefixes: Annotated[list[Prefix], Meta(min_length=1)] = field(default_factory=lambda: ["+33"])
    number_format: Literal["e164", "national", "digits"] = "e164"  # as the provider wants it
    tries: Annotated[int, Meta(ge=1, le=9)] = 3
    pause: Annotated[int, Meta(ge=1, le=1440)] = 10  # minutes before the second try; then doubled
    ring_time: Annotated[int, Meta(ge=10, le=90)] = 35  # seconds
    quiet: list[str] = []  # local periods in which nobody is called, within the opening hours
    per_day: Annotated[int, Meta(ge=1)] = 500
    per_agent: Annotated[int, Meta(ge=1)] = 60  # a day

    def is_quiet(self, local: datetime) -> bool:
        """Whether nobody is to be called at a local moment."""
        return within(local, periods(self.quiet))


class Voicemail(_Table, frozen=True):
    """Messages; without this table nobody can leave one."""

    closed: bool = True  # outside the opening hours
    unanswered: bool = True  # nobody is there, or it took too long
    longest: Annotated[int, Meta(ge=10, le=600)] = 120  # seconds
    silence: Annotated[int, Meta(ge=2, le=30)] = 6  # seconds that end a message


class Mail(_Table, frozen=True):
    """How invitations are sent; without this table they are printed or written into a file."""

    host: Host
    sender: Annotated[str, Meta(pattern=ADDRESS, max_length=200)]
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Limits(_Table, frozen=True):
    """What one number may do; without this table no number is limited.

    ``per_hour`` and ``per_day`` count conversations: who reached nobody may try again for ever.
    """

    at_once: Annotated[int, Meta(ge=1, le=100)] = 3  # calls up at the same time
    per_hour: Annotated[int, Meta(ge=1)] = 6
    per_day: Annotated[int, Meta(ge=1)] = 15  # within 24 hours
    withheld_at_once: Annotated[int, Meta(ge=1)] | None = None  # of all who withhold theirs


class Outside(_Table, frozen=True):
    """Agents on phones of their own; without this table none is called there.

    ``prefixes`` are the beginnings of the numbers (E.164) that agents may have.
    """

    prefixes: Annotated[list[Prefix], Meta(min_length=1)] = field(default_factory=lambda: ["+33"])
    number_format: Literal["e164", "national", "digits"] = "e164"  # as the provider wants it
    trunk: Name | None = None  # over which they are called; else the first one
    per_agent: Annotated[int, Meta(ge=1)] = 60  # calls to one such phone in a day


class Hotline(_Table, frozen=True):
    """The whole line, as hotline.toml says it."""

    line: Line
    menu: Menu
    queues: Annotated[dict[Name, Queue], Meta(min_length=1)]
    network: Network = field(default_factory=Network)
    trunks: dict[Name, Trunk] = {}
    hours: Hours | None = None  # without hours the line is always open
    agents: Agents = field(default_factory=Agents)
    callbacks: Callbacks | None = None  # without it no call-back is promised
    voicemail: Voicemail | None = None  # without it no message is taken
    mail: Mail | None = None  # without it invitations are not sent
    limits: Limits | None = None  # without it no number is limited
    outside: Outside | None = None  # without it no agent is called on a phone of their own
    prompts: dict[Name, Annotated[str, Meta(max_length=2000)]] = {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.line.timezone)

    @property
    def asked(self) -> frozenset[str]:
        """Every skill that a queue or a choice of the menu asks for."""
        asked = [queue.skills for queue in self.queues.values()]
        asked += [choice.skills for choice in self.menu.choices]
        return frozenset(skill for skills in asked for skill in skills)


Period = tuple[time, time | None]  # local; an end of None is midnight


def periods(texts: Iterable[str]) -> list[Period]:
    """In order. :raises ValueError: one of them is no period."""
    return sorted(map(_period, texts), key=lambda one: one[0])


def within(local: datetime, among: Iterable[Period]) -> bool:
    """Whether the wall clock of a local moment stands in one of the periods."""
    at = local.time()
    return any(begin <= at and (end is None or at < end) for begin, end in among)


@cache
def _period(text: str) -> Period:
    found = PERIOD.fullmatch(text)
    if not found:
        raise ValueError(f'{text!r} is not a period; write it as "09:00-18:00"')
    begin = time(int(found[1]), int(found[2]))
    end = None if found[5] else time(int(found[3]), int(found[4]))
    if end is not None and end <= begin:
        raise ValueError(f'{text!r} ends before it begins; split it at midnight ("24:00")')
    return begin, end


@cache
def public_holidays(region: str, year: int, language: str = "fr") -> dict[date, str]:
    """The public holidays of a region in a year: local date -> name.

    :param region: a country, or a country and a part of it, as the library "holidays" names them.
    :raises ValueError: there is no such region; the text says which there are.
    """
    from holidays import country_holidays, list_supported_countries  # slow: only who keeps some

    country, dash, part = region.partition("-")
    if country not in list_supported_countries() or (dash and not part):
        raise ValueError(f'{region!r}: no such country; expected a code like "FR" or "FR-GP"')
    known = country_holidays(country)
    if part and part not in {*known.subdivisions, *known.subdivisions_aliases}:
        names = ", ".join(f"{country}-{name}" for name in _parts(known)) or "no part of it"
        raise ValueError(f"{region!r}: no such part; expected {country}, or: {names}")
    spoken = known.supported_languages
    named = next((one for one in spoken if one.startswith(language)), None)
    found = country_holidays(country, subdiv=part or None, years=year, language=named)
    return {day: name for day, name in found.items() if day.year == year}


def _parts(country: Any) -> list[str]:
    """The parts of a country by their shortest names."""
    names: dict[str, str] = {}
    for alias, part in country.subdivisions_aliases.items():
        names[part] = min(names.get(part, alias), alias, key=len)
    return sorted(names.get(part, part) for part in country.subdivisions)


def load(path: Path) -> Hotline:
    """Read and check ``path``.

    :raises HotlineError: unreadable, not TOML, an unknown key, a bad value, or a
        name that nothing answers to.
    """
    return parse(read(path), str(path))


def read(path: Path) -> str:
    """The text of a hotline.toml. :raises HotlineError: there is none, or it cannot be read."""
    try:
        return path.read_text("utf-8-sig")  # an editor of Windows may begin it with a mark
    except FileNotFoundError:
        raise HotlineError(
            f"{path}: there is no hotline here; 'decroche init {path.parent}' makes one"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise HotlineError(f"{path}, line {line}: not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise HotlineError(f"{path}: cannot be read: {error}") from None


def parse(text: str, where: str = "hotline.toml") -> Hotline:
    """Like :func:`load`, from a text; ``where`` names the file in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _line_of_syntax(text, str(error))
        raise HotlineError(f"{where}, line {line}: not valid TOML: {error}") from None
    try:
        hotline = msgspec.convert(data, Hotline)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        keys = _keys(path.rstrip("`"), data)
        if unknown := re.search(r"unknown field `(.*)`", message):
            keys = (*keys, unknown[1])
        raise _error(where, text, keys, message) from None
    for keys, message in _problems(hotline):
        raise _error(where, text, keys, message)
    return hotline


def _problems(hotline: Hotline) -> Iterator[tuple[tuple[str, ...], str]]:
    """What the types cannot say: (path of the key, what is wrong and expected)."""
    known = f"expected one of: {', '.join(sorted(hotline.queues))}"
    try:
        ZoneInfo(hotline.line.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield ("line", "timezone"), 'unknown time zone; expected a name like "Europe/Paris"'
    if hotline.menu.default not in hotline.queues:
        yield ("menu", "default"), f"no queue {hotline.menu.default!r}; {known}"
    seen = set()
    for at, choice in enumerate(hotline.menu.choices):
        if choice.queue not in hotline.queues:
            yield ("menu", "choices", str(at), "queue"), f"no queue {choice.queue!r}; {known}"
        if choice.key in seen:
            yield ("menu", "choices", str(at), "key"), f"key {choice.key!r} is used twice"
        seen.add(choice.key)
    for name, queue in hotline.queues.items():
        if name == "general":
            yield ("queues", name), "Asterisk keeps this name for itself; choose another"
        if queue.overflow and (queue.overflow not in hotline.queues or queue.overflow == name):
            yield ("queues", name, "overflow"), f"no other queue {queue.overflow!r}; {known}"
    yield from _trunk_problems(hotline)
    yield from _hours_problems(hotline)
    yield from _callback_problems(hotline, seen)
    mail = hotline.mail
    if mail and mail.security == "none" and mail.host not in ("127.0.0.1", "localhost", "::1"):
        yield ("mail", "security"), 'mail leaves the machine encrypted: "starttls" or "tls"'
    catalogue = [name for name in _catalogue(hotline.line.language) if name not in PATTERNS]
    prompts = dict.fromkeys([*catalogue, *prompt_numbers()])
    for prompt in hotline.prompts:
        if prompt not in prompts:
            yield ("prompts", prompt), f"no such prompt; expected one of: {', '.join(prompts)}"
    if hotline.network.rtp_last - hotline.network.rtp_first < 9:
        yield ("network", "rtp_last"), "expected at least ten RTP ports after rtp_first"


def _trunk_problems(hotline: Hotline) -> Iterator[tuple[tuple[str, ...], str]]:
    over = hotline.outside.trunk if hotline.outside else None
    if over and over not in hotline.trunks:
        known = ", ".join(sorted(hotline.trunks)) or "none yet"
        yield ("outside", "trunk"), f"no trunk {over!r}; expected one of: {known}"
    dids: set[str] = set()
    for name, trunk in hotline.trunks.items():
        if trunk.kind == "register" and not trunk.username:
            yield ("trunks", name, "username"), "a trunk that registers needs a username"
        for did in trunk.dids:
            if did in dids:
                yield ("trunks", name, "dids"), f"the number {did} stands in two trunks"
            dids.add(did)


def _callback_problems(hotline: Hotline, keys: set[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    calls = hotline.callbacks
    if calls is None:
        return
    if calls.menu in keys:
        yield ("callbacks", "menu"), f"key {calls.menu!r} is a choice of the menu already"
    try:
        periods(calls.quiet)
    except ValueError as error:
        yield ("callbacks", "quiet"), str(error)


def _hours_problems(hotline: Hotline) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, queue in hotline.queues.items():
        yield from _table_problems(queue.hours, ("queues", name, "hours"))
    yield from _table_problems(hotline.hours, ("hours",))


def _table_problems(
    hours: Hours | None, where: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if hours is None:
        return
    if hours.holidays is not None:
        try:
            public_holidays(hours.holidays, 2026)
        except ValueError as error:
            yield (*where, "holidays"), str(error)
    for key in (*DAYS, "on_holidays"):
        yield from _overlaps(getattr(hours, key) or [], (*where, key))
    dated: dict[str, list[str]] = {}
    for text in hours.open:
        day, _, period = text.partition(" ")
        if period and re.fullmatch(r"\d{4}-\d\d-\d\d", day) and _is_date(day):
            dated.setdefault(day, []).append(period)
        else:
            yield (*where, "open"), f'{text!r}: write it as "2026-12-24 09:00-12:00"'
    for texts in dated.values():
        yield from _overlaps(texts, (*where, "open"))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _overlaps(texts: list[str], where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the periods of one day."""
    ends = time()
    try:
        found = periods(texts)
    except ValueError as error:
        yield where, str(error)
        return
    for at, (begin, end) in enumerate(found):
        if at and (begin < ends or ends == time()):
            yield where, "two periods overlap"
        ends = end or time()


def _keys(path: str, data: dict[str, Any]) -> tuple[str, ...]:
    """msgspec's ``$.queues[...].ring_time`` as keys.

    For a dict msgspec writes ``[...]`` and not which key; then the first entry
    whose conversion fails alone is the one that is meant.
    """
    keys: list[str] = []
    here: Any = data
    for part in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+|\.\.\.)\]", path):
        key = part[0] or part[1]
        if key == "...":
            key = _culprit(keys, here) if isinstance(here, dict) else "0"
        keys.append(key)
        if isinstance(here, dict):
            here = here.get(key, {})
        elif isinstance(here, list) and key.isdigit() and int(key) < len(here):
            here = here[int(key)]
    if path.startswith("key"):  # "key` in `$.queues": the name itself is refused
        keys.append(_culprit(keys, here))
    return tuple(keys)


def _culprit(keys: list[str], table: dict[str, Any]) -> str:
    kind: Any = {"queues": Queue, "trunks": Trunk}.get(keys[-1] if keys else "", str)
    for key, value in table.items():
        try:
            msgspec.convert({key: value}, dict[Name, kind])
        except msgspec.ValidationError:
            return key
    return next(iter(table), "")


def _error(where: str, text: str, keys: tuple[str, ...], message: str) -> HotlineError:
    line = _line_of(text, keys)
    at = ".".join(key if key.isprintable() else repr(key) for key in keys) or "top level"
    return HotlineError(f"{where}, line {line}: {at}: {message}")


def _line_of_syntax(text: str, message: str) -> int:
    """The line of a mistake that tomllib tells of; of one that it meets at the end of the file,
    the line where what is not closed begins: the first after all that can be read alone.
    """
    if found := re.search(r"at line (\d+)", message):
        return int(found[1])
    lines = text.split("\n")
    for count in range(len(lines), 0, -1):
        try:
            tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        rest = (at for at, line in enumerate(lines[count:], count + 1) if line.strip())
        return next(rest, count)
    return 1


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """The line (from 1) that sets ``keys``, or that of the nearest table above it."""
    best, depth, table = 1, 0, tuple[str, ...]()
    counts: dict[tuple[str, ...], int] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith("["):
            table = _path(line)
            if line.startswith("[["):
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            here = table
        elif "=" in line and not line.startswith("#"):
            here = (*table, *_path(line.partition("=")[0] + "= 0"))
        else:
            continue
        if len(here) > depth and keys[: len(here)] == here:
            best, depth = number, len(here)
    return best


def _path(line: str) -> tuple[str, ...]:
    """The keys that one line of TOML sets, as written or quoted; none for half a line."""
    try:
        inner: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(inner, dict) and inner:
        key, inner = next(iter(inner.items()))
        keys.append(key)
    return tuple(keys)


def prompt_texts(hotline: Hotline) -> dict[str, str]:
    """Every sentence that the line says: name of the prompt -> text.

    "menu" is the whole menu, after the pieces of which it is put together (:func:`menu_pieces`);
    a text of ``[prompts]`` wins, and has no pieces. A prompt whose text is empty is left out, and
    one that belongs to a table that is not there.
    """
    texts = _catalogue(hotline.line.language)
    for name in ("greeting", "outside-call"):
        texts[name] = texts[name].format(name=hotline.line.name)
    pieces = menu_pieces(hotline)
    whole = hotline.prompts.get("menu", " ".join(pieces.values())) if _keys_of(hotline) else ""
    composed = {"menu", *PATTERNS, *PIECES}
    texts = {name: text for name, text in texts.items() if name not in composed}
    texts |= {name: text for name, text in hotline.prompts.items() if name in texts}
    texts |= pieces | {"menu": whole}
    tables: dict[str, object] = {"callback-": hotline.callbacks, "voicemail-": hotline.voicemail}
    tables |= {"limit-": hotline.limits, "outside-": hotline.outside}
    unused = tuple(beginning for beginning, table in tables.items() if table is None)
    return {
        name: text for name, text in texts.items() if text.strip() and not name.startswith(unused)
    }


def menu_pieces(hotline: Hotline) -> dict[str, str]:
    """The sentences of the menu in their order, one for each key; none when there is no menu,
    or when ``[prompts]`` words it as a whole.
    """
    keys = _keys_of(hotline)
    if not keys or "menu" in hotline.prompts:
        return {}
    texts = _catalogue(hotline.line.language)
    first, again, last = ({name: texts[name]} for name in PIECES)
    slow = hotline.menu.style == "slow"
    pieces = (first if slow else {}) | keys
    pieces |= again if slow and not {choice_name(AGAIN), choice_name(HUMAN)} & keys.keys() else {}
    pieces |= last
    pieces |= {name: text for name, text in hotline.prompts.items() if name in pieces}
    return {name: text for name, text in pieces.items() if text.strip()}


def _keys_of(hotline: Hotline) -> dict[str, str]:
    """What is said for each key of the menu: name of the sentence -> text."""
    texts, names = _catalogue(hotline.line.language), _prompts()[hotline.line.language]["keys"]
    said = {
        choice_name(one.key): texts["choice"].format(
            label=one.label, key=names.get(one.key, one.key)
        )
        for one in hotline.menu.choices
    }
    if hotline.callbacks and (key := hotline.callbacks.menu):
        said[choice_name(key)] = texts["choice-callback"].format(key=names.get(key, key))
    return said


def choice_name(key: str) -> str:
    """The sentence of a key of the menu: choice-1, choice-star."""
    return f"choice-{KEY_NAMES.get(key, key)}"


def prompt_numbers() -> dict[str, int]:
    """Every sentence that can be worded and recorded -> its number, two digits, for good."""
    return dict(_prompts()["numbers"])


@cache
def _prompts() -> dict[str, Any]:
    return tomllib.loads(
        Path(__file__).with_name("configs").joinpath("prompts.toml").read_text("utf-8")
    )


def _catalogue(language: Language) -> dict[str, str]:
    """The default texts by name, with the PATTERNS."""
    return {name: text for name, text in _prompts()[language].items() if name != "keys"}
