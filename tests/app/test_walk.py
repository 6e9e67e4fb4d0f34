"""A walk through the served app in a real browser: start, follow, cancel, look, link, restart."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.files import read_json
from ict.running import local
from ict.store import Run, Store
from tests.app import fixture_store

pytest.importorskip("playwright")
from playwright.sync_api import Locator, expect

from tests.app.served import CHROMIUM, Server, Visitor, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
PATIENCE_MS = 420_000  # a busy machine of two cores trains 40 images in minutes
TIMES: dict[str, float] = {}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = Server(tmp_path / "walk_store", elsewhere)
    yield found
    found.stop(signal.SIGKILL)
    store = Store(tmp_path / "walk_store")
    local.cancel(store, [run.id for run in store.runs() if run.status() in ("running", "queued")])
    if report := os.environ.get("ICT_WALK_REPORT"):
        Path(report).write_text(json.dumps(TIMES, indent=1))


def start(visitor: Visitor, epochs: int, seed: int) -> str:
    """Fills the form, starts one run of 40 images, and waits for its page; gives the run id."""
    page = visitor.page
    visitor.open(f"/?seeds={seed}")
    visitor.settle()
    page.get_by_text("More fields").click()
    for label, value in (("Epochs", epochs), ("So many images only", 40)):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(str(value))
        field.press("Enter")
        visitor.settle()
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/run?run=*")
    return page.url.partition("run=")[2]


def wait_for_status(run: Run, *wanted: str, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while run.status() not in wanted:
        assert time.monotonic() < deadline, f"{run.status()} and not {wanted}: {run.log_tail(20)}"
        time.sleep(0.2)


def test_walk(server: Server, tmp_path: Path) -> None:
    store = Store(tmp_path / "walk_store")
    with browser() as chrome:
        visitor = Visitor(chrome, server.url)
        page = visitor.page
        TIMES["first paint"] = visitor.open("/")
        visitor.settle()
        visitor.switch("Channels")
        page.get_by_text("example study").wait_for()  # an empty store shows one
        visitor.switch("Train")

        # a long run: it moves while we look, is there after the server was killed, and is cancelled
        long = store.run(start(visitor, epochs=500, seed=44))
        page.get_by_test_id("stProgress").wait_for(timeout=PATIENCE_MS)
        page.get_by_test_id("stMetric").filter(has_text="Epoch").wait_for(timeout=PATIENCE_MS)
        before = visitor.metric("Epoch")
        page.wait_for_function(
            "was => ![...document.querySelectorAll('[data-testid=stMetricValue]')]"
            ".some(cell => cell.innerText === was)",
            arg=before,
            timeout=PATIENCE_MS,
        )
        assert "libtorch" not in server.maps()
        assert (visitor.errors, visitor.exceptions()) == ([], [])
        visitor.context.close()  # it would complain, rightly, of what comes now
        server.stop(signal.SIGKILL)
        assert long.status() == "running"
        server.start()
        again = Visitor(chrome, server.url)
        again.open(f"/run?run={long.id}")
        again.page.get_by_role("button", name="Cancel").click()
        wait_for_status(long, "cancelled", seconds=10)
        again.page.get_by_text("Cancelled. Resume goes on").wait_for()
        assert not again.exceptions()

        # a short one to its end, and what it chose
        done = store.run(start(again, epochs=2, seed=42))
        wait_for_status(done, "done")
        page = again.page
        page.get_by_role("link", name="Its channels").click(timeout=30_000)
        page.get_by_role("heading", name="Channels", exact=True).wait_for()
        again.settle()
        look_at_channels(again)
        link, channel = page.url, channel_field(again).input_value()
        k = again.metric("Chosen channels")
        other = Visitor(chrome, server.url)
        other.open(link.removeprefix(server.url))
        other.settle()
        expect(channel_field(other)).to_have_value(channel, timeout=20_000)
        assert other.metric("Chosen channels") == k

        open_the_page_of_a_channel(other, store, done.id)
        TIMES["page switch"] = again.switch("Curves")
        again.settle()
        page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
        page.go_back()
        page.get_by_role("heading", name="Channels", exact=True).wait_for()
        assert "libtorch" not in server.maps()
        assert [v.exceptions() for v in (again, other)] == [[], []]
        assert (other.errors, again.errors) == ([], [])


def click_a_mark(visitor: Visitor) -> None:
    page = visitor.page
    marks = page.locator(".js-plotly-plot").first.locator(".scatterlayer .point")
    box = marks.nth(100).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.wait_for_timeout(300)
    page.mouse.down()
    page.mouse.up()


def open_the_page_of_a_channel(visitor: Visitor, store: Store, run_id: str) -> None:
    """A click on a mark opens the channel's page, whatever block and channel the link named."""
    page = visitor.page
    for link in (f"/channels?of={run_id}", f"/channels?of={run_id}&block=3&channel=7"):
        visitor.open(link)
        visitor.settle()
        page.locator(".js-plotly-plot .scatterlayer .point").first.wait_for(state="attached")
        click_a_mark(visitor)
        page.get_by_role("heading", name="Inspect", exact=True).wait_for()
        page.wait_for_url("**channel=*")
        visitor.settle()
        assert (visitor.exceptions(), visitor.errors) == ([], [])
        block, channel = (field.input_value() for field in page.get_by_role("spinbutton").all())
        chosen = read_json(store.runs_dir / run_id / "selection.json")["blocks"][int(block)]
        assert int(channel) in chosen["indices"]


