"""A server with a token: every endpoint asks for it, once it was brought a cookie opens all of them."""

import asyncio
import http.client
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.app.conftest import ROOT
from tests.app.served import READY, Server, browser

TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("token")
    (folder / "token").write_text(f"{TOKEN}\n")
    found = Server(folder / "store", folder, ICT_TOKEN_FILE=str(folder / "token"))
    yield found
    found.stop()


def asked(
    server: Server, path: str, method: str = "GET", **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


def cookie_of(server: Server) -> str:
    """What a browser sends back after it has come with the token."""
    return str(asked(server, f"/?token={TOKEN}").headers["set-cookie"]).partition(";")[0]


def endpoints() -> list[tuple[str, str]]:
    """(method, path) of everything that Streamlit serves, by its own list of routes."""
    from streamlit.web.server.starlette.starlette_app import create_streamlit_routes

    found = [("GET", "/"), ("GET", "/channels"), ("GET", "/static/index.js"), ("PROPFIND", "/any")]
    for route in create_streamlit_routes(MagicMock()):
        path = re.sub(r"{[^}]*}", "x", str(getattr(route, "path", "")))
        found += [(method, path or "/") for method in getattr(route, "methods", None) or ["GET"]]
    return sorted(set(found))


def test_every_endpoint_asks_for_the_token(server: Server) -> None:
    cookie = cookie_of(server)
    listed = endpoints()
    paths = {path for _, path in listed}
    assert {"/_stcore/stream", "/_stcore/upload_file/x/x", "/media/x", "/component/x"} <= paths
    assert {"/_stcore/host-config", "/_stcore/metrics", "/_stcore/agent/mcp"} <= paths
    for method, path in listed:
        open_to_all = path == "/_stcore/health"
        assert (asked(server, path, method).status == 401) != open_to_all, (method, path)
        assert asked(server, path, method, Cookie=cookie).status != 401, (method, path)
    host = f"127.0.0.1:{server.port}"
    assert server.handshake(host) == 403
    assert server.handshake(host, cookie=cookie) == 101
    assert server.handshake(host, cookie=cookie + "0") == 403


def test_who_brings_no_token_reads_one_sentence(server: Server) -> None:
    for path in ("/", "/?token=", "/channels?token=another-token-of-24-char", f"/?other={TOKEN}"):
        answer = asked(server, path)
        text = answer.text  # type: ignore[attr-defined]
        assert (answer.status, "<script" in text, "set-cookie" in answer.headers) == (
            401,
            False,
            False,
        )
        assert "This app asks for a token: open the address that <code>ict app --token" in text
        assert TOKEN not in text
    assert asked(server, "/_stcore/health").status == 200
    assert asked(server, "/", Authorization=f"Bearer {TOKEN}").status == 200
    assert asked(server, "/", Authorization=TOKEN + "x").status == 401


def test_the_token_is_asked_for_once_and_leaves_the_address(server: Server) -> None:
    answer = asked(server, f"/channels?of=a%20b&token={TOKEN}&of=c")
    assert answer.status == 303
    assert answer.headers["location"] == "/channels?of=a+b&of=c"
    assert answer.headers["referrer-policy"] == "no-referrer"
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert TOKEN not in name
    assert asked(server, "/", Cookie=name).status == 200
    behind_tls = {"X-Forwarded-Proto": "https"}
    assert "; Secure" in asked(server, f"/?token={TOKEN}", **behind_tls).headers["set-cookie"]


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%5cevil.example/a"])
def test_no_token_leads_to_another_host(server: Server, path: str) -> None:
    place = asked(server, f"{path}?token={TOKEN}").headers["location"]
    assert re.match(r"/[a-z]", place)


def test_a_server_that_is_told_of_a_token_and_has_no_gate_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ict_app.common import entrance
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(entrance, "_stands", threading.Event())
    monkeypatch.setenv("ICT_STORE", str(tmp_path))
    monkeypatch.setenv("ICT_TOKEN", TOKEN)
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()
    assert [one.value for one in app.error] == [
        "This server asks for a token and was started without the gate: use ict app."
    ]
    assert not app.title


def test_two_tokens_have_two_cookies() -> None:
    from ict_app.common.entrance import Entrance

    def cookie(token: str) -> str:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        query = f"token={token}".encode()
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": query}
        asyncio.run(Entrance(MagicMock(), token)(scope, MagicMock(), send))
        return dict(sent[0]["headers"])[b"set-cookie"].decode()

    one, other = (cookie(letter * 20).partition("=") for letter in "ab")
    assert one[0] != other[0]
    assert one[2] != other[2]


@pytest.fixture
def elsewhere(server: Server) -> Iterator[str]:
    """A page of another site (127.0.0.1 for a server that is `localhost`) with links into the app."""
    links = [f'<a href="http://localhost:{server.port}{path}">{name}</a>' for name, path in LINKS]

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(" ".join(links).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{page.server_port}/"
        page.shutdown()


LINKS = [("invited", f"/curves?token={TOKEN}"), ("known", "/channels")]


@pytest.mark.browser
def test_a_link_on_another_site_leads_in_with_the_token_and_after_it_without(
    server: Server, elsewhere: str
) -> None:
    with browser() as chrome:
        page = chrome.new_page()
        page.goto(elsewhere)
        page.get_by_role("link", name="known").click()
        page.get_by_role("heading", name="Token wanted").wait_for()
        for name, title in (("invited", "Curves"), ("known", "Channels")):
            page.goto(elsewhere)
            page.get_by_role("link", name=name).click()
            page.get_by_test_id("stMain").get_by_role("heading", name=title).first.wait_for()
            page.wait_for_selector(READY)
            assert "token" not in page.url
        assert page.evaluate("document.cookie").find("ict_") == -1
