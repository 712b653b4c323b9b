"""Every address of the page, and who may open it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from . import (
    blocked_page,
    board_page,
    calendar,
    figures_page,
    ledger_page,
    presence_page,
    promises,
    sheets_page,
    shifts_page,
    signin,
    switching,
    voicemail,
    welcome_page,
)
from .accounts import AGENT, BEGINNER, COORDINATOR
from .keys import ROLES

STATIC = Path(__file__).with_name("static")

PUBLIC: frozenset[str] = frozenset()  # anybody, signed in or not
PLEDGED = frozenset({COORDINATOR, AGENT})  # callers' numbers and voices: who accepted the charter
MEMBERS = PLEDGED | {BEGINNER}
COORDINATORS = frozenset({COORDINATOR})
SHIFT, DATE = r"/shifts/{shift:[0-9]{1,9}}", r"{date:[0-9]{4}-[0-9]{2}-[0-9]{2}}"

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

ROUTES: tuple[tuple[str, str, View, frozenset[str]], ...] = (
    ("GET", "/", board_page.board, MEMBERS),
    ("GET", "/stream", board_page.follow, MEMBERS),
    ("POST", "/switch", switching.throw, COORDINATORS),
    ("GET", "/ledger", ledger_page.show, PLEDGED),
    (
        "POST",
        r"/ledger/{caller:[0-9a-f]{32}}/{act:claim|release|tried|close|reopen}",
        ledger_page.act,
        PLEDGED,
    ),
    ("POST", r"/ledger/{caller:[0-9a-f]{32}}/call", promises.call, PLEDGED),
    ("POST", r"/ledger/{caller:[0-9a-f]{32}}/later", promises.later, PLEDGED),
    ("POST", r"/callbacks/{caller:[0-9a-f]{32}}/cancel", promises.cancel, PLEDGED),
    ("GET", r"/messages/{call:[A-Za-z0-9.-]{1,80}}", voicemail.hear, PLEDGED),
    ("POST", r"/messages/{call:[A-Za-z0-9.-]{1,80}}/remove", voicemail.remove, PLEDGED),
    ("GET", "/me", presence_page.card, MEMBERS),
    ("POST", "/me", presence_page.declare, MEMBERS),
    ("GET", "/presence", presence_page.show, COORDINATORS),
    (
        "POST",
        r"/presence/{agent:[a-z0-9][a-z0-9_-]{0,39}}",
        presence_page.declare_for,
        COORDINATORS,
    ),
    ("GET", "/shifts", shifts_page.show, MEMBERS),
    ("POST", "/shifts", shifts_page.plan, COORDINATORS),
    ("POST", rf"{SHIFT}/{DATE}/{{act:sign-up|withdraw}}", shifts_page.come, MEMBERS),
    ("POST", rf"{SHIFT}/{DATE}/{{act:cancel|restore}}", shifts_page.cancel, COORDINATORS),
    ("POST", rf"{SHIFT}/set", shifts_page.change, COORDINATORS),
    ("POST", rf"{SHIFT}/{{act:remove|keep}}", shifts_page.remove, COORDINATORS),
    ("POST", r"/shifts/calendar/{whose:mine|team}/{act:renew|revoke}", shifts_page.link, MEMBERS),
    ("GET", r"/calendar/{secret:[A-Za-z0-9_-]{32}}.ics", calendar.feed, PUBLIC),
    ("GET", "/blocked", blocked_page.show, COORDINATORS),
    ("POST", "/blocked", blocked_page.add, COORDINATORS),
    ("POST", r"/blocked/{caller:[0-9a-f]{32}}/remove", blocked_page.remove, COORDINATORS),
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
    ("GET", r"/join/{secret:[A-Za-z0-9_-]{20,64}}", welcome_page.join, PUBLIC),
    ("POST", r"/join/{secret:[A-Za-z0-9_-]{20,64}}", welcome_page.join_with, PUBLIC),
    ("GET", "/welcome", welcome_page.show, MEMBERS),
    ("GET", "/welcome/state", welcome_page.state, MEMBERS),
    ("POST", "/welcome/charter", welcome_page.accept, MEMBERS),
    ("POST", "/welcome/phone", welcome_page.rekey, MEMBERS),
    ("POST", "/welcome/heard", welcome_page.confirm, MEMBERS),
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
