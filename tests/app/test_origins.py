"""Whose pages may click in the app: its own; not those of other ports of this machine."""

import http.client
from collections.abc import Iterator

import pytest

from tests.app.served import Server

NAME, PROXY = "ict.example.org", "https://ict.example.org"
FOREIGN = (
    "http://localhost:9999", "http://127.0.0.1:9999", "http://localhost", "http://0.0.0.0:{port}",
    "http://[::1]:9999", "https://evil.example", "https://127.0.0.1", "null", "file://",
    "http://127.0.0.1:{port}.evil.example", "http://evil.example@127.0.0.1:{port}",
    "http://127.0.0.1:{port}/", "ws://127.0.0.1:{port}", "http://127.0.0.1:x", "http://ict.example.org:9999",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("origins")
    told = {"ALLOWED_HOSTS": f"localhost 127.0.0.1 ::1 {NAME}", "CORS_ALLOWED_ORIGINS": PROXY}
    named = {f"STREAMLIT_SERVER_{name}": text for name, text in told.items()}
    # Whoever asked the internet for this machine's address would fail, and be heard of in the log.
    found = Server(folder / "store", folder, http_proxy="http://127.0.0.1:9", **named)
    yield found
    found.stop()
    assert "external IP" not in (folder / "server.log").read_text()


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_opens_no_websocket(server: Server, origin: str) -> None:
    origin = origin.format(port=server.port)
    for host in (f"127.0.0.1:{server.port}", f"localhost:{server.port}", NAME):
        assert server.handshake(host, origin=origin) == 403


def test_a_page_of_the_app_opens_one(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert server.handshake(f"{host}:{server.port}") == 101
        assert server.handshake(f"{host}:7000") == 101  # through a tunnel from another port
    assert server.handshake(NAME) == 101
    assert server.handshake(NAME, origin=PROXY) == 101
    assert server.handshake(f"{NAME}:443", origin=PROXY) == 101
    assert server.handshake(f"127.0.0.1:{server.port}", origin=PROXY) == 101  # the proxy's own Host
    assert server.handshake(f"127.0.0.1:{server.port}", origin="") == 101  # no browser


def test_another_origin_gets_no_answer_by_http_either(server: Server) -> None:
    def asked(method: str, path: str, **headers: str) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers["access-control-allow-origin"]

    for method, path in (
        ("GET", "/_stcore/health"), ("GET", "/_stcore/host-config"), ("GET", "/_stcore/metrics"),
        ("GET", "/media/x"), ("GET", "/component/x/y"), ("PUT", "/_stcore/upload_file/x/y"),
        ("OPTIONS", "/_stcore/upload_file/x/y"), ("DELETE", "/_stcore/upload_file/x/y"),
    ):  # fmt: skip
        assert asked(method, path, Origin="http://localhost:9999") == (403, None)
    # Without an origin: no upload without Streamlit's token, and nothing that others may read.
    assert asked("PUT", "/_stcore/upload_file/x/y")[0] == 403
    assert asked("DELETE", "/_stcore/upload_file/x/y")[0] == 403
    assert asked("GET", "/media/x") == (404, None)
    assert asked("GET", "/component/x/y") == (404, None)
    assert asked("GET", "/_stcore/host-config") == (200, None)


def test_streamlit_by_itself_lets_in_every_port_and_asks_the_internet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why the gate is there, and when it can go."""
    from streamlit import net_util
    from streamlit.web.server.server_util import is_url_from_allowed_origins

    asked: list[str] = []
    monkeypatch.setattr(net_util, "_external_ip", None)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, **_: asked.append(url))
    assert is_url_from_allowed_origins("http://localhost:9999")
    assert is_url_from_allowed_origins("http://127.0.0.1:9999")
    assert asked == []
    assert not is_url_from_allowed_origins("https://evil.example")
    assert "checkip" in asked[0]
