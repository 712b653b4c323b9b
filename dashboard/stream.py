"""The live stream: what changed is painted once per language and written to every follower.

1. One task follows the journal; an event marks what it touched (board.py).
2. A patch goes out at once, or, in a burst, as soon as the pauses of those before it are over
   but for one: ten patches a second at most, and a single event waits for nothing, even
   right behind another.
3. The state is painted per language and compared with what was sent last. What differs
   becomes one message, framed for SSE and for HTTP, the same bytes for all.
4. The bytes go straight to the transports. Who does not read is dropped when UNSENT_MAX bytes
   wait, connects again, and gets a snapshot, as everybody does who (re)connects.
"""

import asyncio
import sqlite3
from collections.abc import Callable

import msgspec
import structlog
from jinja2 import Environment

from ..records.events import now
from ..records.journal import Journal
from .board import Board
from .clock import filled
from .follower import Follower, Message
from .paint import Painter, Pieces
from .settings import (
    FOLLOWERS_MAX,
    HEARTBEAT,
    LOOK,
    PAUSE,
    PAUSE_COSTS,
    REREAD,
    RESTART,
    RETRY,
)
from .words import words

log = structlog.get_logger(__name__)
_encode = msgspec.json.encode


class Edition:
    """One language: its painter, and the pieces as its followers have them."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self.pieces: Pieces = {}
        self.followers: set[Follower] = set()
        self.snapshot: tuple[float, Message] | None = None  # when made (loop time)


class Stream:
    """Owns the board, the editions and everybody who follows them."""

    def __init__(
        self,
        journal: Journal,
        board: Board,
        environment: Environment,
        alive: Callable[[set[str]], set[str]],
    ) -> None:
        self.board = board
        self._journal = journal
        self._environment = environment
        self._alive = alive
        self._editions: dict[str, Edition] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rested = 0.0  # loop time at which the pauses of all patches so far are over
        self._closing = False

    @property
    def followers(self) -> list[Follower]:
        return [one for edition in self._editions.values() for one in edition.followers]

    def page(self, language: str) -> Pieces:
        """The pieces of the present state, durations filled, for the first paint.

        :raises sqlite3.Error: the database cannot be read.
        """
        self.board.forget()  # who reloads wants to see also what no event tells
        edition = self._current(language)
        return {id: filled(piece, self.board.state.now) for id, piece in edition.pieces.items()}

    def opening(self, language: str) -> str:
        """The pill of the line alone, for pages that show nothing else of the board."""
        return self._edition(language).painter.opening(self.board.opening(), now())

    def join(
        self, transport: asyncio.Transport, language: str, session: str, chunked: bool
    ) -> Follower | None:
        """A snapshot at once, and from then on every patch. None when there is no room.

        :raises sqlite3.Error: the database cannot be read.
        """
        if self._closing or len(self.followers) >= FOLLOWERS_MAX:
            return None
        edition = self._current(language)
        follower = Follower(transport, language, session, chunked)
        follower.write(self._snapshot(edition))
        edition.followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._editions[follower.language].followers.discard(follower)
        follower.ended.set()

    def end(self, session: str) -> None:
        """End the streams of a session that was signed out."""
        for follower in self.followers:
            if follower.session == session:
                self.leave(follower)

    def close(self) -> None:
        """End every stream: the service stops."""
        self._closing = True
        if self._timer:
            self._timer.cancel()
        for follower in self.followers:
            self.leave(follower)

    async def run(self) -> None:
        """Follow the journal and the clock until cancelled."""
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._follow(), name="board follows the journal")
                    tasks.create_task(self._look(), name="board looks at the clock")
            except* Exception:
                log.exception("the live board stopped; calls go on, it starts again")
                self.board.forget()
                await asyncio.sleep(RESTART)

    async def _follow(self) -> None:
        while True:
            try:
                async for events in self._journal.follow(self.board.seq):
                    self.board.note(events)
                    self._soon()
            except sqlite3.Error as error:
                # The page keeps what it has; the journal's own trouble shows on it.
                log.error("the journal cannot be followed; trying again", reason=str(error))
                await asyncio.sleep(LOOK)

    async def _look(self) -> None:
        """What no event tells: rests that end, the hour, trouble, people, signed-out sessions."""
        loop = asyncio.get_running_loop()
        beat, reread = loop.time() + HEARTBEAT, loop.time() + REREAD
        while True:
            await asyncio.sleep(LOOK)
            try:
                self._end_revoked()
                if loop.time() >= reread:
                    reread = loop.time() + REREAD
                    self.board.forget()
                    self._soon()
                elif self.board.due(now()):
                    self._soon()
            except sqlite3.Error as error:
                log.error("the board cannot be read; trying again", reason=str(error))
            if loop.time() >= beat:
                beat = loop.time() + HEARTBEAT
                self._send(Message(b":\n\n"), self.followers)

    def _end_revoked(self) -> None:
        known = {follower.session for follower in self.followers}
        if known:
            for session in known - self._alive(known):
                self.end(session)

    def _soon(self) -> None:
        """Patch now, or when no more than one pause is still to be kept."""
        if self._timer or self._closing:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._rested - PAUSE:
            self._patch()
        else:
            self._timer = loop.call_at(self._rested - PAUSE, self._patch)

    def _patch(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer, began = None, loop.time()
        followed = [edition for edition in self._editions.values() if edition.followers]
        if not followed:
            return  # what was noted is read when somebody looks
        try:
            self.board.refresh(now())
        except sqlite3.Error as error:
            log.error("the board cannot be read; trying again", reason=str(error))
            self.board.forget()
            return
        for edition in followed:
            self._send_changes(edition)
        pause = max(PAUSE, PAUSE_COSTS * (loop.time() - began))
        self._rested = max(self._rested, began) + pause

    def _snapshot(self, edition: Edition) -> Message:
        """After a restart everybody comes at once: one snapshot serves many."""
        at = asyncio.get_running_loop().time()
        if edition.snapshot is None or at - edition.snapshot[0] > PAUSE:
            body = {"full": True, "set": list(edition.pieces.values())}
            edition.snapshot = (at, self._message(body))
        return edition.snapshot[1]

    def _send_changes(self, edition: Edition) -> None:
        before, edition.pieces = edition.pieces, edition.painter.pieces(self.board.state)
        if before != edition.pieces:
            edition.snapshot = None
        changed = [piece for id, piece in edition.pieces.items() if before.get(id) != piece]
        gone = [id for id in before if id not in edition.pieces]
        if changed or gone:
            self._send(self._message({"set": changed, "gone": gone}), list(edition.followers))

    def _current(self, language: str) -> Edition:
        """An edition that is up to date. Followers who are there already lose nothing."""
        edition = self._edition(language)
        self.board.catch_up()
        self.board.refresh(now())
        if edition.followers:
            self._send_changes(edition)
        else:
            edition.pieces, edition.snapshot = edition.painter.pieces(self.board.state), None
        return edition

    def _edition(self, language: str) -> Edition:
        if language not in self._editions:
            painter = Painter(self._environment, words(language))
            self._editions[language] = Edition(painter)
        return self._editions[language]

    def _message(self, body: dict[str, object]) -> Message:
        data = _encode({"now": now() // 1000, **body})
        return Message(b"id: %d\nretry: %d\ndata: %b\n\n" % (self.board.seq, RETRY, data))

    def _send(self, message: Message, followers: list[Follower]) -> None:
        for follower in followers:
            if not follower.write(message):
                self.leave(follower)
