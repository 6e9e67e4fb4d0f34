"""Whose pages may click here: those of the app itself.

A browser says in `Origin` whose page asks: at each websocket, and at each request from one site to
another. Streamlit compares host names alone. It lets in the page of whatever else is served on
`localhost`, on another port, and for a name that it does not know it asks a server on the internet for this
machine's address, while the whole app waits.
"""

import html
import logging
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server import server_util
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from ict.errors import quoted
from ict_app.common import asked

_MOST_SHOWN = 300  # characters
_PORTS = {"http": 80, "https": 443}
_SAID = (
    "A page of <b>{origin}</b> asked for the app, which answers its own pages alone. A proxy has to pass the\n"
    "visitor's host and port on as <code>Host</code>."
)
_LOG = logging.getLogger("ict")


class ForeignOrigin:
    """Refuses what the page of another origin asks for, websocket or not.

    Who sends no `Origin` passes: browsers send it wherever a page could do harm, others send what they
    like. So do all where `server.enableCORS` is off.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = Headers(scope=scope).getlist("origin") if asked.is_request(scope) else []
        if not origins or server_util.allow_all_cross_origin_requests():
            await self._app(scope, receive, send)
        elif len(origins) == 1 and is_own(origins[0], Headers(scope=scope).get("host")):
            await self._app(_by_own_name(scope, origins[0]), receive, send)
        else:
            _LOG.warning("ict: refused a page of %s", quoted(", ".join(origins)))
            shown = html.escape(", ".join(origins)[:_MOST_SHOWN])
            answer = asked.page("Another site", _SAID.format(origin=shown), 403)
            await asked.refuse(answer, scope, receive, send)


def is_own(origin: str, host: str | None) -> bool:
    """Whether a page of `origin` is the app's: of the host and port asked for, or a proxy's own address.

    A proxy's address is one of `server.corsAllowedOrigins`, to the letter.
    """
    if origin in server_util.allowlisted_origins():
        return True
    where = _parts(origin)
    if where is None or host is None:
        return False
    named = _parts(f"{where.scheme}://{host}")
    return named is not None and _place(where) == _place(named)


def _parts(origin: str) -> SplitResult | None:
    """Scheme, host and port of an address of HTTP without anything else; None for what is none."""
    try:
        found = urlsplit(origin)
        _ = found.port  # raises ValueError for what is none
    except ValueError:
        return None
    plain = f"{found.scheme}://{found.netloc}" == origin and "@" not in found.netloc
    return found if plain and found.scheme in _PORTS and found.hostname else None


def _place(where: SplitResult) -> tuple[str | None, int]:
    return where.hostname, where.port or _PORTS[where.scheme]


def _by_own_name(scope: Scope, origin: str) -> Scope:
    """The request as if its proxy had passed on the name in `origin`, where the app has that name.

    Otherwise Streamlit would ask the internet what this machine's address is.
    """
    name = urlsplit(origin).netloc
    if scope["type"] != "websocket" or not is_host_allowed(name):
        return scope
    others = [(key, value) for key, value in scope["headers"] if key.lower() != b"host"]
    return {**scope, "headers": [*others, (b"host", name.encode("latin-1"))]}
