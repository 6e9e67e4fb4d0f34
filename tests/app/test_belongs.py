"""What is shown belongs to what is chosen: images, ceilings, progress, counts, numbers of images."""

import json
from pathlib import Path
from typing import Any

import pytest
from ict_app.common import readers, words

from ict.analysis.overlap_row import CeilingRow
from ict.analysis.score_pairs import overlap_of_files
from ict.store import Run, Store
from tests import figure_store
from tests.app import fixture_store
from tests.app.conftest import Open
from tests.app.test_links import texts


def test_images_of_another_task_are_not_shown(open_page: Open):
    own = open_page("inspect", "study", of="digits-ict_tiny-class_l2-000000")
    assert "Images of digits" in texts(own)
    other = open_page("inspect", "study", of="sprites_loc-ict_tiny-class_l2-000000")
    assert "No images of sprites\\_loc yet" in texts(other)
    assert "ict inspect sprites_loc --backbone ict_tiny" in [code.value for code in other.code]
    assert not other.get("image")


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Store, dict[str, Path]]:
    """Two tasks with per-image sums, and one without."""
    store = Store(tmp_path / "mixed")
    ids = {task: figure_store.add_scores(store, task) for task in ("digits", "count")}
    ids["dtd"] = fixture_store.add_scores(store, "dtd")
    return store, {task: store.score_file(score_id) for task, score_id in ids.items()}


def test_a_pair_keeps_its_ceiling_beside_a_task_without_sums(mixed: tuple[Store, dict[str, Path]]):
    store, paths = mixed
    rows = overlap_of_files(paths, store, site="attn", ratio=1 / 8)
    with_it = {row.pair for row in rows if isinstance(row, CeilingRow)}
    assert with_it == {("digits", "count")}
    assert {row.pair for row in rows} - with_it == {("digits", "dtd"), ("count", "dtd")}
    two = {task: paths[task] for task in ("digits", "count")}
    assert rows[:12] == overlap_of_files(two, store, site="attn", ratio=1 / 8)
    plain = overlap_of_files(paths, store, site="attn", ratio=1 / 8, ceiling=False)
    assert [(row.pair, row.overlap) for row in rows] == [(row.pair, row.overlap) for row in plain]


def test_overlap_says_which_tasks_have_no_ceiling(
    open_page: Open, mixed: tuple[Store, dict[str, Path]], stores: dict[str, Store],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setitem(stores, "mixed", mixed[0])
    app = open_page("overlap", "mixed", task_a="digits", task_b="count")
    assert not app.exception
    assert "No noise ceiling for pairs with dtd" in texts(app)
    assert "ratio to ceiling" in app.button_group(key="measure").options
    assert "800 of dtd" in texts(app)  # and 40 of the others
    lines = next(c.proto.spec for c in app.get("plotly_chart") if "noise ceiling" in c.proto.spec)
    assert "the pair (halves)" in lines


def test_numbers_of_images_that_differ_are_one_sentence():
    sentence = words.unlike_images({"digits": 800, "count": 60, "unknown": None})
    assert sentence is not None
    assert "(800 of digits, 60 of count)" in sentence
    assert words.unlike_images({"digits": 800, "count": 800, "unknown": None}) is None


def metric(app: Any, label: str) -> str:
    return next(one.value for one in app.metric if one.label == label)


def test_a_resumed_run_shows_the_epochs_that_it_goes_on_from(
    open_page: Open, stores: dict[str, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = Store(tmp_path / "resumed")
    monkeypatch.setitem(stores, "resumed", store)
    run = fixture_store.add_killed(store, epochs=20)
    assert metric(open_page("run", "resumed"), "Epoch") == "5 of 20"
    run.checkpoint_path.mkdir()
    fixture_store.write(run.state_epoch_path, {"epoch": 3})
    fixture_store.write(run.path / "queued", {"sequence": 1})
    assert metric(open_page("run", "resumed"), "Epoch") == "3 of 20"
    drawn = json.loads(open_page("run", "resumed").get("plotly_chart")[0].proto.spec)
    assert list(drawn["data"][0]["x"]) == [1, 2, 3]


def test_a_report_of_an_earlier_start_is_none(tmp_path: Path):
    run = fixture_store.add_run(Store(tmp_path))
    begun = "2026-01-02T08:00:00.000+00:00"
    said = {"phase": "training", "done": 400, "total": 800, "epoch": 7}
    fixture_store.write(run.path / "execution.json", {"started_at": begun, "starts": 2})
    fixture_store.write(run.live_path, said | {"updated_at": "2026-01-02T07:59:59.000+00:00"})
    assert readers.live(run) == readers.LiveReport()
    assert readers.epochs_left_by(run, "running") == 0
    fixture_store.write(run.live_path, said | {"updated_at": "2026-01-02T08:00:01.000+00:00"})
    assert readers.live(run).epoch == 7
    assert readers.epochs_left_by(run, "running") is None


@pytest.mark.parametrize("when", ["2026-01-01", "2026-01-02", "2026-01-03"])
def test_a_clock_that_jumps_hides_no_report_of_the_process_that_runs(tmp_path: Path, when: str):
    run = fixture_store.add_run(Store(tmp_path))
    begun = "2026-01-02T08:00:00.000+00:00"
    said = {"phase": "training", "done": 400, "total": 800, "epoch": 7}
    fixture_store.write(run.path / "execution.json", {"started_at": begun, "pid": 12})
    fixture_store.write(run.live_path, said | {"updated_at": when, "pid": 12})
    assert readers.live(run).epoch == 7
    fixture_store.write(run.live_path, said | {"updated_at": when, "pid": 11})
    assert readers.live(run) == readers.LiveReport()


def test_a_run_that_was_brought_back_says_so(
    open_page: Open, stores: dict[str, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = Store(tmp_path / "again")
    monkeypatch.setitem(stores, "again", store)
    run: Run = fixture_store.add_done(store)
    assert "Started" not in texts(open_page("run", "again"))
    fixture_store.write(run.path / "execution.json", {"starts": 3, "resumed_epoch": 7})
    assert "Started 3 times, last resumed at epoch 7." in texts(open_page("run", "again"))
    assert words.starts(2, 0) == "Started 2 times, last begun anew."
    assert words.starts(2, None) == "Started 2 times."


def test_the_counts_are_those_after_what_the_page_did(
    open_page: Open, stores: dict[str, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from ict_app.tune import launch_form

    store = Store(tmp_path / "counted")
    monkeypatch.setitem(stores, "counted", store)
    fixture_store.add_done(store)

    def start(_wishes: object) -> list[str]:
        runs = [fixture_store.add_queued(store, seed=seed) for seed in (44, 82)]
        readers.forget_rows()
        return [run.id for run in runs]

    monkeypatch.setattr(launch_form, "start", start)
    app = open_page("train", "counted")
    assert "1 run, 0 running" in texts(app)
    next(button for button in app.button if button.label == "Start 1 run").click().run()
    assert "3 runs, 0 running, 2 queued" in texts(app)
