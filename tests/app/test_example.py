"""The example study that comes with the app fills every page of a first start."""

import pytest

from ict.store import Store
from tests.app.conftest import PAGES, ROOT, Open
from tests.app.test_pages import figure, texts

EXAMPLE = ROOT / "assets" / "example_store"


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
    if page == "predictions":  # those of the example were left behind
        assert "The example comes without them" in texts(app)
    elif page != "train":
        assert app.get("plotly_chart")


def test_overlap_has_a_ceiling_at_every_share(first_start: Open):
    for share in ("1/64", "1/8", "1/2"):
        app = first_start("overlap", kd_overlap=share)
        assert "No noise ceiling" not in texts(app)
        lines = figure(app, len(app.get("plotly_chart")) - 1)["data"]
        assert any("ceiling" in str(trace.get("name")) for trace in lines)


def test_channels_tells_energy_and_stability(first_start: Open):
    for tab in ("Energy", "Stability"):
        app = first_start("channels", behind=tab)
        assert not app.code, "a command stands where the figure should be"


def test_channels_tells_what_the_choice_is_made_of(first_start: Open):
    """Its sums stayed behind; what `ict stability` made of them and the class norms did not."""
    app = first_start("channels", behind="Made of", of="digits-ict_tiny-class_l2-attn-9f9ee0513a6d")
    lines = {trace["name"] for trace in figure(app, len(app.get("plotly_chart")) - 1)["data"]}
    assert lines == {"class labels shuffled", "plain l2", "mean of other tasks", "chance"}
    (shown,) = (table.value for table in app.dataframe if "top_share" in table.value)
    assert list(shown["shuffled"].round(1)[:2]) == [24, 24]
    assert "the choice says little about the classes" in app.warning[0].value
    score = "ict score digits --backbone ict_tiny --split train800"
    of_class_tokens = score.replace(" --split", " --tokens cls --split")
    assert app.code[0].value == f"{score} --keep-images\n{of_class_tokens}"


def test_inspect_shows_images_and_weights(first_start: Open):
    app = first_start("inspect")
    assert len(app.get("image")) == 9
    assert len(app.get("plotly_chart")) == 5  # classes, scores, activations, weights in and out


def test_criteria_and_transfer_have_answers(first_start: Open):
    assert "Causal check" in [title.value for title in first_start("criteria").subheader]
    assert "No causal check" not in texts(first_start("criteria"))
    assert len(figure(first_start("transfer"))["data"][0]["x"]) == 2  # sprites_ori, random


def test_nothing_of_the_machine_that_made_it_is_left():
    for run in Store(EXAMPLE).runs():
        assert set(run.record["sources"].values()) == {None}
        assert not {"host", "pid"} & set(run.execution() or {})


def test_the_form_says_whose_time_it_expects(first_start: Open) -> None:
    app = first_start("train")
    assert any("that of the example's runs" in caption.value for caption in app.caption)