def test_train_has_an_address_and_a_cell_of_the_matrix_chooses_its_pair(server: Server) -> None:
    with browser() as chrome:
        visitor = Visitor(chrome, server.url)
        page = visitor.page
        visitor.open("/train?tasks=count")
        visitor.settle()
        page.get_by_role("button", name="Start 1 run").wait_for()
        assert page.url.endswith("/train?tasks=count")
        assert not page.get_by_text("Page not found").is_visible()
        visitor.open("/overlap")
        visitor.settle()
        cell = page.locator(".js-plotly-plot").first.locator(".scatterlayer .point").last
        cell.wait_for(state="attached")
        box = cell.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
        page.wait_for_timeout(300)
        page.mouse.down()
        page.mouse.up()
        page.wait_for_url("**task_a=kitti&task_b=oxford_iiit_pet")
        visitor.settle()
        assert page.get_by_text("of 48 channels are shared").is_visible()
        assert (visitor.exceptions(), visitor.errors) == ([], [])


def channel_field(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("spinbutton", name="Channel (of 192)")


def look_at_channels(visitor: Visitor) -> None:
    """Clicks a mark on the map, moves K; both are in the link."""
    page = visitor.page
    assert visitor.metric("Chosen channels") == "288 of 2,304"
    page.get_by_test_id("stMain").get_by_text("shows it below", exact=True).click()
    page.wait_for_url("**click=*")
    visitor.settle()
    click_a_mark(visitor)
    page.wait_for_url("**channel=*")
    visitor.settle()
    assert page.get_by_text(", chosen").is_visible()
    slider = page.get_by_role("slider").first
    slider.focus()
    started = time.monotonic()
    slider.press("ArrowRight")
    page.get_by_text("300 of 2,304").wait_for()
    TIMES["slider"] = time.monotonic() - started
    page.wait_for_url("**k=25*")
    assert "channel=" in page.url
    visitor.settle()


def test_times_on_a_store_of_500_runs(tmp_path: Path) -> None:
    """What the walk reports; the limits leave room for a busy machine (see bench/app.py)."""
    store = Store(tmp_path / "reference")
    fixture_store.add_many(store)
    fixture_store.tiny_study(store)
    found = Server(store.root, tmp_path)
    try:
        with browser() as chrome:
            visitor = Visitor(chrome, found.url)
            assert visitor.open("/") < 60
            assert found.handshake(f"localhost:{found.port}") == 101
            assert found.handshake(f"evil.example:{found.port}") == 403  # DNS rebinding
            visitor.settle()
            for title in ("Curves", "Channels", "Overlap", "Ablation", "Run"):
                assert visitor.switch(title) < 30, title
            assert not visitor.exceptions()
            assert visitor.errors == []
    finally:
        found.stop(signal.SIGKILL)
