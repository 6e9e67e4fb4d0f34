"""Who may enter: whoever brings the token of `ict app --token`, once in the address and then in a cookie.

The gate stands before everything that is served, websocket, uploads and pictures included. Without a
token (`ict.files.entry_token`) there is no gate.
"""

import hashlib
import hmac
import html
import threading
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import streamlit as st
from starlette.datastructures import Headers, QueryParams
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ict.files.entry_token import is_wanted, wanted_token
from ict_app.common import asked

PARAMETER = "token"  # of an address
_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_NONE = (
    "This app asks for a token: open the address that <code>ict app --token</code> printed, or add\n"
    "<code>?token=…</code> to this one, with what the token file holds."
)
_AGAIN = '<meta http-equiv="refresh" content="0; url={place}">Opening the app …'
_stands = threading.Event()  # before this process


def gate() -> list[Middleware]:
    """The gate, where visitors need a token. Raises InputError for a token that is none."""
    token = wanted_token()
    return [] if token is None else [Middleware(Entrance, token=token)]


def require_gate() -> None:
    """Draws nothing where a token is wanted and no gate stands before this process."""
    if is_wanted() and not _stands.is_set():
        st.error("This server asks for a token and was started without the gate: use ict app.")
        st.stop()


class Entrance:
    """Passes on what comes with the token; a health check passes without."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()
        made = hmac.new(self._token, b"the cookie of ict app", hashlib.sha256).hexdigest()
        # A name of its own: the ports of one host share their cookies.
        self._name, self._value = f"ict_{made[:8]}", made[8:]
        _stands.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not asked.is_request(scope) or asked.is_health_check(scope) or self._is_known(scope):
            await self._app(scope, receive, send)
        else:
            await asked.refuse(self._answer(scope), scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        """Whether the request has the cookie or, as programs send it, `Authorization: Bearer TOKEN`."""
        came = HTTPConnection(scope)
        bearer = came.headers.get("authorization", "").removeprefix("Bearer ")
        brings_token = self._is_token(_query(scope).get(PARAMETER))
        return not brings_token and (
            _same(came.cookies.get(self._name, ""), self._value.encode()) or self._is_token(bearer)
        )

    def _is_token(self, given: str | None) -> bool:
        return given is not None and _same(given, self._token)

    def _answer(self, scope: Scope) -> Response:
        """To one who brings the token in the address, or nothing."""
        if self._is_token(_query(scope).get(PARAMETER)):
            answer: Response = RedirectResponse(_place(scope), 303, _HEADERS)
            answer.set_cookie(
                self._name, self._value, httponly=True, samesite="strict", secure=_is_secure(scope)
            )
            return answer
        if _by_link(Headers(scope=scope)):
            place = html.escape(_place(scope))
            return asked.page("One moment", _AGAIN.format(place=place), 401, **_challenge())
        return asked.page("Token wanted", _NONE, 401, **_challenge())


def _same(given: str, wanted: bytes) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted)


def _query(scope: Scope) -> QueryParams:
    return QueryParams(scope.get("query_string", b""))


def _place(scope: Scope) -> str:
    """The path and query that were asked for, without the token; never another host (`//host`)."""
    path = quote("/" + scope["path"].lstrip("/\\"))
    rest = [(key, value) for key, value in _query(scope).multi_items() if key != PARAMETER]
    return path + ("?" + urlencode(rest) if rest else "")


def _by_link(headers: Headers) -> bool:
    """Whether a link on another site led here: then a browser keeps a strict cookie to itself.

    Asked for once more, by our own page, it sends it.
    """
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    return site == "cross-site" and mode == "navigate"


def _is_secure(scope: Scope) -> bool:
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "")
    return scope.get("scheme") in ("https", "wss") or forwarded == "https"


def _challenge() -> Mapping[str, str]:
    return {"www_authenticate": 'Bearer realm="ict"', "referrer_policy": "no-referrer"}
