"""What a daily user relies on, each in a real browser: one server on one full store for all of them."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.store import Store
from tests.app import fixture_store

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect

from tests.app.served import CHROMIUM, Server, Visitor, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
PATIENCE_MS = 120_000  # for a busy machine


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("kinds")
    store = Store(base / "store")
    fixture_store.tiny_study(store)
    fixture_store.add_inspection(store)
    fixture_store.add_answered_study(store)
    found = Server(store.root, base)
    yield found
    found.stop()


@pytest.fixture
def visitor(server: Server, chrome: Browser) -> Iterator[Visitor]:
    found = Visitor(chrome, server.url)
    found.page.set_default_timeout(PATIENCE_MS)
    yield found
    assert (found.errors, found.exceptions()) == ([], [])
    found.context.close()


def main(page: Page) -> str:
    return page.get_by_test_id("stMain").inner_text()


def test_images_are_those_of_the_scores_that_are_chosen(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/inspect?of=digits-ict_tiny-class_l2-000000")
    page.get_by_text("Images of digits").first.wait_for()
    page.locator("[data-testid=stMain] img").first.wait_for()
    page.get_by_role("combobox", name=re.compile("Run or scores")).click()
    page.get_by_role("option", name=re.compile("sprites_loc")).first.click()
    page.get_by_text("No images of sprites_loc yet").wait_for()
    expect(page.locator("[data-testid=stMain] img")).to_have_count(0)


def test_the_example_is_one_click_away_and_so_is_ones_own(visitor: Visitor) -> None:
    page, sidebar = visitor.page, visitor.page.get_by_test_id("stSidebar")
    visitor.open("/data")
    visitor.settle()
    expect(sidebar).to_contain_text("27 runs")
    sidebar.get_by_text("Example", exact=True).click()
    page.wait_for_url("**store=example*")
    page.get_by_text("example study").first.wait_for()
    visitor.settle()
    page.reload()
    page.get_by_text("example study").first.wait_for()
    sidebar.get_by_text("My store", exact=True).click()
    page.wait_for_url(lambda url: "store=" not in url)
    expect(sidebar).to_contain_text("27 runs")


def test_what_these_data_do_not_tell_has_no_colour(visitor: Visitor) -> None:
    """In the map of transfer: a cell is grey if, and only if, its interval holds 0."""
    visitor.open("/transfer?store=example")
    visitor.page.locator(".heatmaplayer image").first.wait_for()
    traces = visitor.page.evaluate(
        """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(one => one._fullData || [])
          .filter(trace => trace.type === 'heatmap')
          .map(trace => ({text: trace.text, told: trace.customdata,
                          grey: new Set((trace.colorscale || [[0, 1], [1, 2]]).map(step => step[1])).size === 1}))"""
    )
    drawn = {True: 0, False: 0}
    for trace in traces:
        for texts, told in zip(trace["text"], trace["told"], strict=True):
            for said in (said for text, said in zip(texts, told, strict=True) if text):
                low, high = re.findall(r"[−+][0-9.]+", said)[1:3]
                holds_zero = (low[0], high[0]) == ("−", "+")
                assert trace["grey"] == holds_zero, said
                drawn[holds_zero] += 1
    assert min(drawn.values()) > 0


def test_a_word_has_its_formula_behind_an_icon_and_the_page_its_finding(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/overlap")
    visitor.settle()
    assert "Kuncheva's index is 0.85 on average (0 is chance)" in main(page)
    page.get_by_test_id("stMain").get_by_test_id("stTooltipHoverTarget").first.hover()
    formula = page.get_by_test_id("stTooltipContent").first
    expect(formula).to_contain_text(re.compile("Kuncheva|K/D"))


def test_two_groups_are_compared_with_the_images_behind_it(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/compare")
    visitor.settle()
    assert re.search(r"points \(95 % −[0-9.]+ to \+[0-9.]+, 3 seeds", main(page))
    expect(page.get_by_test_id("stMain").locator("img")).to_have_count(24)
    page.get_by_role("tab", name="Power").click()
    page.wait_for_url("**look=power*")
    expect(page.get_by_test_id("stMain")).to_contain_text("80 %")


def test_a_click_on_a_confusion_leads_to_its_images(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/predictions")
    visitor.settle()
    page.locator(".heatmaplayer image").first.wait_for()
    answered = re.search(r"most often (\w+) is taken for (\w+) \((\d+) of", main(page))
    assert answered
    label, answer, count = answered.groups()
    place = page.evaluate(
        """([label, answer]) => {
          const plot = [...document.querySelectorAll('.js-plotly-plot')]
            .find(one => (one._fullData || []).some(trace => trace.type === 'heatmap'));
          const {xaxis, yaxis} = plot._fullLayout;
          plot.scrollIntoView();
          const at = plot.getBoundingClientRect();
          return [at.x + xaxis._offset + xaxis.d2p(answer), at.y + yaxis._offset + yaxis.d2p(label)];
        }""",
        [label, answer],
    )
    page.mouse.click(*place)
    expect(page.get_by_test_id("stMain")).not_to_contain_text("answer 6 (99 %)")
    shown = page.get_by_test_id("stMain").get_by_text(
        re.compile(rf"class {label}\s+answer {answer} ")
    )
    expect(shown).to_have_count(int(count))


def test_a_run_is_named_deleted_and_comes_back(visitor: Visitor) -> None:
    page, body = visitor.page, visitor.page.get_by_test_id("stMain")
    visitor.open("/run")
    visitor.settle()
    body.get_by_role("button", name="Name and tags").click()
    page.get_by_role("textbox", name="Name").fill("the one of the figure")
    page.get_by_role("button", name="Save").click()
    expect(body).to_contain_text("the one of the figure")
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar).to_contain_text("27 runs")
    body.get_by_role("button", name="Delete").click()
    expect(body).to_contain_text("moved to the trash")
    expect(sidebar).to_contain_text("26 runs")
    body.get_by_role("button", name="Undo").click()
    expect(sidebar).to_contain_text("27 runs")


def test_what_was_collected_outlives_a_refresh_and_leaves_as_one_zip(visitor: Visitor) -> None:
    page = visitor.page
    for where in ("/curves", "/overlap"):
        visitor.open(where)
        visitor.settle()
        page.get_by_role("button", name="Export").first.click()
        page.get_by_role("button", name="Add to Figures").first.click()
        page.get_by_text("Added: see the page Figures").wait_for()
    visitor.open("/export")
    visitor.settle()
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download 2 as zip").click()
    files = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).namelist()
    assert sum(name.endswith("plotly.min.js") for name in files) == 1, files
    assert sum(name.endswith(".pdf") for name in files) == 2, files
