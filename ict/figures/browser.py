"""One hidden Chrome for all exports of a process: started at the first, used by every thread.

kaleido has such a server of its own (`start_sync_server`), but it waits for ever when Chrome does
not start, and two threads can be handed each other's picture. This one keeps kaleido's page open on
an event loop of its own, so errors come back to the one who asked. kaleido draws; what it would print
is moved, shrunk and cut by its page's margins, so PDFs are printed by `ict.figures.printing`.
"""

import asyncio
import atexit
import os
import threading
from typing import Any

import plotly.graph_objects as go

from ict.errors import IctError
from ict.figures.pdf_page import PageError
from ict.figures.printing import Printer

GET_CHROME = (
    "PDF, SVG and PNG are drawn by Chrome, which was not found: install chromium (Debian: "
    "`apt install chromium-headless-shell`), run `plotly_get_chrome`, or set BROWSER_PATH to one"
)
PAGES = 2  # that draw at once: one reloads while the other draws
_START_SECONDS = 60.0
_DRAW_SECONDS = 90.0


class NoChromeError(IctError, RuntimeError):
    """There is no Chrome to draw with, or it does not start; carries the sentence to show."""


class WrongPageError(NoChromeError):
    """This Chrome does not print a page as it was asked to, and no correction helps."""


class _Chrome:
    """kaleido's pages and the printer's, kept open on their own event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._kaleido: Any = None
        self._printer: Any = None
        self._call(self._open(), _START_SECONDS)

    def draw(self, figure: dict[str, Any], options: dict[str, Any]) -> bytes:
        drawn: bytes = self._call(self._draw(figure, options), _DRAW_SECONDS)
        return drawn

    def close(self) -> None:
        try:
            self._call(self._kaleido.__aexit__(None, None, None), 10)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)

    async def _open(self) -> None:
        from kaleido import Kaleido

        # MathJax would be fetched from the network
        self._kaleido = await Kaleido(n=PAGES, mathjax=False).__aenter__()
        self._printer = Printer(self._kaleido, PAGES)

    async def _draw(self, figure: dict[str, Any], options: dict[str, Any]) -> bytes:
        if options["format"] != "pdf":
            drawn: bytes = await self._kaleido.calc_fig(figure, opts=options)
            return drawn
        svg = self._kaleido.calc_fig(figure, opts={**options, "format": "svg", "scale": 1})
        size = (options["width"], options["height"])
        return await self._printer.pdf(svg, *size, scale=options["scale"])

    def _call(self, coroutine: Any, seconds: float) -> Any:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise


_lock = threading.Lock()
_running: dict[int, _Chrome] = {}  # by process id: a forked child must not use its parent's


def trouble() -> str | None:
    """None if a Chrome is there; otherwise the sentence that says how to get one. Starts nothing."""
    from choreographer.browsers.chromium import Chromium

    path = Chromium.find_browser(skip_local=False)
    return None if path and os.access(path, os.X_OK) and os.path.isfile(path) else GET_CHROME


def draw(figure: go.Figure, kind: str, *, scale: float = 1.0) -> bytes:
    """`figure` as pdf, svg or png, at the size in its layout (700 × 500 px) times `scale`.

    Raises NoChromeError with one sentence if there is no Chrome or it does not answer, and
    WrongPageError if it does not print the page that it was given.
    """
    options = {
        "format": kind,
        "width": figure.layout.width or 700,
        "height": figure.layout.height or 500,
        "scale": scale,
    }
    with _lock:
        chrome = _started()
    try:
        return chrome.draw(figure.to_plotly_json(), options)
    except PageError as error:
        raise WrongPageError(
            f"this Chrome does not print a figure's page as it should ({error}); "
            "take SVG or PNG, or set BROWSER_PATH to another Chrome"
        ) from error
    except Exception as error:
        with _lock:
            if _running.get(os.getpid()) is chrome:  # and not one that another thread has started
                stop()
        raise NoChromeError(f"Chrome did not draw the {kind}: {_first_line(error)}") from error


def stop() -> None:
    """Ends the hidden Chrome; the next `draw` starts a new one."""
    chrome = _running.pop(os.getpid(), None)
    if chrome is not None:
        try:
            chrome.close()
        except Exception:  # it is going away in any case
            return


def _started() -> _Chrome:
    found = _running.get(os.getpid())
    if found is None:
        if (sentence := trouble()) is not None:
            raise NoChromeError(sentence)
        try:
            found = _Chrome()
        except Exception as error:
            raise NoChromeError(f"Chrome does not start: {_first_line(error)}") from error
        _running[os.getpid()] = found
        atexit.register(stop)
    return found


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
