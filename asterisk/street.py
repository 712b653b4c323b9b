"""The street: a second Asterisk that plays callers and agents over real SIP, on loopback.

To the line it is a trunk and every agent's phone. What people do is in its
dialplan (street_templates/); here is when they call, and when agents take a pause.
"""

import asyncio
import fcntl
import random
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from ..hotline import Hotline
from ..records.folder import Folder
from . import prompts
from .conductor import CALLER, PHONE, Conductor
from .conf import safe
from .control import NotRunning
from .demo import STREET_RTP, TRUNK, phones, street_of
from .line import LineError
from .modules import MODULES, loadable
from .pbx import Pbx
from .ports import free_tcp
from .release import Release
from .render import TEMPLATES
from .session import AmiError, Session

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

OWN = Path(__file__).with_name("street_templates")
# The street is an Asterisk like the line's: these files are made from the line's templates.
SAME = (
    "acl asterisk ccss cdr features http indications logger modules musiconhold pjproject rtp "
    "stasis udptl"
).split()
DIFFERENT = "cel extensions manager pjsip".split()
UNUSED = frozenset(
    "app_celgenuserevent app_queue cel_manager cel_sqlite3_custom res_agi res_cdrel_custom "
    "res_speech".split()
)
LOGIN = "conductor"
GOODBYE = 1.0  # seconds for all channels to end
AGAIN = 2.0  # seconds before a street that broke down is built again


async def play(folder: Folder, release: Release, hotline: Callable[[], Hotline]) -> None:
    """Play callers and agents until cancelled; then everything of the street is stopped.

    :param hotline: gives the model in force.
    :raises LineError: the street of this folder is played by another process.
    """
    street = Street(folder, release, hotline)
    with _alone(street_of(folder)):
        while True:
            try:
                await street.live()
            except* AmiError as errors:
                reason = _first(errors)
                log.warning("the street broke down; building it again", reason=str(reason))
            await asyncio.sleep(AGAIN)


def files(values: Mapping[str, object], *own: Path) -> dict[str, str]:
    """Every file of a street's etc/: name -> text.

    :param own: the folders of its own templates; the first that has one wins.
    """
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in (*own, TEMPLATES)]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=safe,
        autoescape=False,  # these are not HTML; `finalize` refuses what would need escaping
    )
    return {
        f"{name}.conf": environment.get_template(f"{name}.conf.j2").render(values)
        for name in (*SAME, *DIFFERENT)
    }


class Street:
    """One street, built anew at each start."""

    def __init__(self, folder: Folder, release: Release, hotline: Callable[[], Hotline]) -> None:
        self._folder = folder
        self._release = release
        self._hotline = hotline
        self._pbx = Pbx(release, street_of(folder))
        self._secret = secrets.token_urlsafe(24)

    async def live(self) -> None:
        """Build, play, and clean up.

        :raises AmiError: its Asterisk is gone. :raises StartError: it does not start.
        """
        try:
            port = await _wholly(self._build)
            async with (
                await Session.open(port, LOGIN, self._secret) as session,
                asyncio.TaskGroup() as tasks,
            ):
                conductor = Conductor(self._folder, session, self._hotline, random.Random())
                tasks.create_task(conductor.run(), name="conductor")
                tasks.create_task(asyncio.to_thread(self._learn_to_speak), name="voices")
        finally:
            await _wholly(self._clear)

    def _build(self) -> int:
        """Start the Asterisk of the street; returns the port of its AMI."""
        self._pbx.stop()  # one that outlived its conductor
        port = free_tcp(self._hotline().network.ami + 1)
        etc = self._pbx.root / "etc"
        shutil.rmtree(etc, ignore_errors=True)
        etc.mkdir(mode=0o700, parents=True)
        for name, text in self.files(port).items():
            (etc / name).write_text(text, "utf-8")
        self._pbx.start()
        return port

    def _clear(self) -> None:
        """Everybody hangs up, then the Asterisk of the street ends."""
        try:
            self._pbx.ask("channel request hangup all")
            end = time.monotonic() + GOODBYE
            while self._pbx.status().channels and time.monotonic() < end:
                time.sleep(0.02)
        except (NotRunning, TimeoutError):
            pass  # it never ran, has ended, or is frozen: stop() knows
        self._pbx.stop()

    def files(self, ami: int) -> dict[str, str]:
        """Every file of its etc/: name -> text."""
        values = self._values() | {"ami": ami, "login": LOGIN, "secret": self._secret}
        return files(values, OWN)

    def _values(self) -> dict[str, object]:
        hotline, voices = self._hotline(), _voices()
        first = hotline.network.rtp_last + 1
        names = [name for name in MODULES if name not in UNUSED]
        return {
            "line": hotline.line,
            "network": msgspec.structs.replace(
                hotline.network, rtp_first=first, rtp_last=first + STREET_RTP - 1
            ),
            "port": hotline.trunks[TRUNK].port,
            "pbx": self._pbx.root,
            "modules": loadable(self._release.modules, names),
            "phones": phones(self._folder),
            "sounds": self._pbx.root / "sounds",
            "caller_context": CALLER,
            "phone_context": PHONE,
        } | {f"{people}_say": len(voice.sentences) for people, voice in voices.items()}

    def _learn_to_speak(self) -> None:
        """Make the sentences audible; only the first time takes a moment."""
        for people, voice in _voices().items():
            texts = {str(at): text for at, text in enumerate(voice.sentences, 1)}
            folder = self._pbx.root / "sounds" / people
            prompts.prepare(self._release, folder, texts, voice.voice)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Voice(msgspec.Struct):
    """Whose voice (a name of espeak-ng), and what it says."""

    voice: str
    sentences: list[str]


def _voices() -> dict[str, Voice]:
    return msgspec.toml.decode((OWN / "voices.toml").read_bytes(), type=dict[str, Voice])


async def _wholly(function: Callable[[], Result]) -> Result:
    """Run in a thread to its end, even when cancelled meanwhile: nothing is left half done."""
    task = asyncio.create_task(asyncio.to_thread(function))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with open(root / "street.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LineError(f"a street is played on {root} already") from None
        yield
