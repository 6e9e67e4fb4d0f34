"""A published store in the app: it says so, no button changes it, no address starts anything."""

import ast
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ict_app.common.published import SENTENCE

from ict.files import PUBLISHED
from ict.store import Store, basket, channel_sets
from ict.store.basket import Entry
from ict.store.channel_sets import ChannelSet
from tests.app import fixture_store
from tests.app.conftest import PAGES, ROOT, Open
from tests.app.test_links import texts
from tests.same_bytes import state

CACHES = ("index.json", "sound.json", "analysis")
LOOKING = {  # buttons that only show, by the file and the beginning of their label as it is written
    "app/ict_app/channels/first_step_view.py:'Measure first steps'": "computes for this page",
    "app/ict_app/channels/overlap_view.py:'Draw fewer images 80 times'": "computes for this page",
    "app/ict_app/channels/sums_view.py:'Resample the images 100 times'": "computes for this page",
    "app/ict_app/channels/sets_view.py:'Dismiss'": "hides a line",
    "app/ict_app/channels/sets_view.py:no": "keeps what there is",
    "app/ict_app/common/shell.py:button": "leads to a page",
    "app/ict_app/jobs/view.py:one.label": "has the sentence as its hindrance",
    "app/ict_app/studies/ablation_view.py:'Look again'": "reads anew",
    "app/ict_app/tune/manage.py:'Dismiss'": "hides a line",
    "app/ict_app/tune/run_groups.py:'Open'": "leads to a page",
    "app/ict_app/tune/run_view.py:'Delete'": "of the example, disabled",
    "pages/benchmark.py:label": "leads to a page",
    "app/ict_app/common/published.py:label": "is the gated one",
}


def calls(*names: str) -> list[tuple[str, ast.Call]]:
    """(file, call) of every call of `st.NAME` or `published.NAME` in the app."""
    return [
        (str(path.relative_to(ROOT)), node)
        for room in ("app", "pages")
        for path in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]


def test_every_button_is_gated_or_only_shows():
    found = calls("st.button", "st.form_submit_button")
    assert {f"{path}:{ast.unparse(call.args[0])}" for path, call in found} == set(LOOKING)
    assert len(calls("published.button", "published.submit")) >= 18


@pytest.fixture
def everything(stores: dict[str, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """State `everything`: a study, a run that failed, one that waits, a set, a figure, a job that ended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    root = tmp_path / "store"
    shutil.copytree(stores["study"].root, root)
    store = stores["everything"] = Store(root)
    fixture_store.add_failed(store, seed=3)
    fixture_store.add_queued(store, seed=7)
    score = next(one for one in store.scores() if one["task"] == "digits")
    done = next(run for run in store.runs() if run.has_selection)
    selection = done.selection()
    assert selection is not None
    from ict.selection import Selection

    channel_sets.save(
        store, ChannelSet("mine", Selection.from_dict(selection), "digits", score["weights"])
    )
    basket.add(store, Entry(name="a-figure", request={"name": "curves"}))

    def started(_self: Any, command: Any, *_rest: Any, **_more: Any) -> None:
        raise AssertionError(f"started {command}")

    monkeypatch.setattr(subprocess.Popen, "__init__", started)
    yield store
    del stores["everything"]


def queries(page: str, store: Store) -> dict[str, str]:
    """What the address says, so that a page shows most."""
    if page == "run":
        return {"run": next(run.id for run in store.runs() if run.status() == "failed")}
    return {"study": "k_ratio"} if page == "ablation" else {}


def keys() -> list[str]:
    """The keys of all buttons as the code writes them, as far as they are plain text."""
    found = []
    for _, call in calls("st.button", "published.button", "st.form_submit_button"):
        said = [one.value for one in call.keywords if one.arg == "key"]
        found += [one.value for one in said if isinstance(one, ast.Constant)]
        found += [
            f"job_{one}"
            for one in ("score_go", "causal_go", "study_go", "link", "check", "download")
        ]
    return sorted({str(key) for key in found})


PUSHY = dict.fromkeys(
    ("start", "go", "delete", "cancel", "remove", "import", "confirm", "yes", "submit"), "true"
)
PUSHY |= {"action": "delete", "job": "start", "words": "data check digits"}


@pytest.mark.parametrize("page", PAGES)
def test_a_published_page_says_so_and_no_click_changes_the_store(
    open_page: Open, everything: Store, monkeypatch: pytest.MonkeyPatch, page: str
):
    monkeypatch.setenv("ICT_READ_ONLY", "1")
    before = state(everything.root.parent)
    app = open_page(
        page, "everything", **queries(page, everything), **PUSHY, **dict.fromkeys(keys(), "true")
    )
    assert not app.exception
    assert "Published read-only" in texts(app)
    assert PUBLISHED not in texts(app)  # nothing was tried: no address starts anything
    refused = [one for one in app.button if one.proto.help == SENTENCE]
    assert all(one.disabled for one in refused)
    for one in app.button:
        if not one.disabled and not _leads(one):
            one.click()
    first = {one.label: one for one in refused if one.disabled}  # one figure's menu stands for all
    for one in first.values():
        one.click()  # as one that a browser was made to send
    app.run()
    assert not app.exception
    assert state(everything.root.parent) == before


def _leads(button: Any) -> bool:
    return str(button.key).startswith("empty_") or button.label.startswith(
        ("Open", "How to get", "Start a run")
    )


@pytest.mark.parametrize("page", ["train", "run", "data"])
def test_no_address_starts_anything(open_page: Open, everything: Store, page: str):
    before = state(everything.root, but=CACHES)
    app = open_page(
        page, "everything", **queries(page, everything), **PUSHY, **dict.fromkeys(keys(), "true")
    )
    assert not app.exception
    after = state(everything.root, but=CACHES)
    assert {path for path in after if path not in before and "/analysis/" not in path} == set()
    assert {
        path: before[path] for path in before if path != str(everything.root)
    }.items() <= after.items()
    assert not [one for one in app.button if one.value]


def test_a_gated_button_can_be_clicked_elsewhere(open_page: Open, everything: Store):
    """The test of a published page can fail: without ICT_READ_ONLY the same clicks change the store."""
    app = open_page("export", "everything")
    remove = next(one for one in app.button if one.label == "Remove")
    assert not remove.disabled
    remove.click().run()
    assert basket.entries(everything) == []
    assert "Published read-only" not in texts(app)
