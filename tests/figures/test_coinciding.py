"""Series that lie on each other are drawn once, under the names of all."""

import numpy as np

from ict.figures import agreement_lines, deletion_curves
from ict.figures.coinciding import joint, together
from ict.figures.effects import effect_points


def test_equal_coordinates_belong_together_and_a_gap_is_one():
    nan = float("nan")
    found = together({"a": [0, 1, nan], "b": [0, 2, nan], "c": [-0.0, 1 + 1e-12, nan], "d": [0, 1]})
    assert found == [("a", "c"), ("b",), ("d",)]
    assert joint(found[0]) == "a = c"


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
