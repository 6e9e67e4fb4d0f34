"""What pages say from per-image sums: energy, stability, ceilings, more images; and without sums."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ict.analysis.chosen_sums import Asked
from ict.analysis.families import Beside
from ict.analysis.made_of import made_of
from ict.analysis.made_of_words import warnings
from ict.analysis.overlap import at_every_k
from ict.analysis.sources import open_source
from ict.analysis.tables import energy_rows
from ict.figures.asked import Choice, Request
from ict.figures.collected import entry_of
from ict.scores import load_scores
from ict.store import Store, basket
from ict.store.channel_sets import list_sets
from ict.tasks import list_tasks
from tests.app import fixture_store
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


def test_made_of_is_the_table_of_the_store_with_what_dominates(
    open_page: Open, stores: dict[str, Store], scored: list[str]
):
    from ict_app.common.words import plain

    store = stores["sums"]
    app = open_page("channels", "sums", of=scored[0], behind="Made of", k="30")
    assert not app.exception
    path = store.score_file(scored[0])
    record, other = (load_scores(store.score_file(name)).record for name in scored)
    held = Beside(tasks=(replace(other, path=str(store.score_file(scored[1]))),))
    made = made_of(Asked(record=record, path=path, site="attn", ks=(30,)), held, store)
    (shown,) = (table.value for table in app.dataframe if "top_share" in table.value)
    assert "cls" not in shown
    for name in ("block", "k", "chance", "shuffled", "l2", "others", "offset_share"):
        assert list(shown[name]) == [getattr(row, name) for row in made.rows]
    drawn = {trace["name"]: trace for trace in last_figure(app)["data"]}
    assert set(drawn) == {"class labels shuffled", "plain l2", "mean of other tasks", "chance"}
    assert warnings(made)
    assert all(plain(sentence) in texts(app) for sentence in warnings(made))
    assert "Other tasks: digits" in texts(app)
    assert app.code[0].value == "ict score count --backbone ict_tiny --tokens cls"
    assert not (store.root / "analysis").exists()  # a page that is looked at writes nothing


def test_made_of_nothing_says_what_to_do(open_page: Open, stores: dict[str, Store]):
    stores["alone"] = Store(stores["study"].root.parent / "alone")
    score = fixture_store.add_scores(stores["alone"], "digits", criterion="taylor")
    app = open_page("channels", "alone", of=score, behind="Made of")
    assert not app.exception
    assert "cannot tell yet what a choice by taylor is made of" in texts(app)
    words = "ict score {} --backbone ict_tiny --criterion taylor --tokens {} --split train800"
    here = [row["name"] for row in list_tasks() if row["available"]]
    other = next(name for name in here if name != "digits")
    commands = [words.format(other, "patch"), words.format("digits", "cls")]
    assert [code.value for code in app.code][:2] == commands


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
    assert "Used: the map marks it now." in texts_of(app)
    assert len(list_sets(stores["sums"])) == 1
    app = press(app, "Delete the set")
    assert list_sets(stores["sums"]) == []
    assert not app.exception
    press(app, "Undo")
    assert [one.channels for one in list_sets(stores["sums"])] == [60]


def test_a_set_of_that_name_is_replaced_only_when_that_is_asked_for(
    open_page: Open, stores: dict[str, Store], scored: list[str]
):
    store = stores["sums"]
    collected = Request("score-map", [scored[0]], Choice(set="mine"))
    basket.add(store, entry_of(collected, "map-of-mine"))
    app = open_page("channels", "sums", of=scored[0], k="5")
    app.text_input(key="set_name").set_value("mine").run()
    app = press(app, "Save the set")
    app.slider(key="k").set_value(7).run()
    for answer, kept in (("Keep it", 60), ("Replace it", 84)):
        app = press(app, "Save the set")
        assert "Used: 1 collected figure: map\\-of\\-mine." in texts_of(app)
        app = press(app, answer)
        assert not app.exception
        assert [one.channels for one in list_sets(store)] == [kept]
    assert all(not button.label.startswith("Replace") for button in app.button)


def texts_of(app: AppTest) -> str:
    return " ".join(one.value for one in app.markdown)
