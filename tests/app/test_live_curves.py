"""Curves in a real browser: a zoom stays while epochs arrive, and the end of a run is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.store import Run, Store
from ict.store.locks import RunLock
from tests.app import fixture_store

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

from tests.app.served import CHROMIUM, Server, Visitor, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
RANGE = "() => document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range"
POINTS = (
    "() => Math.max(...document.querySelector('.js-plotly-plot').data.map(t => (t.x || []).length))"
)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Run, RunLock, Visitor]]:
    """A run of six epochs that goes on, one that is done, and a visitor who wants to be told."""
    store = Store(tmp_path / "store")
    fixture_store.add_done(store, seed=1)
    run, lock = fixture_store.add_running(store, seed=2)
    (tmp_path / "elsewhere").mkdir()
    server = Server(store.root, tmp_path / "elsewhere")
    try:
        with browser() as found:
            yield run, lock, Visitor(found, server.url)
    finally:
        server.stop()


def zoom(page: Page) -> list[float]:
    """Drags over the middle of the figure; gives the range of x that stays."""
    before = page.evaluate(RANGE)
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box is not None
    left, width = box["x"], box["width"]
    middle = box["y"] + box["height"] / 2
    page.mouse.move(left + 0.3 * width, middle)
    page.mouse.down()
    page.mouse.move(left + 0.6 * width, middle + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**ylim=*")
    field = page.get_by_role("textbox", name="Limits of x")
    low, high = map(float, field.input_value().split(":"))
    assert before[0] + 0.1 < low < high < before[1]
    return [low, high]


def test_a_zoom_stays_while_epochs_arrive_and_the_end_is_told(
    live: tuple[Run, RunLock, Visitor],
) -> None:
    run, lock, visitor = live
    page = visitor.page
    visitor.open("/curves?only_seed=2&notify=true&x=step")
    page.wait_for_selector(".js-plotly-plot .nsewdrag")
    page.get_by_text("1 run of an earlier version did not write").wait_for()  # its steps
    page.get_by_role("radio", name="Epoch").click()
    page.wait_for_function(f"() => ({POINTS})() === 6")
    zoomed = zoom(page)
    with run.progress_path.open("a") as file:
        for epoch in (7, 8):
            row = {"epoch": epoch, "train_loss": 0.3, "train_accuracy": 0.9, "val_accuracy": 0.9}
            file.write(json.dumps({**row, "lr": 0.001, "seconds": 3.0}) + "\n")
    page.wait_for_function(f"() => ({POINTS})() === 8")
    assert page.evaluate(RANGE) == pytest.approx(zoomed)
    page.locator(".js-plotly-plot .nsewdrag").first.dblclick()
    page.wait_for_function(f"() => ({RANGE})()[1] >= 8")
    fixture_store.finish(run, accuracy=0.95)
    lock.release()
    toast = page.get_by_test_id("stToast")
    expect(toast).to_contain_text("seed 2: done, test accuracy 95.0 %")
    assert visitor.exceptions() == []
    assert visitor.errors == []
