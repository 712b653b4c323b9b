"""What the application and a request carry, typed."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from ..hotline import Hotline
from ..kb.searcher import Searcher
from ..records.folder import Folder
from .accounts import Account
from .sessions import Sessions
from .stream import Stream
from .tries import Tries
from .words import Words

COUNTING = web.AppKey("counting", asyncio.Lock)  # one report at a time
FOLDER = web.AppKey("folder", Folder)
HOTLINE: web.AppKey[Callable[[], Hotline]] = web.AppKey("hotline")
SPEECH: web.AppKey[Callable[[str], str]] = web.AppKey("speech")  # text -> sentence
SEARCHER = web.AppKey("searcher", Searcher)
STREAM = web.AppKey("stream", Stream)
SESSIONS = web.AppKey("sessions", Sessions)
TRIES = web.AppKey("tries", Tries)
ROLES: web.AppKey[dict[web.AbstractRoute, frozenset[str]]] = web.AppKey("roles")

ACCOUNT: web.RequestKey[Account | None] = web.RequestKey("account")
WORDS: web.RequestKey[Words] = web.RequestKey("words")
