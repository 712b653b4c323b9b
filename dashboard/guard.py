"""What stands before every view: safe headers, the Origin of forms, sessions, roles, errors.

A route without a declared role is refused; tests/test_dashboard_roles.py finds it earlier.
"""

import sqlite3
import traceback
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from .accounts import BEGINNER
from .keys import ACCOUNT, HOTLINE, ROLES, SESSIONS, WORDS
from .pages import error_page
from .sessions import is_secure
from .settings import LANGUAGE_COOKIE
from .words import choose, words

log = structlog.get_logger(__name__)

SAFE_METHODS = ("GET", "HEAD")
REFUSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)  # not our fault
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
FOR_GOOD = "public, max-age=31536000, immutable"


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; a signal, so that streams and files have them, too."""
    response.headers.update(HEADERS)
    if is_secure(request):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.path.startswith("/static/") and response.status == 200:
        named = "v" in request.query or request.path.endswith(".woff2")
        response.headers["Cache-Control"] = FOR_GOOD if named else "no-cache"
    else:
        response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error becomes a page that says what happened and what to do."""
    default = request.app[HOTLINE]().line.language
    accept = request.headers.get("Accept-Language", "")
    request[WORDS] = words(choose(request.cookies.get(LANGUAGE_COOKIE), accept, default))
    request[ACCOUNT] = None
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_page(request, error.status)
    except ConnectionResetError:
        raise  # the browser went away; nobody is left to be told
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in REFUSING:
            return _failed(request)
        log.error("the database refuses", route=_route_name(request), reason=str(error))
        return error_page(request, 503, "busy")
    except Exception:  # the edge of a request: the caller on the phone notices nothing
        return _failed(request)


def _failed(request: web.Request) -> web.Response:
    # As text: a log that shows local variables would show what somebody typed.
    log.error("page failed", route=_route_name(request), trace=traceback.format_exc())
    return error_page(request, 500)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign forms, find out who asks, and check the route's roles."""
    check_origin(request)
    route = request.match_info.route
    account = request[ACCOUNT] = request.app[SESSIONS].find(request)
    if request.match_info.http_exception is not None:
        raise request.match_info.http_exception  # 404 or 405: there is no such route
    roles = request.app[ROLES].get(route)
    if roles is None:
        log.error("a route has no role", route=_route_name(request))
        raise web.HTTPForbidden
    if roles and account is None:
        raise _ask_to_sign_in(request)
    if roles and account and not roles & account.roles:
        if BEGINNER in account.roles and request.method in SAFE_METHODS:
            raise web.HTTPSeeOther("/welcome")
        raise web.HTTPForbidden
    if request.method not in SAFE_METHODS:
        await _read_form(request)
    return await handler(request)


async def _read_form(request: web.Request) -> None:
    """Views find it read already. :raises HTTPBadRequest: it is no form, whatever it is."""
    try:
        await request.post()
    except (ValueError, LookupError, web.RequestPayloadError):
        # Bytes that are no text, no such charset, torn parts, packed badly.
        raise web.HTTPBadRequest from None


def check_origin(request: web.Request) -> None:
    """A form of another site must not act in somebody's name.

    Browsers send Sec-Fetch-Site, Origin, or both with every unsafe request; one that has
    neither is refused, too.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own = f"{'https' if is_secure(request) else 'http'}://{request.host}"
    if site is None and origin is None:
        raise web.HTTPForbidden
    if (site is not None and site != "same-origin") or (origin is not None and origin != own):
        raise web.HTTPForbidden


def is_own_path(path: str) -> bool:
    """Whether a path is safe to go on to after signing in: one of this site's own."""
    printable = path.isprintable() and "\\" not in path
    return printable and path[:1] == "/" and path[:2] != "//" and not urlsplit(path).netloc


def _ask_to_sign_in(request: web.Request) -> web.HTTPException:
    if request.method in SAFE_METHODS and "text/html" in request.headers.get("Accept", ""):
        return web.HTTPSeeOther(f"/sign-in?next={quote(request.path_qs, safe='')}")
    return web.HTTPUnauthorized()


def _route_name(request: web.Request) -> str:
    """The pattern of the route, never what stands in its place."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
