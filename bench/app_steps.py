"""What a visitor does in the app, and how long each takes, in wall-clock seconds as the browser sees it."""

import contextlib
import time
from collections.abc import Iterator

from playwright.sync_api import Browser

from ict.store import Run, Store
from tests.app.served import READY, Server, Visitor

_MOVED = """async (step) => {
  const main = document.querySelector('[data-testid=stMain]');
  const app = document.querySelector('[data-testid=stApp]');
  const shown = () => [...main.querySelectorAll(step.shown)].map(cell => cell.innerText).join('|');
  const before = shown(), thumb = document.activeElement, start = performance.now();
  for (const kind of ['keydown', 'keyup'])
    thumb.dispatchEvent(new KeyboardEvent(kind, {key: step.key, bubbles: true}));
  while (performance.now() - start < 60000
         && (shown() === before || app.dataset.testScriptState !== 'notRunning'))
    await new Promise(done => setTimeout(done, 5));
  return (performance.now() - start) / 1000;
}"""


@contextlib.contextmanager
def visit(chrome: Browser, store: Store, **environment: str) -> Iterator[Visitor]:
    """A visitor of an app that has just started on `store`."""
    server = Server(store.root, store.root.parent, **environment)
    try:
        visitor = Visitor(chrome, server.url)
        yield visitor
        visitor.context.close()
    finally:
        server.stop()


def page_seconds(visitor: Visitor, title: str) -> float:
    """From the click in the navigation until the page stands and its script has ended."""
    started = time.monotonic()
    visitor.switch(title)
    visitor.page.wait_for_selector(READY)
    seconds = time.monotonic() - started
    visitor.settle()
    return seconds


def slider_seconds(visitor: Visitor, label: str, *, key: str, shown: str) -> float:
    """From a key on a slider until what `shown` selects has changed and the script has ended."""
    visitor.page.get_by_role("slider", name=label).first.focus()
    seconds = float(visitor.page.evaluate(_MOVED, {"key": key, "shown": shown}))
    visitor.settle()
    return seconds


def pdf_seconds(visitor: Visitor) -> float:
    """From the click on *PDF* in the menu of the page's first figure until the file is there."""
    page = visitor.page
    page.get_by_role("button", name="Export").first.click()
    button = page.get_by_role("button", name="PDF", exact=True)
    button.wait_for()
    started = time.monotonic()
    with page.expect_download(timeout=120_000) as download:
        button.click()
    download.value.path()
    seconds = time.monotonic() - started
    page.keyboard.press("Escape")
    return seconds


def cancel_seconds(visitor: Visitor, run: Run) -> float:
    """From the click on *Cancel*, on a page that stands, until the run has ended and its page says so."""
    visitor.open(f"/run?run={run.id}")
    visitor.page.wait_for_selector(".js-plotly-plot")
    visitor.page.wait_for_selector(READY)
    button = visitor.page.get_by_role("button", name="Cancel")
    button.wait_for()
    started = time.monotonic()
    button.click()
    visitor.page.get_by_text("Cancelled. Resume goes on").wait_for()
    if run.holder() is not None:
        raise RuntimeError(f"{run.id} is still there")
    return time.monotonic() - started
