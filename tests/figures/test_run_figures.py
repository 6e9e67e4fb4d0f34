"""Figures of runs: accuracies against K, epochs and parameters, with n and intervals said."""

import numpy as np
import pandas as pd
import pytest

from ict import figures
from ict.analysis.intervals import t_interval
from ict.figures import samples, theme


def test_accuracy_against_k_draws_means_intervals_and_every_run():
    table = samples.ratio_table()
    figure = figures.accuracy_against_k(table)
    part = table[(table.series == "ict") & (table.ratio == 0.125)]
    expected = t_interval(100 * part.accuracy)
    line = next(t for t in figure.data if t.name == "ict" and t.mode == "lines+markers")
    at = list(line.x).index(0.125)
    assert line.y[at] == pytest.approx(expected.mean)
    assert line.error_y.array[at] == pytest.approx(expected.high - expected.mean)
    assert tuple(line.customdata[at]) == pytest.approx((5, expected.low, expected.high))
    dots = [t for t in figure.data if t.mode == "markers" and t.legendgroup == "ict"]
    assert len(dots[0].x) == 7 * 5
    level = t_interval(100 * table[table.series == "full"].accuracy).mean
    assert any(s.type == "line" and s.y0 == pytest.approx(level) for s in figure.layout.shapes)
    assert figure.layout.xaxis.ticktext[0] == "1/64"
    assert "n = 5" in theme.caption_of(figure)
    assert "95 % t interval" in theme.caption_of(figure)


def test_one_seed_has_no_interval_and_the_caption_says_so():
    table = samples.ratio_table()
    figure = figures.accuracy_against_k(table[table.seed == 42])
    assert all(t.error_y.array is None for t in figure.data if t.type == "scatter")
    assert "n = 1" in theme.caption_of(figure)
    three = figures.accuracy_against_k(table[table.seed.isin([42, 44, 82])])
    assert "exploratory" in theme.caption_of(three)


def test_intervals_end_at_0_and_100_percent():
    rows = [("ict", 0.125, 24, seed, accuracy) for seed, accuracy in ((1, 0.9), (2, 0.99))]
    table = pd.DataFrame(rows, columns=["series", "ratio", "k", "seed", "accuracy"])
    (mean, _) = figures.accuracy_against_k(table).data  # the interval would be 37 to 152 %
    assert mean.y[0] + mean.error_y.array[0] == pytest.approx(100)
    assert 30 < mean.y[0] - mean.error_y.arrayminus[0] < 38
    lines = [{"epoch": 1, "train_accuracy": a, "train_loss": a} for a in (0.9, 0.99, 0.99)]
    runs = [{"label": "a", "seed": i, "progress": [line]} for i, line in enumerate(lines)]
    for metric, high in (("train_accuracy", 100), ("train_loss", None)):
        band = next(t for t in figures.training_curves(runs, metric).data if t.fill == "toself")
        assert max(band.y) == high if high else max(band.y) > 1


def test_training_curves_average_over_seeds_epoch_by_epoch():
    runs = [
        {"label": "ict", "seed": s, "progress": [{"epoch": 1, "train_accuracy": a}]}
        for s, a in ((1, 0.5), (2, 0.7))
    ]
    figure = figures.training_curves(runs, "train_accuracy")
    mean = next(t for t in figure.data if t.name == "ict")
    assert mean.y.tolist() == pytest.approx([60])
    assert sum(t.mode == "lines" and not t.name for t in figure.data) == 2
    nothing = figures.training_curves(runs, "val_accuracy")
    assert "no run has written val accuracy" in nothing.layout.annotations[0].text


def test_missing_numbers_are_gaps_and_never_zero():
    rows = [{"series": "ict", "ratio": 0.5, "k": 4, "seed": 1, "accuracy": float("nan")}]
    figure = figures.accuracy_against_k(rows)
    line = next(t for t in figure.data if t.name == "ict")
    assert np.isnan(line.y).all()


def test_benchmark_dots_sort_by_the_last_column_and_mark_own_runs():
    figure = figures.benchmark_dots(samples.average_table())
    dots = figure.data[-1]
    assert list(dots.x) == sorted(dots.x)
    colours = dict(zip(dots.y, dots.marker.color, strict=True))
    assert colours["ict"] == theme.BLUE
    assert colours["SSF"] != theme.BLUE


def test_rows_of_the_benchmark_are_named_and_unofficial_ones_say_so():
    table = samples.average_table().assign(source="published")
    twin = table.iloc[[0]].assign(source="this store, not the official test set")
    figure = figures.benchmark_dots(pd.concat([table, twin], ignore_index=True))
    names = list(figure.data[0].y)
    assert len(set(names)) == len(names) == len(table) + 1
    method = table.method.iloc[0]
    assert f"{method} (this store, not official)" in names
    assert figure.layout.yaxis.dtick == 1


def test_points_without_parameters_are_left_out_of_the_log_axis():
    table = samples.average_table()
    figure = figures.accuracy_against_parameters(table)
    drawn = [name for t in figure.data for name in t.customdata]
    assert "Linear probing" not in drawn
    assert len(drawn) == len(table) - 1


def test_labels_of_points_never_meet():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "method": [f"method {i}" for i in range(40)], "source": "published",
        "parameters": 10 ** rng.uniform(5, 6, 40), "mean_of_tasks": rng.uniform(70, 72, 40),
    })  # fmt: skip
    figure = figures.accuracy_against_parameters(table)
    assert 5 < len(figure.layout.annotations) < 40  # those that would collide are left to hover


def test_draws_of_one_seed_are_one_line_their_mean():
    """Two runs of a seed are no line that runs back from the last epoch to the first."""
    progress = [
        {"label": "random", "seed": seed, "progress": [
            {"epoch": epoch, "train_accuracy": base + epoch / 10} for epoch in (1, 2, 3)]}
        for seed, base in ((1, 0.1), (1, 0.3), (2, 0.2))
    ]  # fmt: skip
    thin = [t for t in figures.training_curves(progress).data if t.line.width == 0.8]
    assert [list(line.x) for line in thin] == [[1, 2, 3], [1, 2, 3]]
    np.testing.assert_allclose(thin[0].y, [30, 40, 50])
