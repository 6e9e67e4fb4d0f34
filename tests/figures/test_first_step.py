"""The figure of first steps draws what its table holds, and says which files it is of."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.errors import InputError
from ict.figures import caption_of, first_step_dots
from ict.figures.asked import Choice, Request
from ict.figures.from_store import request_bundle
from ict.figures.sample_data import first_step_rows
from ict.store import Store
from tests.selection.gradients import add_to_store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_points_are_gains_relative_to_the_best_and_bars_the_range_over_halvings():
    rows = [row for row in first_step_rows() if row.norm == "sign"]
    figure = first_step_dots(rows)
    (points,) = figure.data
    words = {"gradient": "gradient, one set", "gradient_rw": "gradient, two sets"}
    words["energy_read_gradient_write"] = "reads class_l2, writes gradient"
    assert list(points.y) == [words.get(row.name, row.name) for row in rows]
    assert list(points.x) == [row.relative_to_best for row in rows]
    assert points.x + points.error_x.array == pytest.approx([row.relative_highest for row in rows])
    low = points.x - points.error_x.arrayminus
    assert low == pytest.approx([row.relative_lowest for row in rows])
    assert "range over 10 dependent halvings, no interval" in caption_of(figure)


def test_both_norms_stand_side_by_side_the_best_of_the_first_on_top():
    figure = first_step_dots(first_step_rows())
    assert [trace.xaxis for trace in figure.data] == ["x", "x2"]
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0]
    assert figure.layout.yaxis.categoryarray[-1] == "gradient, two sets"


def test_a_set_without_a_gain_to_be_relative_to_has_no_point():
    one, *others = first_step_rows()
    gone = replace(one, relative_to_best=None, relative_lowest=None, relative_highest=None)
    assert one.name not in first_step_dots([gone, *others[:3]]).data[0].y
    assert first_step_dots([gone]).layout.annotations[0].text.startswith("no first step")


def test_a_point_without_a_range_has_no_bar_and_the_caption_says_why():
    rows = [replace(row, relative_lowest=None, relative_highest=None) for row in first_step_rows()]
    figure = first_step_dots(rows)
    assert len(figure.data[0].x) == 6
    assert np.isnan(figure.data[0].error_x.array).all()
    assert "the best gains nothing in one of the halvings" in caption_of(figure)
    assert "gains nothing" not in caption_of(first_step_dots(first_step_rows()))


def test_the_figure_of_a_store_names_all_files_that_are_in_it(store):
    ids = add_to_store(store)
    one = request_bundle(Request("first-step", [], Choice(ratio=0.25)), store)
    assert one.provenance["score_ids"] == sorted(ids)
    assert one.provenance["norm"] == ["unit", "sign"]
    assert set(one.table["norm"]) == {"unit", "sign"}
    assert set(one.table["k"]) == {"4"}
    assert "gradient, two sets" in set(one.summary["channels chosen by"])
    assert one.provenance["left_out"] == {}
    again = request_bundle(Request("first-step", [ids[0]], Choice(ratio=0.25)), store)
    assert again.figure == one.figure


def test_rankings_that_are_named_are_the_only_ones_drawn(store):
    gradients, _, taylor = add_to_store(store)
    other, *_ = add_to_store(store, task="count")
    request = Request("first-step", [gradients, taylor, other], Choice(k=(3,), norm="unit"))
    one = request_bundle(request, store)
    assert set(one.table["name"]) == {"taylor", "gradient", "gradient_rw", "random"}
    assert one.provenance["left_out"] == {"other gradients than those that are drawn": [other]}
    assert "--norm=unit" in request.command(store)


def test_without_gradients_the_command_that_makes_them_is_named(store):
    _, l2, _ = add_to_store(store)
    with pytest.raises(InputError, match="`ict score TASK --criterion adapter_gradient`"):
        request_bundle(Request("first-step", [l2]), store)


def test_a_step_of_an_unknown_norm_is_refused(store):
    add_to_store(store)
    with pytest.raises(InputError, match="norm='units': choose one of unit, sign"):
        request_bundle(Request("first-step", [], Choice(norm="units")), store)


def test_the_command_draws_the_norm_that_is_asked_for(store, tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_STORE", str(store.root))
    gradients, *_ = add_to_store(store)
    out = tmp_path / "f.json"
    words = ["figure", "first-step", gradients, "--norm", "sign", "--k", "4", "--out", str(out)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    written = json.loads(out.read_text())
    assert (written["norm"], written["site"]) == (["sign"], "attn")
    assert np.isin(["class_l2", "random"], written["criterion"]).all()
