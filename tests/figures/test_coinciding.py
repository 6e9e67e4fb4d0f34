"""Series that lie on each other are drawn once, under the names of all."""

import numpy as np

from ict.figures import agreement_lines, deletion_curves
from ict.figures.coinciding import said, together
from ict.figures.effects import effect_points


def line(*values):
    return np.stack([np.arange(len(values)), np.array(values, dtype=float)], axis=1)


def test_lines_belong_together_where_none_of_their_points_can_be_told_apart():
    nan = float("nan")
    series = {"a": line(0, 1, nan), "b": line(0, 2, nan), "c": line(0, 1, nan), "d": line(0, 1)}
    found = together(series, within=0.01)
    assert [one.joint for one in found] == ["a = c", "b", "d"]
    near = together({"a": line(0, 1), "b": line(0.005, 1), "c": line(0, 1.02)}, within=0.01)
    assert [one.joint for one in near] == ["a ≈ b", "c"]
    assert "≈" in said(near)
    assert said(found) == ""


def names(figure):
    return [trace.name for trace in figure.data if trace.name]


def test_criteria_that_rank_alike_share_a_line_and_a_legend_entry():
    values = {"class_l2": [1.0, 1.0], "l2": [1.0, 1.0], "taylor": [0.3, 0.4]}
    rows = [{"criterion": name, "block": block, "value": value}
            for name, of in values.items() for block, value in enumerate(of)]  # fmt: skip
    assert names(agreement_lines(rows)) == ["class_l2 = l2", "taylor"]


def test_orders_that_delete_the_same_channels_share_a_curve():
    rows = [{"series": name, "fraction": share, "accuracy": 0.9 - share * slope, "seed": 0}
            for name, slope in (("class_l2", 0.5), ("l2", 0.5), ("random", 0.1))
            for share in (0.125, 0.5)]  # fmt: skip
    assert names(deletion_curves(rows)) == ["class_l2 = l2", "random"]


def test_sets_of_blocks_stand_at_their_middle_with_their_blocks_below():
    sets = [(None, None), (0, 3), (4, 7), (8, 11)]
    rows = [{"criterion": "l2", "block": a, "last_block": b, "spearman": 0.1, "low": -0.2,
             "high": 0.4, "n": 12} for a, b in sets]  # fmt: skip
    axis = effect_points(rows).layout.xaxis
    assert list(axis.ticktext) == ["0 to 3", "4 to 7", "8 to 11", "all"]
    assert np.allclose(axis.tickvals[:3], [1.5, 5.5, 9.5])
