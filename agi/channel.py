"""What a flow can do with a call, whatever carries it."""

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol


class HungUp(Exception):
    """The caller is gone; the flow ends here."""


class ChannelError(Exception):
    """Asterisk refused a command or did not answer in time."""


class Channel(Protocol):
    """One call. Every method raises :class:`HungUp` when the caller is gone."""

    @property
    def call(self) -> str:
        """The channel's unique id, which is also the linked id of the call."""
        ...

    @property
    def endpoint(self) -> str:
        """The PJSIP endpoint behind the channel: a trunk's or an agent's."""
        ...

    @property
    def dialled(self) -> str:
        """The number of ours that the caller has dialled."""
        ...

    async def lease(self, seconds: int) -> None:
        """Let Asterisk take the call back unless renewed in time; 0 ends the lease."""
        ...

    async def from_header(self) -> str:
        """The From header as received, percent-encoding intact."""
        ...

    def remember(self, **variables: str) -> None:
        """Set channel variables, together with the next lease or by :meth:`settle`."""
        ...

    async def settle(self) -> None:
        """Set now what is to be remembered."""
        ...

    async def note(self, kind: str, *words: str) -> None:
        """A fact of the call's story, for the journal."""
        ...

    async def answer(self) -> None: ...

    @property
    def name(self) -> str:
        """Asterisk's name of the channel, for whoever acts on it from outside."""
        ...

    async def say(self, prompt: str, keys: str = "") -> str:
        """Say a sentence; one of ``keys`` interrupts it and is returned."""
        ...

    async def ask(self, prompt: str, patience: float) -> str:
        """Say a sentence and wait for one key, ``patience`` seconds after its end."""
        ...

    async def music(self, on: bool) -> None: ...

    async def ring(self, phones: Sequence[str], seconds: int) -> str:
        """Ring phones (records/dialplan.py names them); return DIALSTATUS when nobody has answered.

        When one answers, the conversation ends the call: :class:`HungUp`.
        """
        ...

    async def record(self, path: Path, longest: int, silence: int) -> None:
        """Record the caller into ``path``: until #, a silence, or ``longest`` seconds. Its ending
        is the kind: ``.wav`` 8 kHz, ``.wav16`` 16 kHz.

        Who hangs up ends it, too: :class:`HungUp`, and the file is there.
        """
        ...

    async def play(self, path: Path, keys: str) -> str:
        """Play a recording; one of ``keys`` interrupts it and is returned."""
        ...

    async def dial(self, endpoint: str, number: str, shown: str, seconds: int) -> str:
        """Call somebody outside over a trunk's endpoint; return DIALSTATUS when they do not answer.

        When they do, the conversation ends the call: :class:`HungUp`. They see ``shown``.
        """
        ...

    def gone(self) -> Coroutine[Any, Any, None]:
        """Return when the caller has hung up."""
        ...
