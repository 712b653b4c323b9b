"""What a flow knows of the line it serves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..hotline import Hotline, prompt_texts
from ..records.events import Event
from ..records.tokens import number_of, token


@dataclass
class Line:
    """The applied hotline, its people, and a way to append to the journal.

    ``key`` is the secret behind the callers' tokens (hex). ``knows`` tells
    whether a name is an agent's. ``append`` returns when the event is durable.
    """

    hotline: Hotline
    key: str
    knows: Callable[[str], bool]
    append: Callable[[Event], Awaitable[None]]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def has(self, prompt: str) -> bool:
        """Whether there is such a sentence to say."""
        return prompt in prompt_texts(self.hotline)

    def token_of(self, header: str) -> str:
        """The caller's token from a From header; empty when withheld."""
        number = number_of(header)
        return token(number, self.key) if number else ""

    @property
    def open(self) -> bool:
        return self.hotline.is_open(self.clock())
