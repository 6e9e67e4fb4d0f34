"""Back, Forward and links in a real browser: each choice is one entry, arrival is none."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ict.store import Store
from tests.app import fixture_store

pytest.importorskip("playwright")
from playwright.sync_api import Page, TimeoutError, expect

from tests.app.served import CHROMIUM, Visitor, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
PATIENCE_MS = 120_000  # for a busy machine


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    store = Store(tmp_path / "store")
    fixture_store.tiny_study(store)
    expect.set_options(timeout=PATIENCE_MS)
    with visiting(store.root, tmp_path, PATIENCE_MS) as found:
        yield found


def said(page: Page) -> dict[str, str]:
    return {name: texts[-1] for name, texts in parse_qs(urlsplit(page.url).query).items()}


def stands(visitor: Visitor, heading: str, **address: str) -> None:
    """The page with this heading, and an address that says just this."""
    page = visitor.page
    page.get_by_test_id("stMain").get_by_role("heading", name=heading, exact=True).first.wait_for()
    page.wait_for_function(
        "said => JSON.stringify([...new URLSearchParams(location.search)].sort()) === said",
        arg=str(sorted(map(list, address.items()))).replace("'", '"').replace(", ", ","),
    )
    visitor.settle()


def choose(visitor: Visitor, label: str, option: str) -> None:
    """Opens the list again where the page was drawn anew under it and closed it."""
    offered = visitor.page.get_by_role("option", name=option, exact=True)
    for _ in range(5):
        visitor.page.get_by_role("combobox", name=re.compile(f"{label}$")).click()
        with contextlib.suppress(TimeoutError):
            offered.click(timeout=5000)
            return
    raise AssertionError(f"{label} does not offer {option}")


def step_up(visitor: Visitor) -> None:
    """One step of the slider; pressed again where the page was drawn anew in that moment."""
    slider = visitor.page.get_by_role("slider").first
    before = slider.get_attribute("aria-valuenow")
    for _ in range(5):
        slider.focus()
        slider.press("ArrowRight")
        with contextlib.suppress(AssertionError):
            expect(slider).not_to_have_attribute("aria-valuenow", str(before), timeout=3000)
            return
    raise AssertionError("the slider does not move")


def channel(visitor: Visitor) -> str:
    return visitor.page.get_by_role("spinbutton", name="Channel (of 192)").input_value()


def test_back_and_forward_restore_a_pair(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/overlap")
    stands(visitor, "Overlap")
    rank = page.get_by_text("channels are shared").last
    shared = rank.inner_text()
    choose(visitor, "Task", "sprites_ori")
    stands(visitor, "Overlap", task_a="sprites_ori")
    choose(visitor, "and task", "sprites_loc")
    stands(visitor, "Overlap", task_a="sprites_ori", task_b="sprites_loc")
    pair = rank.inner_text()
    page.go_back()
    stands(visitor, "Overlap", task_a="sprites_ori")
    page.go_back()
    stands(visitor, "Overlap")
    expect(rank).to_have_text(shared)
    page.go_forward()
    page.go_forward()
    stands(visitor, "Overlap", task_a="sprites_ori", task_b="sprites_loc")
    expect(rank).to_have_text(pair)


def test_a_link_leads_where_it_says_and_back_leads_home(visitor: Visitor) -> None:
    page = visitor.page
    of = "digits-ict_tiny-class_l2-000000"
    visitor.open(f"/channels?of={of}&block=3&channel=7")
    stands(visitor, "Channels", of=of, block="3", channel="7")
    field = page.get_by_role("spinbutton", name="Channel (of 192)")
    field.fill("9")
    field.press("Enter")
    stands(visitor, "Channels", of=of, block="3", channel="9")
    step_up(visitor)
    stands(visitor, "Channels", of=of, block="3", channel="9", k="25")
    page.get_by_role("link", name="Inspect this channel").click()
    stands(visitor, "Inspect", of=of, block="3", channel="9")
    assert channel(visitor) == "9"
    assert page.title() == "digits · class_l2 · Inspect – ict"
    page.go_back()
    stands(visitor, "Channels", of=of, block="3", channel="9", k="25")
    page.get_by_text("300 of 2,304").wait_for()
    page.go_back()
    stands(visitor, "Channels", of=of, block="3", channel="9")
    page.get_by_text("288 of 2,304").wait_for()
    page.go_back()
    stands(visitor, "Channels", of=of, block="3", channel="7")
    assert channel(visitor) == "7"

    # by the navigation: what belongs to both comes along, and the way back is one step
    visitor.switch("Inspect")
    stands(visitor, "Inspect", of=of, block="3", channel="7")
    assert channel(visitor) == "7"
    field.fill("8")
    field.press("Enter")
    stands(visitor, "Inspect", of=of, block="3", channel="8")
    page.go_back()
    stands(visitor, "Inspect", of=of, block="3", channel="7")
    page.go_back()
    stands(visitor, "Channels", of=of, block="3", channel="7")
    visitor.switch("Curves")
    stands(visitor, "Curves")
    page.go_back()
    stands(visitor, "Channels", of=of, block="3", channel="7")
