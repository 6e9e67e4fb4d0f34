"""A published store in the app: it says so, no button changes it, no address starts anything."""

import ast
import dataclasses
import functools
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ict_app.common import published
from ict_app.common.published import SENTENCE

from ict.files import PUBLISHED
from ict.selection import Selection
from ict.store import Store, basket, channel_sets
from ict.store.basket import Entry
from ict.store.channel_sets import ChannelSet
from tests.app import fixture_store
from tests.app.conftest import PAGES, ROOT, Open
from tests.app.test_jobs import unfolded
from tests.app.test_links import texts
from tests.same_bytes import state

CACHES = ("index.json", "sound.json", "analysis")
LOOKING = {  # buttons that only show, by the file and the beginning of their label as it is written
    "app/ict_app/channels/first_step_view.py:'Measure first steps'": "computes for this page",
    "app/ict_app/channels/overlap_pair_view.py:'Draw fewer images 80 times'": "computes for this page",
    "app/ict_app/channels/sums_view.py:'Resample the images 100 times'": "computes for this page",
    "app/ict_app/channels/sets_view.py:'Dismiss'": "hides a line",
    "app/ict_app/channels/sets_view.py:no": "keeps what there is",
    "app/ict_app/common/shell.py:button": "leads to a page",
    "app/ict_app/jobs/view.py:one.label": "has the sentence as its hindrance",
    "app/ict_app/studies/study_choice.py:'Look again'": "reads anew",
    "app/ict_app/tune/manage.py:'Dismiss'": "hides a line",
    "app/ict_app/tune/run_groups.py:'Open'": "leads to a page",
    "app/ict_app/tune/run_view.py:'Delete'": "of the example, disabled",
    "pages/benchmark.py:label": "leads to a page",
    "app/ict_app/common/published.py:label": "is the gated one",
}


@functools.cache
def calls() -> dict[str, list[tuple[str, ast.Call]]]:
    """`module.function` → (file, call) of every such call of the app."""
    found: dict[str, list[tuple[str, ast.Call]]] = {}
    for path in (path for room in ("app", "pages") for path in sorted((ROOT / room).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = f"{ast.unparse(node.func.value)[:20]}.{node.func.attr}"
                found.setdefault(name, []).append((str(path.relative_to(ROOT)), node))
    return found


def test_every_button_is_gated_or_only_shows():
    found = [*calls()["st.button"], *calls()["st.form_submit_button"]]
    assert {f"{path}:{ast.unparse(call.args[0])}" for path, call in found} == set(LOOKING)
    assert len(calls()["published.button"]) >= 17


@pytest.fixture(scope="module")
def kept(stores: dict[str, Store], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """State `everything`: a study, a run that failed, one that waits, and a named set."""
    root = tmp_path_factory.mktemp("published") / "store"
    shutil.copytree(stores["study"].root, root)
    store = stores["everything"] = Store(root)
    fixture_store.add_failed(store, seed=3)
    fixture_store.add_queued(store, seed=7)
    score = next(one for one in store.scores() if one["task"] == "digits")
    form = next(run for run in store.runs() if run.has_selection).selection()
    assert form is not None
    chosen = dataclasses.replace(Selection.from_dict(form), backbone="ict_tiny")
    channel_sets.save(store, ChannelSet("mine", chosen, "digits", score["weights"]))
    store.table()
    yield store
    del stores["everything"]


@pytest.fixture
def everything(kept: Store, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> Store:
    """`kept` with a collected figure, which `open_page` takes away; no process starts."""
    del open_page
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.root.parent / "cache"))
    basket.add(kept, Entry(name="a-figure", request={"name": "curves"}))

    def started(_self: Any, command: Any, *_rest: Any, **_more: Any) -> None:
        raise AssertionError(f"started {command}")

    monkeypatch.setattr(subprocess.Popen, "__init__", started)
    return kept


def query(page: str, store: Store) -> dict[str, str]:
    """The address at which a page shows most, with words that ask it to start, delete and import.

    Among them is the key of every button, as far as the code writes it as plain text.
    """
    shown = {"study": "k_ratio"} if page == "ablation" else {}
    if page == "run":
        shown = {"run": next(run.id for run in store.runs() if run.status() == "failed")}
    gated = [call for _, call in [*calls()["published.button"], *calls()["st.button"]]]
    said = [one.value for call in gated for one in call.keywords if one.arg == "key"]
    keys = [str(one.value) for one in said if isinstance(one, ast.Constant)]
    keys += ["job_score_go", "job_causal_go", "job_study_go", "job_link", "job_import", "job_check"]
    words = ["start", "go", "delete", "cancel", "remove", "import", "confirm", "yes", "submit"]
    pushy = {"action": "delete", "job": "start", "words": "data check digits"}
    return {**dict.fromkeys([*words, *keys], "true"), **pushy, **shown}


GATED = {
    "train": {"Start 1 run"},
    "run": {"Resume", "Name and tags", "Delete"},
    "curves": {"Add to Figures"},
    "channels": {"Save the set", "Score the channels"},
    "ablation": {"Start the other 2"},
    "export": {"Remove"},
    "data": {"Link it", "Import it", "Write the report"},
    "criteria": {"Check by replacing"},
}
"""Buttons of pages that start, write or delete; others of theirs go with them."""


@pytest.mark.parametrize("page", PAGES)
def test_a_published_page_says_so_and_no_click_changes_the_store(
    open_page: Open, everything: Store, monkeypatch: pytest.MonkeyPatch, page: str
):
    monkeypatch.setenv("ICT_READ_ONLY", "1")
    before = state(everything.root.parent)
    app = open_page(page, "everything", **query(page, everything))
    assert not app.exception
    assert "Published read-only" in texts(app)
    assert PUBLISHED not in texts(app)  # nothing was tried: no address starts anything
    app = unfolded(app)
    refused = {one.label for one in app.button if SENTENCE in (one.proto.help, one.help)}
    assert all(one.disabled for one in app.button if one.label in refused)
    assert GATED.get(page, set()) <= refused
    if page in GATED:
        monkeypatch.setattr(published, "refusal", lambda: None)  # as on a page drawn before that
        app.run()
    clicked = {one.label: one for one in app.button if not one.disabled and not _leads(one)}
    for one in clicked.values():  # one figure's menu stands for all
        one.click()
    if clicked:
        app.run()
    assert not app.exception
    assert state(everything.root.parent) == before


def _leads(button: Any) -> bool:
    return str(button.key).startswith("empty_") or button.label.startswith(("Open", "How to get"))


@pytest.mark.parametrize("page", ["train", "run", "data"])
def test_no_address_starts_anything(open_page: Open, everything: Store, page: str):
    """Also where the store can be written to: nothing of it is new or other, but for its caches."""
    before = state(everything.root, but=CACHES)
    app = open_page(page, "everything", **query(page, everything))
    assert not app.exception
    after = state(everything.root, but=CACHES)
    del before[str(everything.root)], after[str(everything.root)]  # a cache that is new in it
    assert {path: one for path, one in after.items() if "/analysis/" not in path} == before


def test_the_same_click_changes_a_store_that_is_not_published(open_page: Open, everything: Store):
    app = open_page("export", "everything")
    next(one for one in app.button if one.label == "Remove").click()
    app.run()
    assert basket.entries(everything) == []
    assert "Published read-only" not in texts(app)
