"""Every address of the page, and who may open it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from . import (
    board_page,
    figures_page,
    ledger_page,
    promises,
    sheets_page,
    signin,
    switching,
    voicemail,
)
from .accounts import AGENT, COORDINATOR
from .keys import ROLES

STATIC = Path(__file__).with_name("static")

PUBLIC: frozenset[str] = frozenset()  # anybody, signed in or not
MEMBERS = frozenset({COORDINATOR, AGENT})

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

ROUTES: tuple[tuple[str, str, View, frozenset[str]], ...] = (
    ("GET", "/", board_page.board, MEMBERS),
    ("GET", "/stream", board_page.follow, MEMBERS),
    ("POST", "/switch", switching.throw, frozenset({COORDINATOR})),
    ("GET", "/ledger", ledger_page.show, MEMBERS),
    (
        "POST",
        r"/ledger/{caller:[0-9a-f]{32}}/{act:claim|release|tried|close|reopen}",
        ledger_page.act,
        MEMBERS,
    ),
    ("POST", r"/ledger/{caller:[0-9a-f]{32}}/call", promises.call, MEMBERS),
    ("POST", r"/ledger/{caller:[0-9a-f]{32}}/later", promises.later, MEMBERS),
    ("POST", r"/callbacks/{caller:[0-9a-f]{32}}/cancel", promises.cancel, MEMBERS),
    ("GET", r"/messages/{call:[A-Za-z0-9.-]{1,80}}", voicemail.hear, MEMBERS),
    ("POST", r"/messages/{call:[A-Za-z0-9.-]{1,80}}/remove", voicemail.remove, MEMBERS),
    ("GET", "/sheets", sheets_page.sheets, MEMBERS),
    ("GET", r"/sheets/{slug:[a-z0-9][a-z0-9-]{0,79}}", sheets_page.sheet, MEMBERS),
    ("GET", "/figures", figures_page.show, MEMBERS),
    ("GET", "/figures.csv", figures_page.as_csv, MEMBERS),
    ("GET", "/figures.json", figures_page.as_json, MEMBERS),
    ("GET", "/start", signin.start, PUBLIC),
    ("POST", "/start", signin.start_with, PUBLIC),
    ("GET", "/sign-in", signin.form, PUBLIC),
    ("POST", "/sign-in", signin.sign_in, PUBLIC),
    ("POST", "/sign-out", signin.sign_out, MEMBERS),
    ("POST", "/language", signin.language, PUBLIC),
)


def add_routes(app: web.Application) -> None:
    """Add every route with its roles; the style, script and font files are public."""
    roles = app[ROLES] = {}
    for method, path, view, who in ROUTES:
        resource = app.router.add_resource(path)
        roles[resource.add_route(method, view)] = who
        if method == "GET" and view is not board_page.follow:
            roles[resource.add_route("HEAD", view)] = who
    for route in app.router.add_static("/static", STATIC):
        roles[route] = PUBLIC
