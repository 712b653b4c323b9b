"""Waiting for a human: music, a word now and then, and a ring at the first chance.

While a caller waits or rings, Asterisk holds a lease on the call: if this
service freezes, the lease runs out and the dialplan takes the caller into its
own queue. During a conversation there is none: talking is Asterisk's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ..records import dialplan, kinds
from ..records.events import MICRO, now, steady, stepped
from ..records.opening import CLOSED
from .channel import Channel, HungUp
from .flow import BACK, MARGIN, Endings, ask, closed, speak
from .hunt import Hunt, Turn
from .known import DAY
from .line import Line, Who
from .message import turn_away
from .promise import PATIENCE, promise
from .switchboard import Caller, Offer

LEASE = 20  # seconds
RENEW = 8.0  # seconds between two renewals
ECHO = 1.0  # seconds in which nobody has heard a question: a key is the one before, twice
NOBODY = 4.0  # seconds without anybody there before the caller is told so


class Wait:
    """One caller's wait in one queue. Instants are microseconds UTC.

    :param hush: ends the sentence that a channel (by name) listens to.
    """

    def __init__(
        self,
        hunt: Hunt,
        channel: Channel,
        line: Line,
        queue: str,
        who: Who,
        hush: Callable[[str], None],
    ) -> None:
        self._hunt = hunt
        self._channel = channel
        self._line = line
        self._who = who
        self._hush = hush
        queues = line.hotline.queues  # an apply may have removed the queue since the menu
        self._name = queue if queue in queues else line.hotline.menu.default
        self._queue = queues[self._name]
        self._since = self._said = steady()
        self._caller = self._place()
        self._alone_since = 0  # since when nobody is there who could answer

    async def run(self) -> None:
        """Wait until nobody can answer or it has been too long; a conversation is a HungUp."""
        await self._channel.note(kinds.QUEUED, self._name)
        if self._full():
            return await self._turn_away()
        gone = asyncio.create_task(self._channel.gone())
        try:
            if not self._join().offer.done():
                await self._say("wait")
                if await self._promised():
                    return
            await self._until_answered(gone)
        finally:
            gone.cancel()
            self._hunt.leave(self._channel.call)

    async def _until_answered(self, gone: asyncio.Task[None]) -> None:
        while True:
            offer = await self._offer(self._join(), gone)
            if offer is not None:
                await self._ring(offer)
                await self._channel.music(True)
            elif self._cleared:
                return await self._clear()
            elif self._over(steady()):
                return await self._dismiss("overflow", "too-long")
            elif self._alone(steady()):
                return await self._dismiss("refused-empty", "nobody")
            else:
                await self._say("still")
                if await self._promised():
                    return
                self._said = steady()

    def _full(self) -> bool:
        most = self._queue.max_waiting
        return most is not None and self._hunt.waiting_for(self._name) >= most

    async def _turn_away(self) -> None:
        """Too many wait already: a call-back if they can have one, else an honest sentence."""
        rules = self._line.hotline.callbacks
        if rules and rules.waiting and self._who.back:
            began = steady()
            key = await ask(self._channel, self._line, "callback-full", PATIENCE)
            if key and steady() - began < ECHO * MICRO:
                key = await ask(self._channel, self._line, "callback-full", PATIENCE)
            where = (self._who, self._name, self._arrived)
            if key == BACK and await promise(self._channel, self._line, *where):
                return
        await turn_away(self._channel, self._line, self._name, "full", "full")

    def _join(self) -> Turn:
        return self._hunt.wait_for(self._caller)

    def _place(self) -> Caller:
        """Who waits: what they ask for, whether they are owed an answer, who helped them last."""
        token, rules, known = self._who.token, self._line.hotline.agents, self._line.known
        owed = bool(token) and token in known.owed
        helper = ""
        if token and rules.same_helper:
            helper = self._hunt.helper(known.helper(token, now() - rules.same_helper * DAY))
        return Caller(
            call=self._channel.call,
            queue=self._name,
            since=self._since,
            agent=helper,
            anyone_at=self._since + rules.same_helper_wait * MICRO if helper else 0,
            skills=self._who.skills,
            credit=self._queue.repeat_first * MICRO if owed else 0,
            token=token,
        )

    async def _offer(self, turn: Turn, gone: asyncio.Task[None]) -> Offer | None:
        """An offer; None when something is to be said or the wait is over."""
        while not turn.offer.done() and not self._cleared:
            await self._channel.lease(LEASE)
            self._look_around()
            either: set[asyncio.Future[Any]] = {turn.offer, gone, self._line.turned}
            patience = self._patience(steady())
            await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise HungUp
            at = steady()
            if not turn.offer.done() and self._is_time(at):
                return None
        return turn.offer.result() if turn.offer.done() else None

    async def _ring(self, offer: Offer) -> None:
        """Ring; returns when nobody has answered. A conversation ends with HungUp."""
        phones = [self._hunt.phone(agent) for agent in offer.agents]
        seconds = offer.ring_time
        if longer := self._hunt.longer(offer.agents):  # who must press 1 first
            self._channel.remember(**{f"_{dialplan.RING}": str(seconds)})
            seconds += longer
        await self._channel.lease(seconds + MARGIN)  # the phone that answers ends it
        status = await self._channel.ring(phones, seconds)
        if self._caller.agent in offer.agents:  # whoever helped last time does not pick up
            self._caller = replace(self._caller, agent="", anyone_at=0)
        self._hunt.ended(self._channel.call, status)

    async def _say(self, prompt: str) -> None:
        """A sentence between the music; an offer cuts it short."""
        await self._until_cut(speak(self._channel, self._line, prompt, dialplan.STOP))

    async def _promised(self) -> bool:
        """Whether the caller wishes to be called back, and is promised so: the wait is over."""
        rules = self._line.hotline.callbacks
        if not (rules and rules.waiting and self._who.back) or self._join().offer.done():
            return False
        asked = ask(self._channel, self._line, "callback-offer", PATIENCE)
        if await self._until_cut(asked) != BACK or self._join().offer.done():
            return False
        self._hunt.leave(self._channel.call)
        return await promise(self._channel, self._line, self._who, self._name, self._arrived)

    async def _until_cut(self, sentence: Awaitable[str]) -> str:
        """A sentence that ends when there is an offer; then music again."""
        offer = self._join().offer
        offer.add_done_callback(self._cut)
        try:
            key = await sentence
        finally:
            offer.remove_done_callback(self._cut)
        await self._channel.music(True)
        return key

    def _cut(self, offer: asyncio.Future[Offer]) -> None:
        if not offer.cancelled():
            self._hush(self._channel.name)

    async def _dismiss(self, outcome: str, prompt: str) -> None:
        self._hunt.leave(self._channel.call)
        await turn_away(self._channel, self._line, self._name, outcome, prompt)

    @property
    def _arrived(self) -> int:
        """When the wait began, by the clock of the record: what a promise keeps the place of."""
        return self._since + stepped()

    @property
    def _cleared(self) -> bool:
        """Whether the switch that closes the queue is for those, too, who wait in it."""
        switch = self._line.opening.switch(self._line.at, self._name)
        return switch is not None and switch.state == CLOSED and switch.clears

    async def _clear(self) -> None:
        """Tell one who waits what a new caller is told, and offer the same."""
        self._hunt.leave(self._channel.call)
        await self._channel.music(False)
        line, switch = self._line, self._line.opening.switch(self._line.at, self._name)
        first = line.said(switch) or "closed"
        where = (self._channel, line, self._who, self._name)
        await closed(*where, Endings(promise, turn_away), self._arrived, first)

    def _look_around(self) -> None:
        if self._hunt.somebody_there(self._channel.call):
            self._alone_since = 0
        elif not self._alone_since:
            self._alone_since = steady()

    def _is_time(self, at: int) -> bool:
        return self._over(at) or self._alone(at) or self._silent(at)

    def _over(self, at: int) -> bool:
        return at - self._since >= self._queue.max_wait * MICRO

    def _alone(self, at: int) -> bool:
        return bool(self._alone_since) and at - self._alone_since >= NOBODY * MICRO

    def _silent(self, at: int) -> bool:
        return at - self._said >= self._queue.announce_every * MICRO

    def _patience(self, at: int) -> float:
        """Seconds until something may have to be done."""
        ends = [self._since + self._queue.max_wait * MICRO]
        ends.append(self._said + self._queue.announce_every * MICRO)
        if self._alone_since:
            ends.append(self._alone_since + int(NOBODY * MICRO))
        return min(RENEW, max(0.0, (min(ends) - at) / MICRO))
