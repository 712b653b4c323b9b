"""What a flow knows of the line it serves."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..hotline import Hotline, prompt_texts
from ..records import recordings
from ..records.events import Event
from ..records.folder import Folder
from ..records.opening import Opening, Switch, Switches, as_instant
from ..records.outside import may_dial
from ..records.switched import SAID
from ..records.tokens import number_of, token
from .known import Known

AGAIN = 30.0  # seconds
NEWS = "information"  # has no text of its own: whoever records it has it said
# Bytes of one second of sound, by the format's ending.
BYTES = {
    ".alaw": 8_000,
    ".ulaw": 8_000,
    ".g722": 8_000,
    ".gsm": 1_650,
    ".sln": 16_000,
    ".wav": 16_000,
    ".sln16": 32_000,
    ".wav16": 32_000,
}


@dataclass(frozen=True)
class Who:
    """Who calls: a token, empty when the number is withheld; ``back``: they can be called back.

    ``skills``: what the choice that they made in the menu asks for.
    """

    token: str = ""
    back: bool = False
    skills: frozenset[str] = frozenset()


@dataclass
class Line:
    """The applied hotline, its people, and a way to append to the journal.

    ``prompts`` is the folder of the sentences, ``folder`` the line's own. ``key`` is the secret
    behind the callers' tokens (hex). ``knows`` tells whether a name is an agent's. ``append``
    returns when the event is durable. ``keep`` is told the number behind a token, once.
    ``notices`` gives the prompts of what an agent should know who declares to be available.
    ``enter``
    says which prompt a call of a caller is refused with, if any (limits.py).
    """

    hotline: Hotline
    prompts: Path
    key: str
    knows: Callable[[str], bool]
    append: Callable[[Event], Awaitable[None]]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    switches: Switches = field(default_factory=dict)
    keep: Callable[[str, str], None] = lambda number, caller: None
    enter: Callable[[str, str], str] = lambda call, caller: ""
    folder: Folder = field(default_factory=lambda: Folder(Path("/nowhere")))
    known: Known = field(default_factory=Known)
    notices: Callable[[str], list[str]] = lambda agent: []
    _opening: Opening | None = None
    _turned: asyncio.Future[None] | None = None
    _said_by: Hotline | None = None
    _texts: dict[str, str] = field(default_factory=dict)
    _lengths: dict[str, int] = field(default_factory=dict)
    _looked: tuple[float, int] = (0.0, 0)

    def has(self, prompt: str) -> bool:
        """Whether there is such a sentence to say."""
        if self._said_by is not self.hotline:
            self._said_by, self._texts = self.hotline, prompt_texts(self.hotline)
        if prompt == NEWS and prompt not in self._texts:
            return self.seconds(prompt) > 0
        return prompt in self._texts or prompt.startswith(SAID)

    def seconds(self, prompt: str) -> int:
        """How long a sentence lasts at most, from the size of its sound files. Looked up anew
        when the folder has changed, and after half a minute.
        """
        now, changed = time.monotonic(), _changed(self.prompts)
        if changed != self._looked[1] or now - self._looked[0] > AGAIN:
            self._looked = now, changed
            self._lengths.clear()
        if prompt not in self._lengths:
            self._lengths[prompt] = self._measure(prompt)
        return self._lengths[prompt]

    def _measure(self, prompt: str) -> int:
        if prompt == NEWS and prompt not in self._texts and not self._recorded(prompt):
            return 0
        found = [path.stat().st_size // BYTES[path.suffix] for path in self._sounds(prompt)]
        return max(found, default=0) + 1

    def _sounds(self, prompt: str) -> Iterator[Path]:
        return (path for path in self.prompts.glob(f"{prompt}.*") if path.suffix in BYTES)

    def _recorded(self, prompt: str) -> bool:
        noted, made = recordings.notes(self.prompts), recordings.drafts(self.prompts)
        return bool(recordings.recorded_files(self.prompts, prompt, noted, made))

    def caller_of(self, header: str) -> Who:
        """Who calls, from a From header."""
        number = number_of(header)
        if not number:
            return Who()
        caller, rules = token(number, self.key), self.hotline.callbacks
        self.keep(number, caller)
        return Who(caller, bool(rules) and may_dial(number, rules.prefixes if rules else ()))

    def asked_by(self, key: str) -> frozenset[str]:
        """The skills that a choice of the menu asks for."""
        choices = self.hotline.menu.choices
        return frozenset(next((choice.skills for choice in choices if choice.key == key), ()))

    @property
    def back_key(self) -> str:
        """The key of the menu that asks for a call-back; empty without one."""
        return (self.hotline.callbacks.menu or "") if self.hotline.callbacks else ""

    @property
    def at(self) -> int:
        """The present instant, microseconds UTC."""
        return as_instant(self.clock())

    @property
    def opening(self) -> Opening:
        """The hours and the switches in force now."""
        known = self._opening
        if known and known.hotline is self.hotline and known.switches is self.switches:
            return known
        self._opening = Opening(self.hotline, self.switches)
        return self._opening

    def turn(self, switches: Switches) -> None:
        """Somebody has thrown a switch; who waits looks at once."""
        self.switches = switches
        if self._turned is not None and not self._turned.done():
            self._turned.set_result(None)

    @property
    def turned(self) -> asyncio.Future[None]:
        """Done when a switch is thrown; shared by all who wait."""
        if self._turned is None or self._turned.done():
            self._turned = asyncio.get_running_loop().create_future()
        return self._turned

    def said(self, switch: Switch | None) -> str:
        """What somebody has said into the switch, as a sentence; empty without a sound."""
        if switch is None or not switch.sound or not any(self._sounds(switch.sound)):
            return ""
        return switch.sound


def _changed(folder: Path) -> int:
    """When a name in a folder changed last (nanoseconds); 0 when there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
