"""`ict docs`: what is served from a clone, and what is said without one."""

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from ict.cli import docs as command
from ict.cli import main


def test_without_a_clone_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(command, "CONFIG", tmp_path / "mkdocs.yml")
    told = CliRunner().invoke(main, ["docs"])
    assert told.exit_code == 2
    assert "the documentation is served from a clone of the repository" in told.output
    assert "Traceback" not in told.output


def test_the_words_serve_this_machine_alone_or_build_strictly(tmp_path: Path):
    served = command.mkdocs_words(8123, no_browser=True, build=None)
    assert served[-2:] == ["-a", "127.0.0.1:8123"]
    assert "--open" not in served
    assert "--open" in command.mkdocs_words(8123, no_browser=False, build=None)
    built = command.mkdocs_words(8123, no_browser=True, build=tmp_path)
    assert {"build", "--strict", str(tmp_path)} <= set(built)


@pytest.mark.slow
def test_it_serves_a_page_and_asks_nobody_else_for_anything(tmp_path: Path):
    """No script, style or picture of the site comes from another host."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "ict", "docs", "--no-browser", "--port", str(port)]
    with subprocess.Popen(
        words, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        try:
            page = fetched(f"http://127.0.0.1:{port}/scoring.html", server)
        finally:
            server.terminate()
            server.communicate(timeout=60)
    assert "How a channel is scored" in page
    loaded = [
        part.split(">")[0] for part in page.split("<") if part.startswith(("script", "link", "img"))
    ]
    assert loaded
    assert not [tag for tag in loaded if "//" in tag.replace(f"http://127.0.0.1:{port}", "")]


def fetched(address: str, server: subprocess.Popen[bytes]) -> str:
    """The page, once the server answers; mkdocs builds before it does."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError(server.stderr.read().decode() if server.stderr else "it ended")
