"""Figures of pairs of tasks: overlap in each block and at every K, and transfer."""

import numpy as np
import pytest

from ict import figures
from ict.figures import matrices, samples, theme


def test_pair_matrix_is_symmetric_and_empty_on_the_diagonal():
    rows = samples.overlap_table(3, blocks=4)
    names = list(dict.fromkeys([*rows.task_a, *rows.task_b]))
    matrix = matrices.pair_matrix(rows, names, "overlap")
    assert np.isnan(np.diag(matrix)).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    one = rows[(rows.task_a == names[0]) & (rows.task_b == names[2])].overlap.mean()
    assert matrix[0, 2] == pytest.approx(one)
    figure = figures.overlap_matrix(rows, value="overlap", groups=samples.TASKS)
    assert list(figure.data[0].customdata[0][2]) == [names[0], names[2]]


def test_overlap_lines_show_chance_ceiling_and_the_halves():
    rows = samples.overlap_table(2)
    figure = figures.overlap_lines(rows)
    by_name = {t.name: t for t in figure.data}
    assert by_name["noise ceiling (halves)"].y.tolist() == rows.ceiling.tolist()
    assert by_name["the pair (halves)"].y.tolist() == rows.half_overlap.tolist()
    band = by_name["chance, central 95 %"].y
    assert set(band) == {6, 18}
    assert "50 splits" in theme.caption_of(figure)
    bare = figures.overlap_lines(rows.drop(columns=["half_overlap", "ceiling", "splits"]))
    assert "noise ceiling (halves)" not in {t.name for t in bare.data}


def test_transfer_stars_mark_intervals_without_zero_and_the_diagonal_is_empty():
    rows = [
        {"task": "a", "source": "b", "difference": -2.0, "low": -3.0, "high": -1.0, "n": 5},
        {"task": "b", "source": "a", "difference": 0.4, "low": -0.2, "high": 1.0, "n": 5},
    ]
    figure = figures.transfer_matrix(rows)
    assert list(figure.data[0].x) == ["a", "b"]
    told, untold = figure.data
    assert [list(row) for row in told.text] == [["", "−2.0*"], ["", ""]]
    assert [list(row) for row in untold.text] == [["", ""], ["+0.4", ""]]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-2, 2)


def test_transfer_colours_say_no_more_than_the_data():
    """A cell whose interval holds 0, or that has none, is grey; colours end at 1 point at least."""
    rows = [
        {"task": "a", "source": "b", "difference": -0.2, "low": -0.3, "high": -0.1, "n": 5},
        {"task": "b", "source": "a", "difference": 4.0, "low": -0.2, "high": 8.2, "n": 3},
        {"task": "b", "source": "random", "difference": -9.0, "low": np.nan, "high": np.nan, "n": 1},
    ]  # fmt: skip
    figure = figures.transfer_matrix(rows)
    told, untold = figure.data
    np.testing.assert_array_equal(np.isfinite(told.z), [[False, True, False], [False] * 3])
    np.testing.assert_array_equal(untold.z, [[np.nan] * 3, [0, np.nan, 0]])
    assert len({colour for _, colour in untold.colorscale}) == 1
    assert untold.coloraxis is None
    assert not untold.showscale
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-1, 1)
    assert untold.customdata[1][0] == "+4.00 points [−0.20, +8.20], n = 3"
    assert "grey" in theme.caption_of(figure)


def test_overlap_at_every_k_is_a_share_and_chance_is_its_diagonal():
    figure = figures.overlap_at_k({"a and b": np.array([0, 1, 3, 4])}, k=2)
    assert figure.data[0].y.tolist() == [0, 50, 100, 100]
    assert list(figure.data[1].y) == [25, 100]
