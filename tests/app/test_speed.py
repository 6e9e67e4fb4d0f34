"""What makes the app fast, counted and not timed: nothing is read or drawn twice, and no change is missed."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from ict_app.common import chrome, kept, plot, readers

from ict.documents import tensor_files
from ict.figures import browser, theme
from ict.store import Store
from ict.store.base import BaseStore
from ict.store.run_rows import RunRow
from tests.app import fixture_store
from tests.app.conftest import Open

_opened: list[str] = []
_watching = threading.Event()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watching.is_set() and isinstance(arguments[0], str | os.PathLike):
        _opened.append(os.fspath(arguments[0]))


sys.addaudithook(_hook)  # none can be taken away again


def opened_below(folder: Path, work: Callable[[], object]) -> list[str]:
    """Names of the files below `folder` that Python opens during `work`."""
    _opened.clear()
    _watching.set()
    try:
        work()
    finally:
        _watching.clear()
    return [Path(path).name for path in _opened if path.startswith(f"{folder}/")]


def test_the_slider_of_overlap_reads_no_score_file_again(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = tensor_files.safe_open

    def counted(path: str, *words: object, **more: object) -> object:
        read.append(str(path))
        return original(path, *words, **more)

    monkeypatch.setattr(tensor_files, "safe_open", counted)
    app = open_page("overlap", "study", kd="1/4")
    assert len(set(read)) >= 3  # a file a task
    read.clear()
    app.select_slider(key="kd").set_value("1/2").run()
    assert not app.exception
    assert "96 channels are shared" not in str(app.markdown)
    assert not read


def test_the_slider_of_channels_draws_anew_what_depends_on_k_alone(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    original = theme.finish

    def counted(figure: go.Figure, **words: Any) -> go.Figure:
        drawn.append(str(words["caption"]).split()[0])
        return original(figure, **words)

    monkeypatch.setattr(theme, "finish", counted)
    app = open_page("channels", "study", k="5")
    all_of_the_page = len(drawn)
    drawn.clear()
    app.slider(key="k").set_value(4).run()
    assert 0 < len(drawn) < all_of_the_page  # the scores by class of one channel have no K
    drawn.clear()
    app.slider(key="k").set_value(5).run()
    assert not app.exception
    assert not drawn


@pytest.mark.parametrize("page", ["train", "channels", "ablation", "benchmark", "compare"])
def test_a_page_of_many_runs_reads_the_index_alone(
    open_page: Open, stores: dict[str, Store], page: str
) -> None:
    app = open_page(page, "many")
    readers.forget_rows()
    runs = stores["many"].runs_dir
    assert not opened_below(runs, app.run)
    name = stores["many"].run_ids()[0]
    label = runs / name / "label.json"
    label.write_text('{"name": "mine"}')
    try:
        readers.forget_rows()
        assert "label.json" in opened_below(runs, app.run)
        assert set(_opened_runs()) == {name}
    finally:
        label.unlink()


def _opened_runs() -> list[str]:
    return [Path(path).parent.name for path in _opened if "/runs/" in path]


@pytest.mark.parametrize(("page", "figures"), [("curves", 0), ("ablation", 0), ("compare", 1)])
def test_a_page_looks_at_the_runs_once(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, page: str, figures: int
) -> None:
    """And each of the `figures` that it draws as `ict figure` does once, the first time."""
    looks: list[Path] = []
    original = BaseStore.read_table

    def counted(store: BaseStore) -> object:
        looks.append(store.root)
        return original(store)

    monkeypatch.setattr(readers, "TABLE_SECONDS", 60.0)
    monkeypatch.setattr(BaseStore, "read_table", counted)
    app = open_page(page, "many")
    assert len(looks) == 1 + figures
    app.run()
    assert len(looks) == 1 + figures


@pytest.mark.parametrize("page", ["curves", "ablation", "compare"])
def test_of_the_same_runs_nothing_is_made_again(open_page: Open, page: str) -> None:
    app = open_page(page, "many")
    readers.forget_rows()
    made = kept.made()
    assert made
    assert not app.run().exception
    assert kept.made() == made


def test_what_is_made_of_records_is_kept_until_one_is_another() -> None:
    rows = [RunRow(run_id="a", seed=1), RunRow(run_id="b", seed=2)]
    seen: list[int] = []

    def total(of: Sequence[RunRow], more: int) -> int:
        seen.append(len(of))
        return sum(int(row.seed or 0) for row in of) + more

    assert [kept.of_rows(total, list(rows), 1) for _ in range(3)] == [4, 4, 4]
    assert seen == [2]
    assert kept.of_rows(total, rows, 2) == 5
    assert kept.of_rows(total, rows[:1], 1) == 2
    assert kept.of_rows(total, [rows[0], RunRow(run_id="b", seed=5)], 1) == 7


def test_records_are_those_of_before_but_for_runs_that_changed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in (1, 2):
        fixture_store.add_done(store, seed=seed, day=seed)
    before = readers.run_rows(store)
    fixture_store.add_done(store, seed=3, day=3)
    fixture_store.finish(store.run(before[0].run_id), accuracy=0.5)
    readers.forget_rows()
    new, changed, same = readers.run_rows(store)
    assert (new.seed, changed.seed, changed.test_accuracy) == (3, 2, 0.5)
    assert same is before[1]


def test_a_figure_is_drawn_once_for_what_was_seen() -> None:
    drawn: list[tuple[object, ...]] = []

    def draw(*of: object, theme: str) -> go.Figure:
        drawn.append((*of, theme))
        return go.Figure()

    first = plot.once(draw, [1, 2], seen=(1, 2), theme="light")
    assert plot.once(draw, [1, 2], seen=(1, 2), theme="light") is first
    assert plot.once(draw, [1, 3], seen=(1, 3), theme="light") is not first
    assert plot.once(draw, [1, 2], seen=(1, 2), theme="dark") is not first
    assert drawn == [([1, 2], "light"), ([1, 3], "light"), ([1, 2], "dark")]


def test_a_served_app_starts_one_chrome_and_no_other_process_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Semaphore(0)
    for name, fresh in (("_served", threading.Event()), ("_asked", threading.Lock())):
        monkeypatch.setattr(chrome, name, fresh)
    monkeypatch.setattr(chrome, "AFTER_SECONDS", 0.0)
    monkeypatch.setattr(browser, "warm", started.release)
    chrome.figure_shown()  # of AppTest, or a notebook
    monkeypatch.setenv("ICT_WARM_CHROME", "0")
    chrome.serve()
    chrome.figure_shown()
    assert not started.acquire(timeout=0.2)
    monkeypatch.delenv("ICT_WARM_CHROME")
    chrome.serve()
    for _ in range(3):
        chrome.figure_shown()
    assert started.acquire(timeout=10)
    assert not started.acquire(timeout=0.2)
