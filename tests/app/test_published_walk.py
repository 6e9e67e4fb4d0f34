"""All pages in a real browser: of a server that publishes its store, and of a folder that is mounted read-only."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ict.store import Store, basket
from ict.store.basket import Entry
from tests.app import fixture_store
from tests.app.conftest import PAGES, ROOT
from tests.app.test_published import GATED
from tests.same_bytes import state
from tests.store.test_published_folder import MOUNTED

pytest.importorskip("playwright")
from tests.app.served import CHROMIUM, READY, Server, Visitor, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
SENTENCE = "Published read-only: nothing is started, changed or deleted here."
CHANGING = ("train", "run", "export")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The example as a store of one's own, with a run that failed and a collected figure."""
    root = tmp_path_factory.mktemp("published") / "store"
    shutil.copytree(ROOT / "assets" / "example_store", root)
    found = Store(root)
    fixture_store.add_failed(found, seed=3)
    basket.add(found, Entry(name="a-figure", request={"name": "curves"}))
    before = state(root)
    yield found
    assert state(root) == before


def place(page: str, store: Store) -> str:
    """The address at which a page shows most."""
    failed = next(run.id for run in store.runs() if run.status() == "failed")
    return f"/{page}" + (f"?run={failed}" if page == "run" else "")


def walk(server: Server, store: Store, look: Any) -> None:
    """Opens every page, looks at it with all that it hides, and meets no error."""
    with browser() as chrome:
        visitor = Visitor(chrome, server.url, accept_downloads=True)
        for page in PAGES:
            visitor.open(place(page, store))
            visitor.page.wait_for_selector(READY)
            closed = visitor.page.locator("details:not([open]) > summary:visible")
            while closed.count():
                closed.first.click()
            visitor.settle()
            look(page, visitor)
            assert (visitor.errors, visitor.exceptions()) == ([], []), page


def test_every_page_of_a_published_server_says_so_and_offers_no_change(
    store: Store, tmp_path: Path
) -> None:
    refused: dict[str, set[str]] = {}

    def look(page: str, visitor: Visitor) -> None:
        shown = visitor.page
        sidebar = shown.get_by_test_id("stSidebar")
        assert sidebar.get_by_text("Published read-only.").count() == 1
        buttons = shown.get_by_test_id("stMain").get_by_test_id("stButton")
        if page in CHANGING:
            buttons.locator("button:disabled").first.wait_for()  # drawn after the script has ended
        refused[page] = {one.inner_text() for one in buttons.locator("button:disabled").all()}
        if page == "curves":
            shown.get_by_role("button", name="Export").first.click()
            add = shown.get_by_role("button", name="Add to Figures")
            add.wait_for()
            assert add.is_disabled()
            with shown.expect_download() as download:
                shown.get_by_role("button", name="CSV", exact=True).click()
            assert "epoch" in Path(download.value.path()).read_text()
        if page == "export":
            buttons.filter(has_text="Remove").first.hover()
            shown.get_by_text(SENTENCE).first.wait_for()

    server = Server(store.root, tmp_path, ICT_READ_ONLY="1", XDG_CACHE_HOME=str(tmp_path / "cache"))
    try:
        walk(server, store, look)
    finally:
        server.stop()
    assert not (tmp_path / "cache" / "ict").exists()
    for page in CHANGING:
        seen = {label for text in refused[page] for label in text.splitlines()}
        assert seen & GATED[page], (page, seen)


def test_every_page_of_a_folder_mounted_read_only_works(store: Store, tmp_path: Path) -> None:
    def look(page: str, visitor: Visitor) -> None:
        if page != "export":
            return
        visitor.page.get_by_role("button", name="Remove").first.click()
        visitor.page.get_by_text("the store cannot be written to").first.wait_for()

    below = ["unshare", "-rm", "sh", "-c", MOUNTED, str(store.root)]
    if subprocess.run([*below, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no user mount a folder read-only (unshare -rm)")
    told = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": os.environ.get("HOME", "/")}
    server = Server(store.root, tmp_path, below, **told)
    try:
        walk(server, store, look)
    finally:
        server.stop()
