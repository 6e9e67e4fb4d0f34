"""In a real browser: the most class-selective channel is found, opened, and stepped on from and back to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.analysis.channel_table_files import table_of_file
from ict.store import Store

pytest.importorskip("playwright")
from ict_app.common.readers import EXAMPLE

from tests.app.served import CHROMIUM, Visitor, visiting
from tests.app.test_history import PATIENCE_MS, choose, stands

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
OF = "digits-ict_tiny-class_l2-attn-078006fcf799"


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    """On an empty store, where the example is shown."""
    with visiting(tmp_path / "store", tmp_path, PATIENCE_MS) as found:
        yield found


def test_the_most_class_selective_channel_and_the_next_ones(visitor: Visitor) -> None:
    store, page = Store(EXAMPLE), visitor.page
    table = table_of_file(store.score_file(OF), store, ratio=0.125)
    order = table.order("selectivity")[:3]
    first, second = (
        {"of": OF, "sort": "selectivity", "block": str(row.block), "channel": str(row.channel)}
        for row in map(table.row, order[:2].tolist())
    )
    visitor.open(f"/channels?of={OF}")
    stands(visitor, "Channels", of=OF)
    choose(visitor, "Sort by", "Most class-selective")
    stands(visitor, "Channels", of=OF, sort="selectivity")
    open_first_row(visitor)
    stands(visitor, "Inspect", **first)
    page.get_by_text("1 of 2,304 channels").wait_for()
    visitor.wait_for_pictures()
    step(visitor, "Next")
    stands(visitor, "Inspect", **second)
    page.get_by_text("2 of 2,304 channels").wait_for()
    page.reload()
    stands(visitor, "Inspect", **second)
    step(visitor, "Previous")
    stands(visitor, "Inspect", **first)
    page.go_back()
    stands(visitor, "Inspect", **second)
    page.go_back()
    stands(visitor, "Inspect", **first)
    page.go_back()
    stands(visitor, "Channels", of=OF, sort="selectivity")


def open_first_row(visitor: Visitor) -> None:
    """Clicks the name of the first channel in the table."""
    table = visitor.page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    visitor.page.wait_for_timeout(500)
    box = table.bounding_box()
    assert box is not None
    visitor.page.mouse.click(box["x"] + 60, box["y"] + 52)


def step(visitor: Visitor, label: str) -> None:
    """By the keyboard, as a link that has the focus is followed."""
    link = visitor.page.get_by_test_id("stMain").get_by_role("link", name=label)
    link.focus()
    link.press("Enter")
