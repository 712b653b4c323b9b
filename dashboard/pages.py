"""Rendering whole pages, and what every page's frame needs."""

from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from . import clock
from .assets import url
from .keys import ACCOUNT, HOTLINE, STREAM, WORDS
from .settings import PASSWORD_MIN
from .words import LANGUAGES, NAMES

TEMPLATES = Path(__file__).with_name("templates")
DESIGNED = {400, 401, 403, 404, 500, 503}  # errors with words of their own


def set_up(app: web.Application) -> jinja2.Environment:
    """Strict: a name that does not exist is an error, not an empty place."""
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "asset": url,
        "duration": clock.duration,
        "iso": clock.iso,
        "long_date": clock.long_date,
        "password_min": PASSWORD_MIN,
        "languages": [(code, NAMES[code]) for code in LANGUAGES],
    }
    return environment


def page(
    request: web.Request, template: str, place: str = "", status: int = 200, **context: Any
) -> web.Response:
    """A page in the person's language; ``place`` is the tab that is lit."""
    words = request[WORDS]
    frame = {
        "t": words,
        "language": words.language,
        "line": request.app[HOTLINE]().line.name,
        "account": request[ACCOUNT],
        "place": place,
        "path": request.path_qs if request.method == "GET" else "/",
        "opening": request.app[STREAM].opening(words.language),
    }
    response = aiohttp_jinja2.render_template(template, request, frame | context, status=status)
    response.headers["Content-Language"] = words.language
    response.headers["Vary"] = "Accept-Language, Cookie"
    response.enable_compression()
    return response


def error_page(request: web.Request, status: int, named: str = "") -> web.Response:
    """What happened, what it means for callers, what to do. ``named``: its words, else those of
    the status.
    """
    named = named or str(status if status in DESIGNED else (500 if status >= 500 else 400))
    return page(request, "error.html", status=status, code=status, named=named)
