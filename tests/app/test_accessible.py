"""WCAG 2.2 AA by axe-core on every page in both themes; and a run started by keyboard alone."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.running import local
from ict.store import Store
from tests.app import fixture_store
from tests.app.conftest import PAGES
from tests.app.test_more_pages import add_check, add_transfer

pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ElementHandle, Page

from tests.app.served import CHROMIUM, Server, Visitor, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
AA = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
}
AA["resultTypes"] = ["violations"]
OF_THE_EXAMPLE = ("overlap", "inspect", "criteria", "transfer")  # with ceilings, images, answers
STILL = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  const now = document.querySelectorAll('*').length;
  if (window.seen !== now) [window.seen, window.since] = [now, performance.now()];
  const done = app.dataset.testScriptState === 'notRunning';
  const waits = document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
  return done && !waits && performance.now() - window.since > 600;
}"""
# How the focused element, what stands in it and around it are drawn.
LOOKS = """element => {
  const around = [element, ...[...element.parentElement.querySelectorAll('*')].slice(0, 40)];
  for (let i = 0, up = element.parentElement; up && i < 4; i++, up = up.parentElement) around.push(up);
  return around.map(getComputedStyle).map(
    s => [s.outline, s.boxShadow, s.borderColor, s.backgroundColor].join()).join('|');
}"""
MOST_STOPS = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "elsewhere").mkdir()
    found = Server(tmp_path / "store", tmp_path / "elsewhere")
    yield found
    found.stop(signal.SIGKILL)
    store = Store(tmp_path / "store")
    local.cancel(store, [run.id for run in store.runs() if run.status() in ("running", "queued")])


def fill(store: Store) -> None:
    """A store that fills every page, with runs that failed, were killed, and wait."""
    fixture_store.tiny_study(store)
    fixture_store.add_inspection(store)
    fixture_store.add_study(store)
    fixture_store.add_answered_study(store)
    add_check(store)
    add_transfer(store)
    fixture_store.add_failed(store)
    fixture_store.add_killed(store)


def violations(page: Page) -> list[str]:
    """`rule: element` for each element that breaks a rule of level A or AA."""
    found = Axe().run(page, options=AA).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_meets_wcag_aa(server: Server, tmp_path: Path, theme: str) -> None:
    fill(Store(tmp_path / "store"))
    with browser() as chrome:
        visitor = Visitor(chrome, server.url, color_scheme=theme)
        found = {}
        for page in PAGES:
            visitor.open(f"/{page}" + ("?store=example" if page in OF_THE_EXAMPLE else ""))
            visitor.page.wait_for_function(STILL, polling=100)
            found[page] = violations(visitor.page)
            assert not visitor.exceptions(), page
        assert {page: broken for page, broken in found.items() if broken} == {}
        faint = "[data-testid=stCaptionContainer] { opacity: 0.4 !important; }"
        visitor.page.add_style_tag(content=faint)
        assert any(one.startswith("color-contrast") for one in violations(visitor.page))


def walk_to(page: Page, words: str) -> list[str]:
    """Presses Tab until the focus is on what begins with `words`; gives stops where it was not seen."""
    stops: list[tuple[ElementHandle, str, str]] = []
    while len(stops) < MOST_STOPS:
        page.keyboard.press("Tab")
        here = page.evaluate_handle("document.activeElement").as_element()
        assert here is not None
        says = here.get_attribute("aria-label") or here.inner_text()
        if says.strip().rpartition("\n")[2].startswith(words):
            return [said for stop, look, said in stops if stop.evaluate(LOOKS) == look]
        stops.append((here, here.evaluate(LOOKS), says))
    raise AssertionError(f"{MOST_STOPS} stops, and none says {words!r}")


def test_a_run_is_started_by_keyboard_alone(server: Server, tmp_path: Path) -> None:
    with browser() as chrome:
        visitor = Visitor(chrome, server.url)
        page = visitor.page
        visitor.open("/?epochs=1&limit=20")
        page.get_by_role("button", name="Start 1 run").wait_for()
        page.wait_for_function(STILL, polling=100)
        page.add_style_tag(content="* { transition: none !important; }")
        assert walk_to(page, "Start 1 run") == []
        page.keyboard.press("Enter")
        page.wait_for_url("**/run?run=*")
        (run,) = Store(tmp_path / "store").runs()
        assert page.url.endswith(run.id)
        assert (run.config["epochs"], run.config["limit"]) == (1, 20)
        page.get_by_test_id("stMain").get_by_role("heading", name="Run", exact=True).wait_for()
        assert not visitor.exceptions()
