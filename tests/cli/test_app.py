"""`ict app` with real processes: it ends with its server, and answers the hosts that it was told."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ict.cli import app as command
from ict.cli import main
from ict.cli.app import entry_token, host_names, own_names
from ict.errors import InputError
from ict.files.entry_token import read_token

SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
SERVED = """
import os, signal, subprocess, sys, time
{ignore}
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
below = subprocess.Popen(sleep)
detached = subprocess.Popen(sleep, start_new_session=True)
print(os.getpid(), below.pid, detached.pid, flush=True)
time.sleep(60)
"""
HEARD = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # also below nohup
PARENT = """
import os, sys
from ict.cli import child
child.GRACE_SECONDS = 0.5
raise SystemExit(child.Child([sys.executable, "-c", sys.argv[1]], os.environ).run())
"""


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives(pid)


@contextlib.contextmanager
def parent(
    ignore: str = "", *, before: str = HEARD
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    command = [sys.executable, "-c", before + PARENT, SERVED.format(ignore=ignore)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    try:
        yield process, pids
    finally:
        for pid in [process.pid, *pids]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_server_and_what_it_started_but_no_detached_run(number: int) -> None:
    with parent() as (process, (served, below, detached)):
        process.send_signal(number)
        code = process.wait(10)
        # A Python of its own that got SIGINT ends as Python does; `ict` makes 130 of it.
        assert code == (-signal.SIGINT if number == signal.SIGINT else 128 + number)
        assert ends(served)
        assert ends(below)
        assert lives(detached)


def test_a_server_that_does_not_listen_is_killed() -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with parent(ignore) as (process, (served, below, _)):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
        assert ends(served)
        assert ends(below)


def test_what_nohup_ignores_stays_ignored() -> None:
    nohup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    with parent(before=nohup) as (process, (served, *_)):
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        assert lives(served)


def test_a_server_that_ends_gives_its_exit_code() -> None:
    for last, code in (("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)):
        served = f"import os, sys; {last}"
        command = [sys.executable, "-c", PARENT, served]
        assert subprocess.run(command, check=False).returncode == code


@pytest.fixture
def served_app(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    command = [sys.executable, "-m", "ict", "app", "--no-browser", "--port", str(port)]
    command += ["--host", "ict.example.org, *.lab.example"]
    environment = {**os.environ, "ICT_STORE": str(tmp_path / "store")}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
            break
        time.sleep(0.1)
    yield process, port
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def handshake(port: int, *, host: str, origin: str) -> int:
    """HTTP status of the answer to a browser at `origin` whose proxy passes on `host`."""
    lines = ["GET /_stcore/stream HTTP/1.1", f"Host: {host}", f"Origin: {origin}"]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(200).split()[1])


def page(port: int, host: str) -> int:
    """HTTP status of the page for a visitor who came by `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status


def test_the_app_answers_its_hosts_and_leaves_no_server_behind(
    served_app: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = served_app
    at = f"127.0.0.1:{port}"
    assert handshake(port, host=at, origin=f"http://{at}") == 101
    assert handshake(port, host=f"localhost:{port}", origin=f"http://localhost:{port}") == 101
    named = "ict.example.org"
    assert handshake(port, host=f"{named}:{port}", origin=f"http://{named}:{port}") == 101
    assert handshake(port, host=at, origin=f"https://{named}") == 101  # a proxy with its own Host
    assert handshake(port, host="b.lab.example", origin="https://b.lab.example") == 101
    assert handshake(port, host="evil.example", origin="http://evil.example") == 403
    for host in (at, f"localhost:{port}", f"[::1]:{port}", named, "b.lab.example"):
        assert page(port, host) == 200
    assert page(port, "evil.example") == 421
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert (
        "ict: the app answers under localhost, 127.0.0.1, ::1, ict.example.org, *.lab.example; for "
        "another host name (a proxy's, this machine's) start it with --host NAME"
    ) in said
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_host_names_are_names() -> None:
    assert host_names(("A.example,b", "b, *.c.d")) == ("a.example", "b", "*.c.d")
    assert host_names(()) == ()
    for wrong in ("http://a.example", "a:8501", "*", "a b", "", "-a", "a,,b"):
        with pytest.raises(InputError, match="is no host name: write the name that stands in"):
            host_names((wrong,))


def test_an_address_to_listen_at_is_a_number_and_visitors_may_write_it() -> None:
    assert own_names("0.0.0.0") == own_names("127.0.0.1") == own_names("::1") == ()
    assert own_names("192.168.1.5") == ("192.168.1.5",)
    with pytest.raises(InputError, match=r"--address 'me' is no IP address: choose 127\.0\.0\.1"):
        own_names("me")
    said = CliRunner().invoke(main, ["app", "--host", "http://a", "--json"])
    assert said.exit_code == 2
    assert said.stdout.startswith('{"error": "--host \'http://a\' is no host name')


TOKEN = "a-token-of-24-characters"


def started(
    monkeypatch: pytest.MonkeyPatch, *words: str, **environment: str
) -> tuple[str, list[str], dict[str, str]]:
    """What `ict app` says, and the command and the environment of the server that it starts."""
    asked: list[tuple[list[str], dict[str, str]]] = []

    class Child:
        def __init__(self, served: list[str], given: dict[str, str]) -> None:
            asked.append((served, given))

        def run(self) -> int:
            return 0

    monkeypatch.setattr(command, "Child", Child)
    for name in ("ICT_TOKEN", "ICT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    said = CliRunner().invoke(main, ["app", *words], env=environment)
    assert said.exit_code == 0, said.output
    return said.stderr, *asked[0]


def test_a_token_is_drawn_anew_and_told_to_the_server_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    for words in (["--port", "8600"], ["--address", "0.0.0.0"], ["--address", "::1"]):
        said, served, environment = started(
            monkeypatch, "--token", "auto", *words, ICT_TOKEN_FILE="x"
        )
        token = environment["ICT_TOKEN"]
        assert f"/?token={token}\n" in said
        assert token not in " ".join(served)
        assert "ICT_TOKEN_FILE" not in environment
        assert (
            served[served.index("--server.headless") + 1] == "true"
        )  # ps shows a browser's address
        drawn.append((token, said.partition("open ")[2].partition("/?")[0]))
    assert len({token for token, _ in drawn}) == 3
    assert all(len(token) > 40 for token, _ in drawn)
    places = [place for _, place in drawn]
    assert places == ["http://127.0.0.1:8600", "http://localhost:8501", "http://[::1]:8501"]


def test_the_token_of_a_file_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"  {TOKEN}\n")
    monkeypatch.chdir(tmp_path)
    for words, environment in (
        (["--token", "token"], {"ICT_TOKEN": "another-token-of-mine"}),
        ([], {"ICT_TOKEN_FILE": "token"}),
    ):
        said, served, given = started(monkeypatch, *words, **environment)
        assert TOKEN not in said + " ".join(served)
        assert "/?token=… once, with what" in said
        assert (given["ICT_TOKEN_FILE"], given.get("ICT_TOKEN")) == (str(tmp_path / "token"), None)
    said, served, given = started(monkeypatch)
    assert "token" not in said
    assert "ICT_TOKEN_FILE" not in given
    assert served[served.index("--server.headless") + 1] == "false"


@pytest.mark.parametrize(
    "content", ["", "short", "a" * 501, "two words of a token", "à" * 20, "a" * 20 + "\0"]
)
def test_what_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(InputError, match="holds no token: write 16 to 500 letters"):
        read_token(tmp_path / "token")
    with pytest.raises(InputError, match="holds no token"):
        entry_token(None, {"ICT_TOKEN": content or "x"})
    for wrong in ("", str(tmp_path), str(tmp_path / "missing")):  # never an app without a gate
        with pytest.raises(InputError, match="name a file that holds the token"):
            entry_token(wrong, {})
