"""Signing in and out, the first account, and the choice of a language."""

import asyncio
from typing import Any, NoReturn

from aiohttp import web
from multidict import MultiDictProxy

from . import accounts, passwords
from .accounts import Account, AccountError
from .beginning import place_of
from .guard import is_own_path
from .keys import ACCOUNT, FOLDER, SESSIONS, STREAM, TRIES
from .pages import page
from .sessions import address_of, is_secure
from .settings import LANGUAGE_COOKIE
from .words import LANGUAGES

Form = MultiDictProxy[str | bytes | bytearray | web.FileField]


async def start(request: web.Request) -> web.Response:
    """The form of the first account; the address with the code is printed at first start."""
    code = request.query.get("code", "")
    return page(request, "start.html", code=code, name="", problem="")


async def start_with(request: web.Request) -> web.Response:
    form = await request.post()
    code, name, password = (field(form, key) for key in ("code", "name", "password"))
    tries, address = request.app[TRIES], address_of(request)
    if tries.wait("", address):
        return _too_often(request, "start.html", code=code, name=name)
    path = request.app[FOLDER].database
    try:
        account = await passwords.aside(lambda: accounts.claim(path, code.strip(), name, password))
    except AccountError as error:
        problem = str(error)
        if problem == "start.bad_code":
            tries.was_wrong("", address)
        return page(request, "start.html", status=422, code=code, name=name, problem=problem)
    await _signed_in(request, account, "/")


async def form(request: web.Request) -> web.Response:
    path = request.app[FOLDER].database
    nobody = not await asyncio.to_thread(accounts.has_accounts, path)
    return page(
        request,
        "signin.html",
        name="",
        onward=request.query.get("next", "/"),
        problem="",
        nobody=nobody,
    )


async def sign_in(request: web.Request) -> web.Response:
    form = await request.post()
    name, password, onward = (field(form, key) for key in ("name", "password", "next"))
    tries, address = request.app[TRIES], address_of(request)
    known: dict[str, Any] = {"name": name, "onward": onward, "nobody": False}
    if tries.wait(accounts.fold(name), address):
        return _too_often(request, "signin.html", **known)
    path = request.app[FOLDER].database
    tries.was_wrong(accounts.fold(name), address)  # before the wait: many at once count, too
    try:
        account = await passwords.aside(lambda: accounts.sign_in(path, name, password))
    except AccountError as error:
        return page(request, "signin.html", status=422, problem=str(error), **known)
    tries.was_right(account.name, address)
    if account.agent and onward in ("", "/"):
        place = await asyncio.to_thread(place_of, request.app[FOLDER], account.agent)
        onward = "/welcome" if place.step == "charter" else "/"
    await _signed_in(request, account, onward)


async def sign_out(request: web.Request) -> NoReturn:
    """End the session and every stream of it."""
    account, response = request[ACCOUNT], web.HTTPSeeOther("/sign-in")
    if account:
        request.app[STREAM].end(account.session)
        await request.app[SESSIONS].close(request, response, account)
    raise response


async def language(request: web.Request) -> NoReturn:
    """Remember a language in a cookie that holds nothing else."""
    form = await request.post()
    wanted, onward = field(form, "language"), field(form, "next")
    response = web.HTTPSeeOther(onward if is_own_path(onward) else "/")
    if wanted in LANGUAGES:
        secure = is_secure(request)
        response.set_cookie(
            LANGUAGE_COOKIE,
            wanted,
            max_age=31536000,
            secure=secure,
            httponly=True,
            samesite="Strict",
        )
    raise response


def field(form: Form, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


async def _signed_in(request: web.Request, account: Account, onward: str) -> NoReturn:
    # Redirected, so that reloading the next page does not send the password again.
    response = web.HTTPSeeOther(onward if is_own_path(onward) else "/")
    await request.app[SESSIONS].open(request, response, account)
    raise response


def _too_often(request: web.Request, template: str, **known: Any) -> web.Response:
    return page(request, template, status=429, problem="signin.too_often", **known)
