"""The page's application: put together here, served here, wired by commands/serve.py."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web

from ..hotline import Hotline
from ..kb.searcher import Searcher
from ..records.folder import Folder
from ..records.journal import Journal
from . import assets
from .board import Board
from .guard import errors, guard, harden
from .keys import COUNTING, FOLDER, HOTLINE, SEARCHER, SESSIONS, SPEECH, STREAM, TRIES
from .pages import set_up
from .routes import add_routes
from .sessions import Sessions
from .settings import BODY_MAX
from .stream import Stream
from .tries import Tries

log = structlog.get_logger(__name__)

STOP = 0.5  # seconds that an answer under way may take when the service stops


def make_app(
    folder: Folder,
    hotline: Callable[[], Hotline],
    journal: Journal,
    node: str = "",
    speech: Callable[[str], str] = lambda text: "",
) -> web.Application:
    """The whole page. ``hotline`` gives the configuration in force; it is asked often.

    The database must have been prepared by records, kb and dashboard; ``node`` is the name
    of this machine, for logs. ``speech`` makes a text into a sentence of the line and names it.
    """
    connection = journal.open_reader()
    sessions = Sessions(folder.database, connection)
    app = web.Application(client_max_size=BODY_MAX, middlewares=[errors, guard])
    app[FOLDER], app[HOTLINE], app[TRIES] = folder, hotline, Tries()
    app[COUNTING] = asyncio.Lock()
    app[SPEECH] = speech
    app[SESSIONS] = sessions
    app[SEARCHER] = Searcher(folder.database)
    board = Board(connection, hotline, lambda: journal.trouble)
    app[STREAM] = Stream(journal, board, set_up(app), sessions.alive)
    add_routes(app)
    app.on_response_prepare.append(harden)
    app.on_shutdown.append(_end_streams)
    app.cleanup_ctx.append(_live)
    app.on_cleanup.append(lambda app: app[SEARCHER].aclose())
    app.on_cleanup.append(lambda app: asyncio.to_thread(connection.close))
    for missing in assets.missing():
        log.warning("a file of the page is missing; it works, plainer", file=missing, node=node)
    return app


async def serve(app: web.Application, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; ``ready`` gets the address. Port 0 takes a free one.

    :raises OSError: the port is taken.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        name, bound = runner.addresses[0][:2]
        ready(f"http://[{name}]:{bound}/" if ":" in name else f"http://{name}:{bound}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _live(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[STREAM].run(), name="live board")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _end_streams(app: web.Application) -> None:
    app[STREAM].close()
