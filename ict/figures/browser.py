"""One hidden Chrome for all exports of a process: started at the first or before it, used by every thread.

It is kept open on an event loop of its own, so errors come back to the one who asked. plotly.js draws
a figure once, as SVG (`ict.figures.plotting`); PDF and PNG are made from that (`ict.figures.printing`).
kaleido, which does the same in one call, loads plotly.js anew for each file, and what it prints is
moved, shrunk and cut by its page's margins.
"""

import asyncio
import atexit
import contextlib
import os
import threading
from typing import Any

import plotly.graph_objects as go

from ict.errors import IctError
from ict.figures.pdf_page import PageError
from ict.figures.plotting import Plotter
from ict.figures.printing import Printer

GET_CHROME = (
    "PDF, SVG and PNG are drawn by Chrome, which was not found: install chromium (Debian: "
    "`apt install chromium-headless-shell`), run `plotly_get_chrome`, or set BROWSER_PATH to one"
)
PAGES = 2  # that draw at once
_START_SECONDS = 60.0
_DRAW_SECONDS = 90.0


class NoChromeError(IctError, RuntimeError):
    """There is no Chrome to draw with, or it does not start; carries the sentence to show."""


class WrongPageError(NoChromeError):
    """This Chrome does not print a page as it was asked to, and no correction helps."""


class _Chrome:
    """A started browser with its plotter and its printer, on an event loop of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._browser: Any = None
        self._plotter: Any = None
        self._printer: Any = None
        self._warming: asyncio.Future[Any] | None = None
        self._call(self._open(), _START_SECONDS)

    def make(self, drawing: "Drawing", kind: str, scale: float) -> bytes:
        if drawing.svg is None:
            drawing.figure_json = (
                drawing.figure.to_json()
            )  # here, where the loop need not wait for it
        made: bytes = self._call(self._make(drawing, kind, scale), _DRAW_SECONDS)
        return made

    def warm(self) -> None:
        """Loads what the first file needs; a file that is asked for meanwhile waits for this."""
        self._call(self._warm(), _START_SECONDS)

    def close(self) -> None:
        try:
            self._call(self._browser.close(), 10)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)

    async def _open(self) -> None:
        from choreographer import Browser

        self._browser = Browser()
        await self._browser.open()
        self._plotter = Plotter(self._browser, PAGES)
        self._printer = Printer(self._browser, PAGES)

    async def _warm(self) -> None:
        if self._warming is None:
            tabs = (self._plotter.tabs, self._printer.tabs)
            self._warming = asyncio.gather(*(one.ready() for one in tabs))
        await asyncio.shield(self._warming)

    async def _make(self, drawing: "Drawing", kind: str, scale: float) -> bytes:
        if self._warming is not None:
            await asyncio.shield(self._warming)
        size = (drawing.width, drawing.height)
        if kind == "pdf":
            made: bytes = await self._printer.pdf(self._svg(drawing), *size, scale=scale)
        elif kind == "png":
            made = await self._printer.png(self._svg(drawing), *size, scale=scale)
        else:
            made = await self._svg(drawing)
        return made

    async def _svg(self, drawing: "Drawing") -> bytes:
        if drawing.svg is None:
            size = (drawing.width, drawing.height)
            drawing.svg = await self._plotter.svg(drawing.figure_json, *size)
        return drawing.svg

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


class Drawing:
    """A figure, drawn once for all its files, at the size in its layout (else 700 × 500 px)."""

    def __init__(self, figure: go.Figure) -> None:
        self.figure, self.figure_json = figure, ""
        self.width: float = figure.layout.width or 700
        self.height: float = figure.layout.height or 500
        self.svg: bytes | None = None
        """Once it has been drawn."""

    def file(self, kind: str, *, scale: float = 1.0) -> bytes:
        """The drawing as pdf, svg or png; pdf and png enlarged by `scale`.

        Raises NoChromeError with one sentence if there is no Chrome or it does not answer, and
        WrongPageError if it does not print the page that it was given.
        """
        with _lock:
            chrome = _started()
        try:
            return chrome.make(self, kind, scale)
        except PageError as error:
            raise WrongPageError(
                f"this Chrome does not print a figure's page as it should ({error}); "
                "take SVG or PNG, or set BROWSER_PATH to another Chrome"
            ) from error
        except Exception as error:
            with _lock:
                if (
                    _running.get(os.getpid()) is chrome
                ):  # and not one that another thread has started
                    stop()
            raise NoChromeError(f"Chrome did not draw the {kind}: {_first_line(error)}") from error


def draw(figure: go.Figure, kind: str, *, scale: float = 1.0) -> bytes:
    """One file of `figure`; see `Drawing.file`."""
    return Drawing(figure).file(kind, scale=scale)


def warm() -> None:
    """Starts the hidden Chrome in the background, so that the first file takes a second less or three.

    Returns at once, and says nothing of what hinders it: that is for who asks for a file.
    """
    threading.Thread(target=_warm, daemon=True, name="chrome").start()


def _warm() -> None:
    with contextlib.suppress(Exception):
        with _lock:
            chrome = _started()
        chrome.warm()


def stop() -> None:
    """Ends the hidden Chrome; the next `draw` starts a new one."""
    chrome = _running.pop(os.getpid(), None)
    if chrome is not None:
        try:
            chrome.close()
        except Exception:  # it is going away in any case
            return


def _started() -> _Chrome:
    browser = _running.get(os.getpid())
    if browser is None:
        if (sentence := trouble()) is not None:
            raise NoChromeError(sentence)
        try:
            browser = _Chrome()
        except Exception as error:
            raise NoChromeError(f"Chrome does not start: {_first_line(error)}") from error
        _running[os.getpid()] = browser
        atexit.register(stop)
    return browser


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
