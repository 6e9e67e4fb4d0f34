"""An export is drawn from the store by a command: it must be the figure that the page shows."""

import json
import shlex

import pytest
from streamlit.testing.v1 import AppTest

from ict.errors import InputError
from ict.figures.asked import Choice, Request
from ict.figures.from_store import request_bundle
from ict.figures.plain import plain
from ict.store import Store
from ict.store.run_rows import run_rows
from tests.app.conftest import Open
from tests.figure_store import collected_figures

VIEWS = {
    "curves": {
        "metric": "train_loss",
        "smooth": "0.6",
        "x": "time",
        "colour": "seed",
        "log": "true",
    },
    "run": {},
    "ablation": {},
    "benchmark": {"average": "mean_of_groups"},
    "channels": {
        "of": "digits-ict_tiny-class_l2-000000",
        "with": "sprites_loc-ict_tiny-class_l2-000000",
        "order": "lowest",
        "k": "7",
        "view": "raw",
    },
    "inspect": {},
    "overlap": {"in_block": "3", "measure": "jaccard"},
    "criteria": {"agree": "top K"},
}
PAGE_ONLY = ("datarevision", "uirevision", "dragmode", "height")


def bare(figure: dict) -> dict:
    layout = {name: value for name, value in figure["layout"].items() if name not in PAGE_ONLY}
    return {"data": figure["data"], "layout": layout}


def exported(app: AppTest) -> dict:
    for button in app.button:
        if str(button.key).startswith("add_"):
            button.click()
    app.run()
    assert not app.exception
    assert not app.error
    return collected_figures()


@pytest.mark.parametrize("page", VIEWS)
def test_an_export_is_the_figure_of_the_page(
    open_page: Open, stores: dict[str, Store], page: str
) -> None:
    query = dict(VIEWS[page])
    if page == "run":
        done = [row for row in stores["study"].table() if row["status"] == "done"]
        query["run"] = done[0]["run_id"]
    app = open_page(page, "study", **query)
    shown = [bare(json.loads(chart.proto.spec)) for chart in app.get("plotly_chart")]
    bundles = exported(app)
    assert len(bundles) == len(shown)
    for name, one in bundles.items():
        figure = bare(plain(one.figure))
        if name == "overlap-matrix":  # the page adds unseen marks to be clicked
            assert (
                figure["data"] == next(f for f in shown if "coloraxis" in f["layout"])["data"][:1]
            )
        else:
            assert figure in shown, name


def test_a_command_names_a_store_that_is_not_the_users(
    stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICT_STORE", str(stores["empty"].root))
    request = Request("curves", ["a b"], Choice(metric="lr", k=(3, 4), pair=("x", "--y")))
    words = shlex.split(request.command(stores["study"]))
    assert words[:4] == ["ict", "figure", "curves", "a b"]
    assert words[4:-2] == ["--metric=lr", "--k", "3,4", "--pair", "x", "--y"]
    assert words[-2:] == ["--store", str(stores["study"].root)]
    assert "--store" not in request.command(stores["empty"])


def test_a_source_that_is_not_of_a_figure_is_said_to_be_left_out(stores: dict[str, Store]) -> None:
    shown = stores["study"]
    run, score = shown.run_ids()[0], shown.scores()[0]["score_id"]
    one = request_bundle(Request("curves", [run, score]), shown)
    assert one.provenance["left_out"] == {"not of this figure": [score]}
    assert "Left out of what was asked for: 1 (not of this figure)." in one.caption_text


def test_a_map_beside_a_run_has_the_colours_of_its_scores(stores: dict[str, Store]) -> None:
    shown = stores["study"]
    row = next(row for row in run_rows(shown) if row.score_id and row.task == "sprites_loc")
    of = ["digits-ict_tiny-class_l2-000000"]
    ends = [
        request_bundle(Request("score-map", of, Choice(beside=beside)), shown).figure.layout
        for beside in (row.run_id, row.score_id, None)
    ]
    assert ends[0].coloraxis.cmax == ends[1].coloraxis.cmax != ends[2].coloraxis.cmax
    with pytest.raises(InputError, match="nothing-here"):
        request_bundle(Request("score-map", of, Choice(beside="nothing-here")), shown)
