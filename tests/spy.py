"""A channel that notes what is done to it, and no Asterisk."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from decroche.agi.channel import ChannelError, HungUp
from decroche.records import messages

Step = tuple[str, ...]


class Spy:
    """A channel. ``keys`` are pressed at the sentences of those names, ``gone_at`` one hangs up."""

    def __init__(self, keys: Sequence[tuple[str, str]] = (), gone_at: str = "") -> None:
        self.call, self.endpoint = "1795402635.3", "ana"
        self.dialled = "0900000000"
        self.name = "PJSIP/ana-00000001"
        self.done: list[Step] = []
        self._keys = list(keys)
        self._gone_at = gone_at
        self.says = 0  # seconds of the message that is recorded
        self.sender = "<sip:+33655667788@example.org>"

    def _heard(self, prompt: str) -> str:
        self.done.append(("say", prompt))
        if prompt == self._gone_at:
            raise HungUp
        if self._keys and self._keys[0][0] == prompt:
            return self._keys.pop(0)[1]
        return ""

    async def lease(self, seconds: int) -> None:
        self.done.append(("lease", str(seconds)))

    async def from_header(self) -> str:
        return self.sender

    def remember(self, **variables: str) -> None:
        self.done += [("set", name, value) for name, value in variables.items()]

    async def settle(self) -> None:
        self.done.append(("settle",))

    async def note(self, kind: str, *words: str) -> None:
        self.done.append(("note", kind, *words))

    async def answer(self) -> None:
        self.done.append(("answer",))

    async def say(self, prompt: str, keys: str = "") -> str:
        key = self._heard(prompt)
        return key if key in keys else ""

    async def ask(self, prompt: str, patience: float) -> str:
        return self._heard(prompt)

    async def music(self, on: bool) -> None:
        self.done.append(("music", str(on)))

    async def ring(self, phones: Sequence[str], seconds: int) -> str:
        raise ChannelError("nobody rings here")

    async def record(self, path: Path, longest: int, silence: int) -> None:
        self.done.append(("record", path.name, str(longest), str(silence)))
        if self.says:
            path.write_bytes(bytes(messages.HEADER + messages.BYTES * self.says))
        if self._gone_at == "record":
            raise HungUp

    async def play(self, path: Path, keys: str) -> str:
        return self._heard(path.name)

    async def dial(self, endpoint: str, number: str, shown: str, seconds: int) -> str:
        raise ChannelError("nobody is called here")

    async def gone(self) -> None:
        await asyncio.Event().wait()

    def of(self, *kinds_: str) -> list[Step]:
        return [step for step in self.done if step[0] in kinds_]
