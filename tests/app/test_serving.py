"""What is served, to whom, and what the container does; nothing here starts a browser."""

import asyncio
import contextlib
import http.client
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.app.conftest import ROOT
from tests.app.served import Server

ANSWERED = ("localhost", "127.0.0.1:80", "LocalHost.:8501", "[::1]:8501")
UNKNOWN = ("evil.example", "evil.example:8501", "localhost.evil.example", "10.0.0.5", "a@localhost")


def test_only_this_machine_is_served_and_nothing_is_reported() -> None:
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["allowedHosts"] == ["localhost", "127.0.0.1", "::1"]
    assert config["server"]["enableXsrfProtection"] is True
    assert config["browser"]["gatherUsageStats"] is False


def test_no_file_of_the_app_hides_a_module() -> None:
    names = {path.stem for path in (ROOT / "app").glob("*.py")}
    names |= {path.name for path in (ROOT / "app").iterdir() if path.is_dir()} - {"__pycache__"}
    taken = set(sys.stdlib_module_names) | {
        "ict",
        "streamlit",
        "plotly",
        "pandas",
        "numpy",
        "torch",
    }
    assert not names & taken


def test_no_module_of_the_app_imports_torch() -> None:
    files = (ROOT / "app" / "ict_app").rglob("[a-z]*.py")
    modules = sorted(path.relative_to(ROOT / "app").with_suffix("").parts for path in files)
    assert len(modules) > 5
    imports = "; ".join(f"import {'.'.join(parts)}" for parts in modules)
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'app')!r}); {imports}; "
    code += "import ict.running.local, ict.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_pages_are_short() -> None:
    lines = {
        path.name: len(path.read_text().splitlines()) for path in (ROOT / "pages").glob("*.py")
    }
    assert all(count <= 80 for count in lines.values()), lines


def test_app_command_serves_the_same_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from ict.cli import app, main

    asked: list[list[str]] = []

    class Child:
        def __init__(self, command: list[str], _environment: object) -> None:
            asked.append(command)

        def run(self) -> int:
            return 0

    monkeypatch.setattr(app, "Child", Child)
    assert CliRunner().invoke(main, ["app", "--port", "8600"]).exit_code == 0
    assert asked[0][1:5] == ["-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    assert "--server.allowedHosts" not in asked[0]  # the app's own configuration holds


def test_everything_that_the_container_copies_is_there_and_not_ignored() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        name for line in re.findall(r"^COPY (.+)$", dockerfile, re.M) for name in line.split()[:-1]
    }
    assert copied == kept
    assert all(Path(ROOT / name).exists() for name in copied)


def test_the_container_runs_as_a_user_with_volumes_and_a_health_check() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.index("USER 1000:1000") < dockerfile.index('CMD ["streamlit"')
    assert 'VOLUME ["/store", "/data"]' in dockerfile
    assert "HEALTHCHECK" in dockerfile
    assert "ARG TORCH_INDEX" in dockerfile


def test_compose_names_only_what_the_dockerfile_has_and_publishes_to_this_machine_alone() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert service["build"]["context"] == "."
        assert all(
            f"ARG {argument}=" in dockerfile for argument in service["build"].get("args", ())
        )
        inside = {mount.split(":")[-1 - mount.endswith(":ro")] for mount in service["volumes"]}
        assert inside <= {"/store", "/data"}, name
        (port,) = service["ports"]
        assert port.startswith("127.0.0.1:")
        assert f"EXPOSE {port.rsplit(':', 1)[1]}" in dockerfile
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert compose["services"]["published"]["environment"] == {"ICT_READ_ONLY": "1"}
    assert compose["services"]["published"]["volumes"] == ["store:/store:ro"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "main.py").write_text("raise SystemExit('another main')")
    found = Server(elsewhere / "store", elsewhere)
    yield found
    found.stop()


