"""Sheets: the list, the search, one sheet to read. One page for all three, without script."""

import asyncio

from aiohttp import web

from ..kb import marks
from .keys import SEARCHER
from .pages import page

QUERY_MAX = 200


async def sheets(request: web.Request) -> web.Response:
    """``?q=`` searches, ``?topic=`` lists a topic, neither lists the latest."""
    return await _page(request, "")


async def sheet(request: web.Request) -> web.Response:
    return await _page(request, request.match_info["slug"])


async def _page(request: web.Request, slug: str) -> web.Response:
    searcher = request.app[SEARCHER]
    query, topic = request.query.get("q", "")[:QUERY_MAX].strip(), request.query.get("topic")
    found, topics, opened = await asyncio.gather(
        searcher.search(query), searcher.topics(), searcher.page(slug) if slug else _nothing()
    )
    if slug and opened is None:
        raise web.HTTPNotFound
    entries = await searcher.list_sheets(topic) if topic is not None and not query else None
    return page(
        request,
        "sheets.html",
        place="sheets",
        query=query,
        topic=topic,
        topics=topics,
        results=found,
        entries=entries,
        opened=opened,
        html=marks.to_html,
    )


async def _nothing() -> None:
    return None
