"""What pages say from per-image sums: energy, stability, ceilings, more images; and without sums."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ict.analysis.overlap import at_every_k
from ict.analysis.sources import open_source
from ict.analysis.tables import energy_rows
from ict.scores import load_scores
from ict.store import Store
from ict.store.channel_sets import list_sets
from tests.app.conftest import Open
from tests.app.test_pages import figure, texts
from tests.figure_store import add_scores


@pytest.fixture
def scored(tmp_path, stores: dict[str, Store]) -> list[str]:
    """Two tasks with per-image sums, as the state `sums` of `open_page`."""
    stores["sums"] = Store(tmp_path / "sums")
    return [add_scores(stores["sums"], task) for task in ("count", "digits")]


def last_figure(app: AppTest) -> dict:
    return figure(app, len(app.get("plotly_chart")) - 1)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label.startswith(label)).click().run()


def test_energy_is_that_of_the_sums(open_page: Open, stores: dict[str, Store], scored: list[str]):
    app = open_page("channels", "sums", of=scored[0], behind="Energy")
    assert not app.exception
    rows = energy_rows(open_source(stores["sums"].score_dir(scored[0])))
    drawn = {trace["name"].split()[0]: trace for trace in last_figure(app)["data"]}
    assert set(drawn) == {"offset", "class", "images", "tokens", "classes"}
    assert "beyond shuffled labels" in texts(app)
    assert "participation ratio" in texts(app)
    assert len(rows) == 12


def test_stability_is_computed_once_on_request(
    open_page: Open, stores: dict[str, Store], scored: list[str]
):
    app = open_page("channels", "sums", of=scored[0], behind="Stability")
    assert "kept in the store" in texts(app)
    after = press(app, "Resample the images")
    assert not after.exception
    assert len(list((stores["sums"].root / "analysis").glob("stability-*.json"))) == 1
    again = open_page("channels", "sums", of=scored[0], behind="Stability")
    assert "Resample the images 100 times" not in [button.label for button in again.button]
    assert "With shuffled class labels" in texts(again)


def test_without_sums_the_command_is_named(open_page: Open):
    for tab, command in (("Energy", "ict energy"), ("Stability", "ict stability")):
        app = open_page(
            "channels", "study", of="digits-ict_tiny-class_l2-000000", behind=tab, block="2"
        )
        assert not app.exception
        assert app.code[0].value.startswith(f"{command} digits --backbone ict_tiny")


def test_class_map_is_of_the_chosen_channels_by_rank(open_page: Open, stores: dict[str, Store]):
    score = "digits-ict_tiny-class_l2-000000"
    app = open_page("channels", "study", of=score, block="3")
    scores = load_scores(stores["study"].score_dir(score)).arrays["attn.0"][3]
    drawn = last_figure(app)["data"][0]
    best = [str(channel) for channel in np.argsort(-scores)[:24]]
    assert drawn["x"] == best


def test_overlap_at_every_k_and_with_more_images(
    open_page: Open, stores: dict[str, Store], scored: list[str]
):
    app = open_page("overlap", "sums", pair_as="At every K", block="4")
    assert not app.exception
    a, b = (load_scores(stores["sums"].score_dir(i)).arrays["attn.0"][4] for i in scored)
    assert "count and digits" in str(last_figure(app)["data"][0]["name"])
    assert at_every_k(a, b)[23] == int(
        next(m.value for m in app.markdown if m.value.startswith("**Block 4")).split()[2]
    )
    app = press(open_page("overlap", "sums", pair_as="More images"), "Draw fewer images")
    assert not app.exception
    assert last_figure(app)["layout"]["xaxis"]["tickvals"] == [2, 5, 10, 20]
    assert len(list((stores["sums"].root / "analysis").glob("growth-*.json"))) == 1


def test_a_named_set_is_saved_and_marked_again_over_another_task(
    open_page: Open, stores: dict[str, Store], scored: list[str]
):
    app = open_page("channels", "sums", of=scored[0])
    app.slider(key="k").set_value(5).run()
    app.text_input(key="set_name").set_value("five each").run()
    app = press(app, "Save the set")
    assert not app.exception
    assert [one.channels for one in list_sets(stores["sums"])] == [60]
    app = open_page("channels", "sums", of=scored[1], order="a saved set")
    assert not app.exception
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Chosen channels"] == "60 of 2,304"
    app = press(app, "Delete")
    assert list_sets(stores["sums"]) == []
    assert not app.exception
