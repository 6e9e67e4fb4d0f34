"""From an empty store, in a real browser: scores with sums and the causal check, each by one button."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.running import jobs
from ict.store import Store
from ict.store.job_folder import read_jobs

pytest.importorskip("playwright")

from tests.app.served import CHROMIUM, Server, Visitor, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
PATIENCE_MS = 300_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = Server(tmp_path / "store", elsewhere)
    yield found
    found.stop(signal.SIGKILL)
    store = Store(tmp_path / "store")
    jobs.cancel(store, [job.id for job in read_jobs(store)[0]])


def test_an_empty_store_is_scored_and_checked_from_its_pages(server: Server, tmp_path: Path):
    store = Store(tmp_path / "store")
    with browser() as chrome:
        scoring, checking = Visitor(chrome, server.url), Visitor(chrome, server.url)
        scoring.open("/channels?store=own")
        fill(scoring, "Images", 20)
        scoring.page.get_by_role("button", name="Score the channels").click()
        scoring.page.get_by_role("button", name="Cancel").wait_for()

        checking.open("/criteria?store=own")
        page = checking.page
        for label, value in (("Images", 4), ("Random orders", 0), ("Single channels", 0)):
            fill(checking, label, value)
        page.get_by_label("Criteria").last.press("Backspace")  # taylor needs more images
        checking.settle()
        page.get_by_role("button", name="Check by replacing").click()
        page.get_by_role("button", name="Cancel").wait_for()
        page.get_by_text("job running").wait_for()

        # the page of each becomes what was missing on it
        map_of_scores = scoring.page.locator(".js-plotly-plot").first
        map_of_scores.wait_for(timeout=PATIENCE_MS)
        page.get_by_text("Deletion", exact=True).wait_for(timeout=PATIENCE_MS)
        page.locator(".js-plotly-plot").first.wait_for()
        assert [v.exceptions() for v in (scoring, checking)] == [[], []]
        assert [v.errors for v in (scoring, checking)] == [[], []]
        assert "libtorch" not in server.maps()
    (scores,) = (one for one in store.scores() if one["keep_images"])
    assert (scores["criterion"], scores["images"]) == ("class_l2", 20)
    assert {job.status for job in read_jobs(store)[0]} == {"done"}


def fill(visitor: Visitor, label: str, value: int) -> None:
    """Types a number into the last field of that name on the page."""
    field = visitor.page.get_by_role("spinbutton", name=label).last
    field.fill(str(value))
    field.press("Enter")
    visitor.settle()
