"""The board's page and its stream."""

from dataclasses import dataclass

from aiohttp import HttpVersion11, web

from ..records.events import now
from ..records.presence import MINUTES
from ..records.switch import LONGEST
from .accounts import COORDINATOR
from .keys import ACCOUNT, HOTLINE, STREAM, WORDS
from .pages import page
from .presence_page import card_of
from .state import LISTS


@dataclass(frozen=True)
class Typed:
    """What somebody has typed into the form of the switch."""

    until: str = ""
    queue: str = ""
    say: str = ""
    clears: bool = False


async def board(request: web.Request) -> web.Response:
    """Complete at the first paint; the script only keeps it so."""
    return await render(request)


async def render(
    request: web.Request, problem: str = "", typed: Typed | None = None, status: int = 200
) -> web.Response:
    """The board; ``problem``: why the switch was not thrown."""
    account = request[ACCOUNT]
    stream = request.app[STREAM]
    pieces = stream.page(request[WORDS].language)
    rows = [piece for id, piece in pieces.items() if id.startswith("call-")]
    queues = [piece for id, piece in pieces.items() if id.startswith("queue-")]
    pills: dict[str, list[str]] = {name: [] for name in LISTS.values()}
    for agent in sorted(stream.board.state.agents.values(), key=lambda agent: agent.order):
        if agent.id in pieces:
            pills[agent.list].append(pieces[agent.id])
    return page(
        request,
        "board.html",
        place="board",
        pieces=pieces,
        rows=rows,
        queues=queues,
        pills=pills,
        now=now() // 1000,
        level=stream.board.state.hotline.line.service_level,
        every="all" in request.query,
        me=await card_of(request),
        minutes=MINUTES,
        status=status,
        problem=problem,
        typed=typed or Typed(),
        longest=LONGEST,
        may_switch=account is not None and COORDINATOR in account.roles,
        choices=[(name, queue.label) for name, queue in request.app[HOTLINE]().queues.items()],
    )


async def follow(request: web.Request) -> web.StreamResponse:
    """Server-sent events: a snapshot, then patches, until the page or the session ends."""
    account, stream = request[ACCOUNT], request.app[STREAM]
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.force_close()  # when the stream ends there is nothing more to ask for
    chunked = request.version >= HttpVersion11
    if chunked:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(b":\n\n")  # the headers leave with the first bytes
    if request.transport is None or account is None:
        return response
    language, session = request[WORDS].language, account.session
    follower = stream.join(request.transport, language, session, chunked)
    if follower is None:
        return response
    try:
        await follower.ended.wait()  # bounded by the session and by every heartbeat
    finally:
        stream.leave(follower)
    return response
