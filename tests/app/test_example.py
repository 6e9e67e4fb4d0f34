"""The example study that comes with the app fills every page of a first start."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ict.adapter_gradients import AdapterGradients
from ict.selection.by_gradient import select_by_gradient
from ict.store import Store
from ict.store.names import gradient_file
from tests.app.conftest import PAGES, ROOT, Open
from tests.app.test_pages import figure, texts

EXAMPLE = ROOT / "assets" / "example_store"
REAL, GRADIENT = "vit_small_patch14_dinov2", "adapter_gradient"
PHOTOGRAPHS = "caltech101-vit_small_patch14_dinov2-class_l2-attn-ec239facf4b9"


@pytest.fixture
def first_start(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`open_page` of an empty store, with the real example in its place."""
    from ict_app.common import readers

    monkeypatch.setattr(readers, "EXAMPLE", EXAMPLE)
    return lambda page, **query: open_page(page, "empty", **query)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("export", "data")])
def test_every_page_shows_something(first_start: Open, page: str):
    app = first_start(page)
    assert not app.exception
    assert "example study" in texts(app)
    if page != "train":
        assert app.get("plotly_chart")


def test_overlap_has_a_ceiling_at_every_share(first_start: Open):
    for share in ("1/64", "1/8", "1/2"):
        app = first_start("overlap", kd_overlap=share)
        assert "No noise ceiling" not in texts(app)
        lines = figure(app, len(app.get("plotly_chart")) - 1)["data"]
        assert any("ceiling" in str(trace.get("name")) for trace in lines)


def behind(app: AppTest) -> list[str]:
    """Buttons that would compute what *Behind the scores* lacks."""
    beginnings = ("job_energy", "job_stability", "job_made_of")
    return [one.key for one in app.button if str(one.key).startswith(beginnings)]


def test_channels_tells_energy_and_stability(first_start: Open):
    for tab in ("Energy", "Stability"):
        app = first_start("channels", behind=tab)
        assert not behind(app), "a command stands where the figure should be"


def test_channels_tells_what_the_choice_is_made_of(first_start: Open):
    """Its sums stayed behind; what was made of them did not."""
    for of in ("digits-ict_tiny-class_l2-attn-078006fcf799", PHOTOGRAPHS):
        app = first_start("channels", behind="Made of", of=of)
        lines = {trace["name"] for trace in figure(app, len(app.get("plotly_chart")) - 1)["data"]}
        others = {"mean of other tasks", "class tokens"}
        assert lines == {"class labels shuffled", "plain l2", "chance", *others}
        (shown,) = (table.value for table in app.dataframe if "top_share" in table.value)
        assert shown["offset_share"].between(0, 1).all()
        assert (shown["shuffled"] > 2 * shown["chance"]).all()
        assert "the choice says little about the classes" in app.warning[0].value
        assert not behind(app), "a command stands where a column should be"


def test_the_four_tasks_of_photographs_overlap_beyond_chance(first_start: Open):
    app = first_start("overlap", of=PHOTOGRAPHS)
    assert not app.exception
    own = Store(EXAMPLE).scores()
    assert len({meta["task"] for meta in own if meta["backbone"] == REAL}) == 4


@pytest.mark.parametrize("share", ["1/32", "1/8"])
def test_criteria_shows_first_steps_as_kept(first_start: Open, share: str):
    for gradients in (one for one in Store(EXAMPLE).scores() if one["criterion"] == GRADIENT):
        app = first_start("criteria", gradients=gradients["score_id"], kd_step=share)
        assert not app.exception
        charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
        (dots,) = [one for one in charts if "gradient, two sets" in one["data"][0].get("y", ())]
        assert dots["data"]
        assert not [button for button in app.button if button.label == "Measure first steps"]


def test_gradients_on_digits_choose_channels(tmp_path):
    """In half precision and half as many parts: enough to choose by, and to measure another K with."""
    (record,) = (
        one
        for one in Store(EXAMPLE).scores()
        if (one["task"], one["criterion"]) == ("digits", GRADIENT)
    )
    gradients = AdapterGradients.load(gradient_file(Path(record["path"]).parent))
    assert (gradients.heads, len(gradients.halvings())) == ((0, 0, 1, 1), 2)
    chosen = select_by_gradient(gradients, selector="gradient_rw", k=5)
    assert {len(block.indices) for block in chosen.blocks} == {5}


def test_predictions_of_each_run_are_there():
    assert all(run.predictions_path.is_file() for run in Store(EXAMPLE).runs())
    assert len(Store(EXAMPLE).runs()) == 67


def test_no_photograph_and_no_gradient_of_photographs_is_in_it():
    names = {path.name for path in EXAMPLE.glob("**/*") if "vit_small" in str(path)}
    assert not {
        name for name in names if name.startswith(("thumbs", "inspect", "adapter_grad"))
    } - {"adapter_gradient"}
    assert sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file()) <= 15e6


def test_inspect_shows_images_and_weights(first_start: Open):
    app = first_start("inspect")
    assert len(app.get("image")) == 2 * (9 + 3 + 3)  # of high, middle and low energy, with maps
    assert len(app.get("plotly_chart")) == 5  # classes, scores, activations, weights in and out


def test_criteria_and_transfer_have_answers(first_start: Open):
    assert "Causal check" in [title.value for title in first_start("criteria").subheader]
    assert "No causal check" not in texts(first_start("criteria"))
    app = first_start("transfer")
    assert len(figure(app)["data"][0]["x"]) >= 3  # sprites_ori, noise, random
    shown = app.dataframe[0].value.select_dtypes("number").round(2)
    assert any(set(shown[name]) == {98.34} for name in shown)  # on its own: of class_l2 alone


def test_nothing_of_the_machine_that_made_it_is_left():
    for run in Store(EXAMPLE).runs():
        assert set(run.record["sources"].values()) == {None}
        assert not {"host", "pid"} & set(run.execution() or {})


def test_the_form_says_whose_time_it_expects(first_start: Open) -> None:
    """The example's runs were of another machine; this one is measured when it is asked to be."""
    app = first_start("train")
    assert not app.exception
    assert any(button.label.startswith("Measure") for button in app.button)
