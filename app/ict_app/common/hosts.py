"""What a visitor is told who comes by a host name that this server does not answer.

Streamlit refuses the websocket of such a visitor (`server.allowedHosts`, which closes DNS rebinding)
but gives out its page all the same, which without the websocket stays blank.
"""

import html

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from ict_app.common import asked

_MOST_SHOWN = 255  # characters, the longest name that there can be
_SAID = (
    "This app does not answer {host}. Start it with <code>ict app --host NAME</code>, with the name that\n"
    "you came by; behind a proxy that passes on another name, with both: <code>--host NAME,NAME</code>."
)


class UnknownHost:
    """Answers requests for other hosts than Streamlit's own check lets in, with a page that says so.

    The check is that of the websocket, so nobody is refused here for whom the app would work. A
    health check passes, as a proxy asks by whatever name it has for the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not asked.is_request(scope) or _is_answered(scope):
            await self._app(scope, receive, send)
        else:
            await asked.refuse(_refusal(scope), scope, receive, send)


def _is_answered(scope: Scope) -> bool:
    return asked.is_health_check(scope) or is_host_allowed(Headers(scope=scope).get("host"))


def _refusal(scope: Scope) -> HTMLResponse:
    """421 Misdirected Request: this server does not speak for that host (RFC 9110, 15.5.20)."""
    host = Headers(scope=scope).get("host")
    named = f"the host <b>{html.escape(host[:_MOST_SHOWN])}</b>" if host else "requests of no host"
    return asked.page("Unknown host", _SAID.format(host=named), 421)
