"""What the gates before the app look at in a request, and the page by which they refuse one."""

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import config

_POLICY_VIOLATION = 1008
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ict: {title}</title></head>
<body style="max-width: 40em; margin: 3em auto; padding: 0 1em; font-family: sans-serif">
<h1>{heading}</h1>
<p>{said}</p>
</body></html>
"""


def is_request(scope: Scope) -> bool:
    """Whether somebody asks for something; not where the server itself begins and ends."""
    return scope["type"] in ("http", "websocket")


def is_health_check(scope: Scope) -> bool:
    """Whether somebody asks if the app is up, which everybody may: a proxy or a container does."""
    base = config.get_option("server.baseUrlPath").strip("/")
    health = f"/{base}/_stcore/health" if base else "/_stcore/health"
    return scope["type"] == "http" and scope["path"] == health


def page(heading: str, said: str, status: int, **headers: str) -> HTMLResponse:
    """A page of one sentence; `said` is HTML. Nobody keeps it."""
    body = _PAGE.format(title=heading.lower(), heading=heading, said=said)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTMLResponse(body, status, headers={"cache-control": "no-store", **named})


async def refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Gives `answer`; to a websocket, which can show none, the status 403."""
    if scope["type"] == "websocket":
        await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)
    else:
        await answer(scope, receive, send)
