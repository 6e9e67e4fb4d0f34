"""Every page on every store, and what single controls do."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from ict.store import Store
from tests.app import fixture_store
from tests.app.conftest import PAGES, STATES, Open

TITLES = {"export": "Figures"}


def texts(app: AppTest) -> str:
    found = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.title]
    return "\n".join(str(element.value) for element in found)


def figure(app: AppTest, index: int = 0) -> dict:
    return json.loads(app.get("plotly_chart")[index].proto.spec)


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("state", STATES)
def test_page_draws_without_an_exception(open_page: Open, page: str, state: str) -> None:
    app = open_page(page, state)
    assert not app.exception
    assert [title.value for title in app.title] == [TITLES.get(page, page.capitalize())]


@pytest.mark.parametrize("page", ["run", "curves", "channels", "overlap", "inspect", "ablation"])
def test_empty_page_has_one_button_for_the_next_step(open_page: Open, page: str) -> None:
    app = open_page(page, "empty")
    # that it leads to Train is seen in test_walk.py; jobs that make what is missing stand below
    (step,) = [one for one in app.button if not one.key.startswith("job_")]
    assert step.label.startswith(("Start", "Plan"))


def test_form_counts_runs_and_parameters(open_page: Open) -> None:
    app = open_page("train", "empty")
    app.multiselect(key="seeds").set_value(["42", "44"])
    app.multiselect(key="shares").set_value(["1/8", "1/2"])
    app.run()
    assert metrics(app)["Runs"] == "4"
    head = 192 * 10 + 10
    low, high = 12 * (24**2 + 24) + head, 12 * (96**2 + 96) + head
    assert metrics(app)["Trained parameters"] == f"{low:,} – {high:,}"


def test_a_linear_probe_is_one_run_at_any_k(open_page: Open) -> None:
    app = open_page("train", "empty")
    app.multiselect(key="shares").set_value(["1/8", "1/2"])
    app.get("button_group")[1].set_value(["ict", "linear"])
    app.run()
    assert metrics(app)["Runs"] == "3"


def test_form_says_what_is_wrong_in_one_sentence(open_page: Open) -> None:
    app = open_page("train", "empty", shares="7/3")
    app.multiselect(key="shares").set_value(["7/3"]).run()
    assert "choose a share above 0" in texts(app)
    assert app.button[0].disabled


def test_a_start_that_cannot_be_says_why(open_page: Open) -> None:
    app = open_page("train", "empty")
    app.multiselect(key="seeds").set_value([]).run()
    assert any("choose a task, a method and a seed" in warning.value for warning in app.warning)
    assert app.button[0].disabled


def test_expected_time_comes_from_finished_runs(open_page: Open) -> None:
    app = open_page("train", "one", epochs="20", image_size="64")
    assert metrics(app)["Expected time"] == "1 min 11 s"  # 800 × 20 / 236 + 3.1 seconds
    less = open_page("train", "one", epochs="10", image_size="32")
    assert metrics(less)["Expected time"] == "9 s"  # half of the epochs, a quarter of the pixels


def test_start_writes_the_run_and_hands_it_over(
    open_page: Open, stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[str] = []
    monkeypatch.setattr("ict.running.local.submit", lambda _store, ids: handed.extend(ids))
    app = open_page("train", "empty")
    try:
        start = next(button for button in app.button if button.label == "Start 1 run")
        start.click().run()
        assert [run.id for run in stores["empty"].runs()] == handed
        assert handed[0].startswith("digits-ict_tiny-ict-k24-")
    finally:
        for run_id in handed:
            stores["empty"].remove(run_id)


def test_failed_run_shows_its_sentence_and_folds_the_traceback(
    open_page: Open, stores: dict[str, Store]
) -> None:
    app = open_page("run", "failed", run=stores["failed"].runs()[0].id)
    assert "cannot be decoded as an image" in app.error[0].value
    assert "Traceback" in [expander.label for expander in app.expander]


def test_running_run_says_epoch_and_time_left(open_page: Open, stores: dict[str, Store]) -> None:
    running = next(run for run in stores["running"].runs() if run.status() == "running")
    app = open_page("run", "running", run=running.id)
    assert metrics(app)["Time left"] == "43 s"
    assert metrics(app)["Epoch"] == "6 of 20"
    assert "Cancel" in [button.label for button in app.button]


def test_unknown_run_in_a_link_is_a_sentence(open_page: Open) -> None:
    app = open_page("run", "one", run="../../etc/passwd")
    assert not app.exception
    assert "No run '../../etc/passwd' here: showing digits" in texts(app).replace("\\", "")


def test_foreign_folder_is_named_as_text(open_page: Open) -> None:
    app = open_page("curves", "foreign")
    assert "1 thing cannot be read and is left out" in app.expander[0].label
    assert app.expander[0].text[0].value.startswith("<b>my **notes**:")


def test_map_marks_what_the_run_chose(open_page: Open, stores: dict[str, Store]) -> None:
    run = stores["one"].runs()[0]
    app = open_page("channels", "one", of=run.id)
    marks = next(trace for trace in figure(app)["data"] if trace["type"] == "scatter")
    assert len(marks["text"]) == 12 * 24
    assert metrics(app)["Chosen channels"] == "288 of 2,304"


def test_k_slider_moves_mask_and_parameters(open_page: Open) -> None:
    app = open_page("channels", "one")
    app.slider(key="k").set_value(96).run()
    assert metrics(app)["Chosen channels"] == "1,152 of 2,304"
    assert metrics(app)["Adapter parameters"] == f"{12 * (96**2 + 96):,}"


def test_k_moves_the_overlap_of_two_tasks_at_once(open_page: Open) -> None:
    query = {
        "of": "digits-ict_tiny-class_l2-000000",
        "with": "sprites_loc-ict_tiny-class_l2-000000",
    }
    app = open_page("channels", "study", **query)
    before = metrics(app)
    app.slider(key="k").set_value(192).run()
    after = metrics(app)
    assert before["By chance"] == "36"  # 12 blocks × 24² / 192
    assert after["Shared by the two"] == "2,304 of 2,304"


@pytest.mark.parametrize("data", [[0, 5, 17, 5, 3], {"0": 0, "1": 5, "2": 17, "3": 5, "4": 3}])
def test_a_click_on_a_mark_selects_its_block_and_channel(
    data: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ict_app.channels import channel_view

    put: list[dict[str, int]] = []
    state = {"map": {"selection": {"points": [{"customdata": data}]}}}
    monkeypatch.setattr(channel_view.st, "session_state", state)
    monkeypatch.setattr(channel_view.address, "put", lambda **values: put.append(values))
    channel_view._followed()
    assert (state["clicked"], put) == (
        {"block": 5, "channel": 17},
        [],
    )  # its page opens; this one's address stays
    state["click"] = "stay"
    channel_view._followed()
    assert put == [{"block": 5, "channel": 17}]


@pytest.mark.parametrize(
    ("backbone", "panels"),
    [("vit_large_patch16_224.augreg_in21k", 1), ("swin_base_patch4_window7_224.ms_in22k", 4)],
)
def test_large_and_staged_scores_have_their_panels(
    open_page: Open, stores: dict[str, Store], backbone: str, panels: int
) -> None:
    score_id = f"dtd-{backbone}-class_l2-000000"
    if not stores["study"].score_dir(score_id).is_dir():
        fixture_store.add_scores(stores["study"], "dtd", backbone=backbone, classes=47)
    app = open_page("channels", "study", of=score_id)
    assert not app.exception
    maps = [trace for trace in figure(app)["data"] if trace["type"] == "heatmap"]
    assert len(maps) == panels
    assert all("rank" in trace["hovertemplate"] for trace in maps)


def test_curves_group_seeds_and_compare_two(open_page: Open) -> None:
    app = open_page("curves", "study", only_task="sprites_loc")
    drawn = figure(app)["data"]
    assert sum(trace.get("fill") == "toself" for trace in drawn) == 1  # the interval of three seeds
    assert "sprites_loc" not in {trace.get("name") for trace in drawn}  # it is not what differs


def test_filters_in_the_link_hold(open_page: Open) -> None:
    app = open_page("curves", "many", only_task="count", only_k="24")
    rows = app.dataframe[0].value
    assert set(rows["task"]) == {"count"}
    assert set(rows["k"]) == {"24"}


def test_ablation_has_a_point_for_each_k(open_page: Open) -> None:
    app = open_page("ablation", "study", study="all", only_task="digits")
    seeds = {t["name"]: [row[0] for row in t["customdata"]]
             for t in figure(app)["data"] if t["mode"] == "lines+markers"}  # fmt: skip
    # at each K; a study of 4 epochs is no seed of runs of 20
    assert (seeds["ict, epochs 20"], seeds["ict, epochs 4"]) == ([2, 2, 3, 2, 2, 2], [2, 2, 2])
    ticks = ["1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1"]
    assert figure(app)["layout"]["xaxis"]["ticktext"] == ticks
    assert "also differ in epochs" in texts(app)  # 20 and 4: two curves


def test_overlap_names_why_there_is_no_ceiling(open_page: Open) -> None:
    app = open_page("overlap", "study")
    assert "--keep-images" in texts(app)


def test_example_study_stands_in_for_an_empty_store(
    open_page: Open, stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ict_app.common import readers

    monkeypatch.setattr(readers, "EXAMPLE", stores["study"].root)
    app = open_page("channels", "empty")
    assert "example study" in texts(app)
    assert "Chosen channels" in metrics(app)


def test_inspect_shows_the_images_that_drive_a_channel(open_page: Open) -> None:
    score = "digits-ict_tiny-class_l2-000000"
    app = open_page("inspect", "study", of=score, block="3", channel="17")
    assert not app.exception
    assert len(app.get("image")) == 2 * 3  # each beside its map
    assert app.number_input(key="channel").value == 17


def test_ablation_of_a_study_says_how_far_it_is(open_page: Open) -> None:
    app = open_page("ablation", "study", study="k_ratio")
    assert not app.exception
    names = {trace.get("name") for trace in figure(app)["data"]}
    assert {"ict", "random"} <= names


def test_the_rest_of_a_study_is_started_with_its_slots(
    open_page: Open, stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is queued with the slots of the study's file; what is done is not touched."""
    from ict.running import local
    from ict.store.studies import load_study

    asked = []
    monkeypatch.setattr(local, "submit", lambda store, ids, **how: asked.append((list(ids), how)))
    study = load_study(stores["study"], "k_ratio")
    done = {i for i in study.run_ids if stores["study"].run(i).status() == "done"}
    app = open_page("ablation", "study", study="k_ratio")
    (button,) = [b for b in app.button if b.label.startswith("Start the other")]
    assert button.label.endswith(f" {len(study.run_ids) - len(done)}")
    button.click().run()
    assert not app.exception
    ((ids, how),) = asked
    assert set(ids) - done == set(study.run_ids) - done
    assert how == {"slots": study.document.get("slots")}
    assert {i for i in study.run_ids if stores["study"].run(i).status() == "done"} == done


def test_paired_differences_are_what_compare_says(store: Store) -> None:
    """Over common seeds, draws averaged in their seed, whatever the order of the rows."""
    import numpy as np
    from ict_app.studies.ablation_view import differences, series

    from ict.store.run_rows import run_rows
    from tests.answered_runs import run_of

    labels = np.arange(100) % 10
    for seed, wrong in ((1, 10), (2, 20)):
        said = np.where(np.arange(100) < wrong, (labels + 1) % 10, labels)
        run_of(store, said, labels, seed=seed, method="ict", ratio=0.125)
    for seed, draw, wrong in ((1, 10, 25), (1, 11, 35), (2, 20, 30), (3, 30, 90)):
        said = np.where(np.arange(100) < wrong, (labels + 1) % 10, labels)
        asked = {"method": "ict", "ratio": 0.125, "criterion": "random"}
        run_of(store, said, labels, seed=seed, selection_seed=draw, **asked)
    for rows in (run_rows(store), run_rows(store)[::-1]):
        found, notes = differences(store, series(rows), rows, "ict")
        assert [row.n for row in found] == [2, 2]
        assert found[0].difference == pytest.approx((20 + 10) / 2)
        assert found[0].verdict
        assert any("Paired on the 2 seeds" in note for note in notes)
