"""*Compare* and *Predictions* show what the commands say and what the files of answers hold."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from ict.cli import main
from ict.figures.plain import plain
from ict.store import Store
from ict.store.predictions import Predictions, read_predictions
from tests.app import fixture_store
from tests.app.conftest import Open
from tests.app.test_exports import bare, exported

A, B = "study:answered/grid", "study:answered/random-K"


def texts(app: AppTest, *kinds: str) -> str:
    return "\n".join(str(one.value) for kind in kinds for one in app.get(kind)).replace("\\", "")


def metrics(app: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


def told(*names: str, store: Store) -> dict:
    outcome = CliRunner().invoke(
        main, ["compare", *names, "--json"], env={"ICT_STORE": str(store.root)}
    )
    return json.loads(outcome.stdout)


def runs_of(store: Store) -> dict[str, list[str]]:
    rows = [row for row in store.table() if row["status"] == "done"]
    rows.sort(key=lambda row: row["seed"])
    return {
        "a": [row["run_id"] for row in rows if row["criterion"] != "random"],
        "b": [row["run_id"] for row in rows if row["criterion"] == "random"],
    }


def answers(store: Store, run_id: str) -> Predictions:
    found = read_predictions(store.run(run_id))
    assert isinstance(found, Predictions)
    return found


def captions_of_pictures(app: AppTest) -> list[list[str]]:
    """The lines below each picture."""
    found = (str(one.value).replace("\\", "").split("  \n") for one in app.caption)
    return [lines for lines in found if lines[0].startswith("class ")]


def test_numbers_are_those_of_the_command(open_page: Open, stores: dict[str, Store]) -> None:
    """Without a link: the declared contrast of the newest study."""
    app = open_page("compare", "answered")
    assert not app.exception
    store = stores["answered"]
    document = told(A, B, store=store)
    (task,) = document["tasks"]
    first, second = document["verdicts"]
    shown = metrics(app)
    assert shown["A"] == f"{100 * task['a']:.2f} %"
    assert shown["B"] == f"{100 * task['b']:.2f} %"
    assert shown["A − B"].replace("−", "-") == f"{100 * first['difference']:+.2f} points"
    bounds = f"{100 * first['low']:+.2f} to {100 * first['high']:+.2f}"
    assert shown["95 % interval"].replace("−", "-") == bounds
    assert (shown["Seeds"], shown["Test images"]) == ("3", "797")
    said = texts(app, "markdown").replace("−", "-")
    assert "grid - random-K: " in said
    assert f"{bounds}, 3 seeds, these images, new seeds): {first['verdict']}" in said
    interval = f"{100 * second['low']:+.2f} to {100 * second['high']:+.2f}"
    assert f"{interval}, 3 seeds, new seeds and new images): {second['verdict']}" in said
    assert "The primary contrast of study answered" in texts(app, "caption")
    helps = [one.proto.help for one in app.metric]
    assert all(helps)


@pytest.mark.parametrize("kind", ["lost", "gained", "both"])
def test_flips_have_the_labels_and_the_answers_of_the_files(
    open_page: Open, stores: dict[str, Store], kind: str
) -> None:
    ids = runs_of(stores["answered"])
    a, b = (answers(stores["answered"], ids[side][0]) for side in "ab")
    app = open_page("compare", "answered", a=A, b=B, flip=kind)
    assert not app.exception
    wanted = []
    for i in range(len(a)):
        right = a.predictions[i] == a.labels[i], b.predictions[i] == b.labels[i]
        differ = a.predictions[i] != b.predictions[i]
        certain = {"lost": b.probabilities[i], "gained": a.probabilities[i]}
        if {"lost": right == (True, False), "gained": right == (False, True)}.get(
            kind, right == (False, False) and differ
        ):
            wanted.append((certain.get(kind, a.probabilities[i] + b.probabilities[i]), i))
    wanted.sort(key=lambda one: (-one[0], one[1]))
    lines = [
        [
            f"class {a.labels[i]}",
            f"A {a.predictions[i]} ({100 * a.probabilities[i]:.0f} %)",
            f"B {b.predictions[i]} ({100 * b.probabilities[i]:.0f} %)",
        ]
        for _, i in wanted
    ]
    assert lines
    assert captions_of_pictures(app) == lines[:24]
    assert f"({len(lines)})" in str(app.get("button_group"))


def test_agreement_and_power_are_drawn_and_exported_as_on_the_page(
    open_page: Open, stores: dict[str, Store]
) -> None:
    for look, figure in (("agreement", "agreement-methods"), ("power", "power")):
        app = open_page("compare", "answered", look=look)
        shown = [bare(json.loads(chart.proto.spec)) for chart in app.get("plotly_chart")]
        bundles = exported(app)
        assert {"compare", figure} <= set(bundles)  # with what was collected before
        for name in ("compare", figure):
            assert bare(plain(bundles[name].figure)) in shown


def test_losses_are_told_in_nats(open_page: Open, stores: dict[str, Store]) -> None:
    app = open_page("compare", "answered", outcome="loss", look="power")
    assert not app.exception
    assert metrics(app)["Margin"] == "± 0.05 nats"
    assert "lower is better" in texts(app, "markdown")
    assert "Of accuracies: what seeds find of losses says" in texts(app, "caption")


def test_a_filter_that_no_list_offers_is_taken_from_the_link(open_page: Open) -> None:
    app = open_page("compare", "answered", a="seed=42,criterion=class_l2", b=f"{B},seed=42")
    assert not app.exception
    assert {box.key: box.value for box in app.selectbox}["a"] == "seed=42,criterion=class_l2"
    assert metrics(app)["Seeds"] == "1"
    assert metrics(app)["95 % interval"] == "–"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("compare", {"a": "study:answered/nothing"}),
        ("compare", {"a": "../../x", "b": "<b>"}),
        ("compare", {"b": "no_field=3"}),
        ("predictions", {"run": "nobody"}),
        ("predictions", {"sheet": "99"}),
        ("predictions", {"images": "cell", "label": "77", "answer": "Infinity"}),
    ],
)
def test_odd_links_are_one_sentence(open_page: Open, page: str, query: dict[str, str]) -> None:
    app = open_page(page, "answered", **query)
    assert not app.exception
    assert app.warning
    assert app.get("plotly_chart")


def test_the_same_runs_on_both_sides_are_one_sentence(open_page: Open) -> None:
    app = open_page("compare", "answered", a=A, b=A)
    assert not app.exception
    assert "are the same runs" in texts(app, "error")


def test_predictions_are_counted_and_shown_as_the_file_has_them(
    open_page: Open, stores: dict[str, Store]
) -> None:
    run_id = runs_of(stores["answered"])["b"][1]
    own = answers(stores["answered"], run_id)
    app = open_page("predictions", "answered", run=run_id)
    assert not app.exception
    counts = np.zeros((10, 10), int)
    for label, answer in zip(own.labels, own.predictions, strict=True):
        counts[label, answer] += 1
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    confusion, right = spec["data"], [one["text"] for one in spec["layout"]["annotations"]]
    wrong_cells = [
        ["" if a == b or not n else str(n) for b, n in enumerate(row)]
        for a, row in enumerate(counts)
    ]
    assert confusion[0]["text"] == wrong_cells
    assert right == [str(n) for n in np.diag(counts)]
    assert len(confusion[1]["x"]) == (counts > 0).sum()  # what can be clicked
    wrong = [i for i in range(len(own)) if own.predictions[i] != own.labels[i]]
    wrong.sort(key=lambda i: (-own.probabilities[i], i))
    assert metrics(app)["Wrong"] == f"{len(wrong)} of 797"
    lines = [
        [f"class {own.labels[i]}", f"answer {own.predictions[i]} ({100 * own.probabilities[i]:.0f} %)"]
        for i in wrong
    ]  # fmt: skip
    assert len(lines) > 24
    assert captions_of_pictures(app) == lines[:24]
    second = open_page("predictions", "answered", run=run_id, sheet="2")
    assert captions_of_pictures(second) == lines[24:48]
    bundles = exported(app)
    assert set(bundles) == {"confusion", "class-accuracy"}
    assert bundles["class-accuracy"].table["images"].sum() == 797


def test_a_click_on_a_cell_shows_its_images(open_page: Open, stores: dict[str, Store]) -> None:
    run_id = runs_of(stores["answered"])["b"][0]
    own = answers(stores["answered"], run_id)
    app = open_page("predictions", "answered", run=run_id)
    cells = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][1]["customdata"]
    label, answer, images, _ = next(cell for cell in cells if cell[0] != cell[1])
    linked = open_page("predictions", "answered", run=run_id, images="cell",
                       label=str(label), answer=str(answer))  # fmt: skip
    shown = captions_of_pictures(linked)
    assert len(shown) == min(24, images)
    assert all(lines[0] == f"class {label}" for lines in shown)
    assert sum((own.labels == label) & (own.predictions == answer)) == images


@pytest.fixture
def changed(stores: dict[str, Store], tmp_path: Path) -> Iterator[Store]:
    """A copy of `answered`, to be spoilt, as `changed`."""
    shutil.copytree(stores["answered"].root, tmp_path / "changed")
    stores["changed"] = Store(tmp_path / "changed")
    yield stores["changed"]
    del stores["changed"]


def test_answers_that_were_left_behind_are_said_with_the_command(
    open_page: Open, changed: Store
) -> None:
    run_id = runs_of(changed)["a"][0]
    changed.run(run_id).predictions_path.unlink()
    app = open_page("predictions", "changed", run=run_id)
    assert not app.exception
    assert "predictions.safetensors was left behind" in texts(app, "info")
    assert f"ict remove {run_id}" in app.code[0].value
    both = open_page("compare", "changed")
    assert not both.exception
    assert metrics(both)["Seeds"] == "3"
    said = texts(both, "info", "caption")
    assert "nothing is told about new images and flips" in said
    assert "was left behind" in said


def test_without_the_images_their_places_are_listed(open_page: Open, changed: Store) -> None:
    """Of a task that is not on this machine."""
    run = fixture_store.add_done(changed, task="caltech101", k=(48,))
    own = fixture_store.add_answers(run, wrong=0.05)
    app = open_page("predictions", "changed", run=run.id, images="unsure")
    assert not app.exception
    table = app.dataframe[0].value
    least = np.argsort(own.probabilities, kind="stable")[:24]
    assert list(table["image"]) == [f"image {i} of the test list" for i in least]
    assert list(table["class"]) == [f"class {own.labels[i]}" for i in least]
    assert "No pictures: task 'caltech101' is not on this machine" in texts(app, "caption")
