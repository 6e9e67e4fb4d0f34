"""The app as users meet it: `streamlit run` from another directory, and a real browser."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

MAIN = Path(__file__).parents[2] / "app" / "main.py"
CHROMIUM = os.environ.get("ICT_CHROMIUM", "/usr/bin/chromium")
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# At `/channels` the browser first asks for `/channels/_stcore/health`, to find where the server is.
# Pictures of a page that was left before they were loaded are gone.
BENIGN = re.compile(r"/[a-z]+/_stcore/(health|host-config)$|/media/[0-9a-f]+\.\w+$")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """A served app on a store; `cwd` is any folder but the repository.

    `below` are the words of a command that runs its own arguments.
    """

    def __init__(
        self, store: Path, cwd: Path, below: Sequence[str] = (), **environment: str
    ) -> None:
        self._below = below
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._cwd = cwd
        calm = {"ICT_STORE": str(store), "ICT_WARM_CHROME": "0"}
        self._environment = {**os.environ, **calm, **environment}
        self._environment.pop("PYTHONPATH", None)
        self.start()

    def start(self) -> None:
        command = [*self._below, sys.executable, "-m", "streamlit", "run", str(MAIN)]
        command += ["--server.port", str(self.port), "--server.headless", "true"]
        self._log = (self._cwd / "server.log").open("ab")
        self._process = subprocess.Popen(
            command, cwd=self._cwd, env=self._environment, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2)
                return
            time.sleep(0.1)
        raise TimeoutError((self._cwd / "server.log").read_text())

    @property
    def pid(self) -> int:
        return self._process.pid

    def maps(self) -> str:
        """What is loaded into the server's memory."""
        return Path(f"/proc/{self.pid}/maps").read_text()

    def handshake(self, host: str, *, origin: str | None = None, cookie: str = "") -> int:
        """HTTP status of the answer to a browser that came for `host`; 101 is accepted.

        It shows a page of `origin`, of the app itself by default; none is said where it is empty.
        """
        origin = f"http://{host}" if origin is None else origin
        lines = ["GET /_stcore/stream HTTP/1.1", f"Host: {host}"]
        lines += [*([f"Origin: {origin}"] if origin else []), f"Cookie: {cookie or 'none=1'}"]
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall("\r\n".join(lines).encode())
            return int(connection.recv(200).split()[1])

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)
        self._process.wait(20)
        self._log.close()


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


class Visitor:
    """One browser window; keeps every console error that is not BENIGN."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.url = url
        self.errors: list[str] = []
        size = {"width": 1440, "height": 1000}
        self.context: BrowserContext = browser.new_context(**{"viewport": size, **context})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _console(self, message: Any) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not BENIGN.search(where):
            self.errors.append(f"{message.text} {where}")

    def open(self, path: str = "/") -> float:
        """Goes to a link; gives the seconds until its heading stands."""
        started = time.monotonic()
        self.page.goto(self.url + path)
        self.page.wait_for_selector('[data-testid="stMain"] h1')
        return time.monotonic() - started

    def settle(self) -> None:
        """Waits until the script has ended; not for pages that poll."""
        self.page.wait_for_selector(READY)
        self.page.wait_for_timeout(200)

    def switch(self, title: str) -> float:
        """Clicks a page in the navigation; gives the seconds until its heading stands."""
        started = time.monotonic()
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
        heading = self.page.get_by_test_id("stMain").get_by_role("heading", name=title, exact=True)
        heading.first.wait_for()
        return time.monotonic() - started

    def metric(self, label: str) -> str:
        cell = self.page.get_by_test_id("stMetric").filter(has_text=label)
        return cell.get_by_test_id("stMetricValue").inner_text()

    def wait_for_pictures(self) -> None:
        """Until every picture of the page is there."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('[data-testid=stMain] img')].every(one => one.naturalWidth)"
        )

    def exceptions(self) -> list[str]:
        return self.page.get_by_test_id("stException").all_inner_texts()


@contextlib.contextmanager
def visiting(store: Path, cwd: Path, patience_ms: int) -> Iterator[Visitor]:
    """A visitor of a served app on `store`, who met no error in the end; both are gone afterwards."""
    server = Server(store, cwd)
    try:
        with browser() as chrome:
            found = Visitor(chrome, server.url)
            found.page.set_default_timeout(patience_ms)
            yield found
            assert (found.errors, found.exceptions()) == ([], [])
    finally:
        server.stop()
