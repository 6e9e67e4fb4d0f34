"""What a visitor is told who comes by a host name that this server does not answer.

Streamlit refuses the websocket of such a visitor (`server.allowedHosts`, which closes DNS rebinding)
but gives out its page all the same, which without the websocket stays blank.
"""

import html

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

_MOST_SHOWN = 255  # characters, the longest name that there can be
_POLICY_VIOLATION = 1008
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ict: unknown host</title></head>
<body style="max-width: 40em; margin: 3em auto; padding: 0 1em; font-family: sans-serif">
<h1>Unknown host</h1>
<p>This app does not answer {host}. Start it with <code>ict app --host NAME</code>, with the name that
you came by; behind a proxy that passes on another name, with both: <code>--host NAME,NAME</code>.</p>
</body></html>
"""


class UnknownHost:
    """Answers requests for other hosts than Streamlit's own check lets in, with a page that says so.

    The check is that of the websocket, so nobody is refused here for whom the app would work. A
    health check passes, as a proxy asks by whatever name it has for the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_answered(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)
        else:
            await _refusal(scope)(scope, receive, send)


def _is_answered(scope: Scope) -> bool:
    base = config.get_option("server.baseUrlPath").strip("/")
    health = f"/{base}/_stcore/health" if base else "/_stcore/health"
    return scope["path"] == health or is_host_allowed(Headers(scope=scope).get("host"))


def _refusal(scope: Scope) -> HTMLResponse:
    """421 Misdirected Request: this server does not speak for that host (RFC 9110, 15.5.20)."""
    host = Headers(scope=scope).get("host")
    named = f"the host <b>{html.escape(host[:_MOST_SHOWN])}</b>" if host else "requests of no host"
    return HTMLResponse(_PAGE.format(host=named), 421, headers={"cache-control": "no-store"})