def asked(server: Server, host: str, path: str = "/") -> tuple[int, str]:
    """HTTP status and text of a page for a visitor who came by `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("host", UNKNOWN)
def test_a_visitor_by_an_unknown_host_reads_what_to_do(server: Server, host: str) -> None:
    for path in ("/", "/channels?of=a", "/_stcore/host-config"):
        status, page = asked(server, host, path)
        assert status == 421
        text = " ".join(re.sub("<[^>]*>", "", page.partition("<h1>")[2]).split())
        assert text == (
            f"Unknown host This app does not answer the host {host}. Start it with ict app --host "
            "NAME, with the name that you came by; behind a proxy that passes on another name, with "
            "both: --host NAME,NAME."
        )
        assert "<script" not in page
    assert server.handshake(host) == 403


@pytest.mark.parametrize("host", ANSWERED)
def test_a_visitor_by_a_known_host_gets_the_app(server: Server, host: str) -> None:
    for path in ("/", "/channels"):
        status, page = asked(server, host, path)
        assert status == 200
        assert "<script" in page
    assert server.handshake(host) == 101


def test_a_host_name_is_no_markup(server: Server) -> None:
    status, page = asked(server, '<script>"&')
    assert status == 421
    assert "<b>&lt;script&gt;&quot;&amp;</b>" in page
    assert len(asked(server, "a" * 5000)[1]) < 1000


def test_a_health_check_may_come_by_any_host(server: Server) -> None:
    assert asked(server, "evil.example", "/_stcore/health") == (200, "ok")


def passed(monkeypatch: pytest.MonkeyPatch, hosts: list[str], base: str, path: str) -> bool:
    """Whether a request for evil.example comes to the app that is below."""
    from ict_app.common.hosts import UnknownHost
    from streamlit import config

    options = {"server.allowedHosts": hosts, "server.baseUrlPath": base}
    monkeypatch.setattr(config, "get_option", options.__getitem__)
    came: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        came.append(scope["path"])

    async def ignored(_message: Any) -> None:
        pass

    headers = [(b"host", b"evil.example")]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    asyncio.run(UnknownHost(app)(scope, ignored, ignored))
    return came == [path]


def test_no_list_of_hosts_lets_everybody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passed(monkeypatch, [], "", "/")
    assert passed(monkeypatch, ["*"], "", "/")
    assert passed(monkeypatch, ["*.example"], "", "/")
    assert not passed(monkeypatch, ["localhost"], "", "/")


def test_a_health_check_below_a_path_may_come_by_any_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passed(monkeypatch, ["localhost"], "/ict/", "/ict/_stcore/health")
    assert not passed(monkeypatch, ["localhost"], "ict", "/ict/")
    assert not passed(monkeypatch, ["localhost"], "", "/other/_stcore/health")


@pytest.mark.parametrize(
    ("given", "listens", "opened"),
    [
        ({}, "127.0.0.1", ["http://127.0.0.1:8600"]),
        ({}, "0.0.0.0", ["http://localhost:8600"]),
        ({}, None, ["http://localhost:8600"]),
        ({"browser.serverAddress": "my.host"}, "0.0.0.0", ["http://my.host:8600"]),
        ({"server.headless": True}, "127.0.0.1", []),
    ],
)
def test_a_browser_opens_with_the_server(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], listens: str | None, opened: list[str]
) -> None:
    from ict_app.common import browser
    from streamlit import cli_util, config

    options = {"server.headless": False, "server.address": listens, "server.sslCertFile": None}
    options |= {"browser.serverPort": 8600, "server.baseUrlPath": "", **given}
    options["global.developmentMode"] = False
    monkeypatch.setattr(config, "get_option", options.__getitem__)
    monkeypatch.setattr(config, "is_manually_set", given.__contains__)
    urls: list[str] = []
    monkeypatch.setattr(cli_util, "open_browser", urls.append)

    async def serve() -> None:
        async with browser.opened(None):
            await asyncio.sleep(0)

    asyncio.run(serve())
    assert urls == opened
