"""What only the flows know of a call, straight into the journal.

A fact that Asterisk writes into its channel event log costs it a transaction and
us a round trip; here the facts of a moment go into the journal together. The ids are
those that the recorder gives, so it does not matter who is first, nor that some come twice.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from ..records import dialplan, kinds
from ..records.events import Event, now, of_call
from ..records.store import Entry
from ..records.writer import JournalFull
from .call import AgiChannel

MOMENT = 0.02  # seconds for which facts are gathered; no caller waits for them
log = structlog.get_logger(__name__)

Submit = Callable[..., "asyncio.Future[None]"]


class Notes:
    """The facts of one line's calls."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._gathered: list[Entry] = []

    def take(self, channel: AgiChannel, kind: str, words: Sequence[str]) -> bool:
        """Have a fact written down; does not wait for the disk."""
        if not channel.endpoint.startswith(dialplan.TRUNK):
            return False
        if kind == kinds.KNOWN:  # the first one: the recorder may not have seen the call yet
            trunk = channel.endpoint.removeprefix(dialplan.TRUNK)
            body = {"trunk": trunk, "did": channel.dialled}
            self.gather(self._event(channel, kinds.ARRIVED, channel.began, body))
        body = dialplan.body_of(kind, words)
        self.gather(self._event(channel, kind, now(), body, *words))
        return True

    def gather(self, entry: Entry) -> None:
        """Hand something over in a moment, together with what else comes."""
        if not self._gathered:
            asyncio.get_running_loop().call_later(MOMENT, self.flush)
        self._gathered.append(entry)

    def flush(self) -> None:
        """Hand over what is gathered."""
        events, self._gathered = self._gathered, []
        if events:
            try:
                self._submit(*events).add_done_callback(_complain)
            except JournalFull as error:
                log.error("facts of calls not written", events=len(events), reason=str(error))

    def _event(
        self, channel: AgiChannel, kind: str, at: int, body: dict[str, str], *words: str
    ) -> Event:
        return of_call(channel.call, channel.call, kind, at, body, *words)


def _complain(written: "asyncio.Future[None]") -> None:
    if not written.cancelled() and (error := written.exception()):
        log.error("facts of calls not written", reason=str(error))
