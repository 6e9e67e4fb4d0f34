"""Figures: what is drawn equals the table, the look is stable, n and intervals are said."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from ict import figures
from ict.analysis.intervals import t_interval
from ict.figures import curves, maps, matrices, samples, theme
from ict.selection import BlockSelection, Selection

THEMES = ("light", "dark", "print")
ALL = {name: samples.figures(name) for name in THEMES}


@pytest.mark.parametrize("name", ALL["light"])
def test_every_axis_has_a_title_and_every_figure_a_caption(name):
    figure = ALL["light"][name]
    names_only = {"overlap", "overlap-19", "agreement", "dendrogram", "benchmark"}
    names_only |= {"compare", "agreement-methods"}
    names_only |= {"score-map-swin"}  # its panels share the title of the highest
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        labelled = bool(axis.title.text)
        assert labelled or name in names_only, axis
    assert theme.caption_of(figure).endswith(".")
    assert not [t.type for t in figure.data if "gl" in t.type]


@pytest.mark.parametrize("name", ALL["light"])
def test_a_theme_changes_the_template_and_nothing_else(name):
    plain = {t: ALL[t][name].to_plotly_json() for t in THEMES}
    for found in plain.values():
        found["layout"].pop("template")
    assert str(plain["light"]) == str(plain["dark"]) == str(plain["print"])


@pytest.mark.parametrize("name", ["ict", "full", "linear", "class_l2", "cifar", "Anything else"])
def test_a_name_looks_the_same_in_any_company(name):
    alone = theme.look(name)
    assert theme.looks([name, "SSF", "NOAH"])[name] == alone
    assert theme.looks([name])[name] == alone


def test_known_names_do_not_share_a_look():
    for group in (list(theme._METHODS), list(theme._CRITERIA), list(theme._TASKS)):
        found = theme.looks(group)
        assert len(set(found.values())) == len(group)
    assert theme.look("random, fixed rate").colour == theme.look("random").colour
    pair = theme.looks(["random, tuned rate", "random, fixed rate"])
    assert pair["random, tuned rate"].colour == pair["random, fixed rate"].colour
    assert len(set(pair.values())) == 2
    ks = theme.looks(["ict K=12", "ict K=24", "ict K=48"])
    assert len({one.colour for one in ks.values()}) == 3


def contrast(a: str, b: str) -> float:
    """WCAG contrast of two #rrggbb colours."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", theme.PALETTE)
def test_every_colour_is_visible_on_white_and_on_dark(colour):
    assert contrast(colour, "#FFFFFF") >= 2.0
    assert contrast(colour, "#0E1117") >= 3.0


def test_ranks_count_from_the_highest_and_ties_go_by_number():
    assert maps.ranks(np.array([[1.0, 3.0, 3.0, 2.0]])).tolist() == [[4, 1, 2, 3]]


def test_views_of_scores_by_hand():
    scores = np.array([[1.0, 10.0, 100.0, 0.0]])
    assert maps.viewed(scores, "raw").dtype == np.float32
    log = maps.viewed(scores, "log")[0]
    assert log[:3].tolist() == [0, 1, 2]
    assert np.isnan(log[3])
    z = maps.viewed(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]), "z")
    assert z[0].tolist() == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert np.isnan(z[1]).all()  # no spread: nothing to say


def test_score_map_marks_the_chosen_channels_of_a_swin_with_stage_and_block():
    arrays = samples.stages(((2, 16), (3, 32)))
    chosen = Selection("attn", (
        BlockSelection(0, 1, 16, (2, 5)), BlockSelection(1, 3, 32, (7,)),
    ))  # fmt: skip
    figure = figures.score_map(arrays, selection=chosen)
    points = [tuple(p) for t in figure.data if t.type == "scatter" for p in t.customdata]
    ranks = [maps.ranks(a) for a in arrays]
    assert points == [
        (0, 1, 2, 1, ranks[0][1, 2]),
        (0, 1, 5, 1, ranks[0][1, 5]),
        (1, 1, 7, 3, ranks[1][1, 7]),
    ]
    heat = [t for t in figure.data if t.type == "heatmap"]
    assert [t.z.shape for t in heat] == [(2, 16), (3, 32)]
    assert {t.coloraxis for t in heat} == {"coloraxis"}
    assert heat[1].text[1][7] == "yes"
    assert heat[1].y.tolist() == [2, 3, 4]
    assert "3 chosen channels" in theme.caption_of(figure)


def test_a_vit_score_map_stays_light_enough_for_a_page():
    figure = ALL["light"]["score-map"]
    assert len(figure.to_json()) < 400_000
    bare = figures.score_map(samples.stages(), view="rank")
    assert len(bare.to_json()) < 220_000


def test_block_profile_is_cut_at_k():
    figure = figures.block_profile(np.array([1.0, 4.0, 3.0, 2.0]), 2)
    chosen, rest = figure.data
    assert chosen.y.tolist() == [4, 3]
    assert chosen.customdata.tolist() == [1, 2]
    assert rest.customdata.tolist() == [3, 0]
    assert "chosen 2 carry 70%" in theme.caption_of(figure)


def test_accuracy_against_k_draws_means_intervals_and_every_run():
    table = samples.ratio_table()
    figure = figures.accuracy_against_k(table)
    part = table[(table.series == "ict") & (table.ratio == 0.125)]
    expected = t_interval(100 * part.accuracy)
    line = next(t for t in figure.data if t.name == "ict" and t.mode == "lines+markers")
    at = list(line.x).index(0.125)
    assert line.y[at] == pytest.approx(expected.mean)
    assert line.error_y.array[at] == pytest.approx(expected.half_width)
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


def test_energy_shares_add_to_one_hundred():
    figure = figures.energy_split(samples.energy_table().assign(offset=lambda t: t.offset * 7))
    total = np.sum([t.y for t in figure.data if t.type == "bar"], axis=0)
    np.testing.assert_allclose(total, 100)


def test_energy_of_classes_below_nothing_is_drawn_as_nothing():
    row = {"block": 0, "offset": 0.5, "class": -0.02, "image": 0.12, "token": 0.4, "shuffled": 0.03}
    drawn = {trace.name: float(trace.y[0]) for trace in figures.energy_split([row]).data}
    parts = (50, 0, 10, 40, 53)  # the dash stands on the offset
    np.testing.assert_allclose(list(drawn.values()), parts, atol=1e-9)


def test_benchmark_dots_sort_by_the_last_column_and_mark_own_runs():
    figure = figures.benchmark_dots(samples.average_table())
    dots = figure.data[-1]
    assert list(dots.x) == sorted(dots.x)
    colours = dict(zip(dots.y, dots.marker.color, strict=True))
    assert colours["ict"] == theme.BLUE
    assert colours["SSF"] != theme.BLUE


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


def test_transfer_stars_mark_intervals_without_zero_and_the_diagonal_is_empty():
    rows = [
        {"task": "a", "source": "b", "difference": -2.0, "low": -3.0, "high": -1.0, "n": 5},
        {"task": "b", "source": "a", "difference": 0.4, "low": -0.2, "high": 1.0, "n": 5},
    ]
    figure = figures.transfer_matrix(rows)
    assert list(figure.data[0].x) == ["a", "b"]
    assert [list(row) for row in figure.data[0].text] == [["", "−2.0*"], ["+0.4", ""]]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-2, 2)


def test_overlap_at_every_k_is_a_share_and_chance_is_its_diagonal():
    figure = figures.overlap_at_k({"a and b": np.array([0, 1, 3, 4])}, k=2)
    assert figure.data[0].y.tolist() == [0, 50, 100, 100]
    assert list(figure.data[1].y) == [25, 100]


def test_stability_bars_are_the_rows_intervals():
    rows = samples.stability_table()
    figure = figures.stability_lines(rows)
    part = rows[rows.task == "kitti"]
    line = next(t for t in figure.data if t.name == "kitti")
    np.testing.assert_allclose(line.error_y.array, part.high - part.stability)
    assert "100 bootstrap resamples of n = 1000" in theme.caption_of(figure)


def test_causal_scatter_gives_spearmans_correlation_of_channels_that_have_both():
    from scipy import stats

    generator = np.random.default_rng(0)
    scores, effects = generator.random((2, 30))
    effects[3] = np.nan
    expected = stats.spearmanr(np.delete(scores, 3), np.delete(effects, 3)).statistic
    caption = theme.caption_of(figures.score_against_effect(scores, effects))
    assert f"{expected:.2f}" in caption
    assert "n = 29" in caption


@pytest.mark.parametrize(
    "figure",
    [
        figures.accuracy_against_k([]),
        figures.overlap_matrix([]),
        figures.overlap_lines([]),
        figures.energy_split([]),
        figures.benchmark_dots([]),
        figures.accuracy_against_parameters([]),
        figures.deletion_curves([]),
        figures.training_curves([], "train_loss"),
    ],
)
def test_nothing_to_draw_is_a_sentence_and_not_an_error(figure):
    assert len(figure.data) == 0
    assert len(figure.layout.annotations[0].text) > 10


def test_histogram_takes_values_or_counts():
    values = np.array([0.0, 0.1, 0.9, np.nan])
    assert sum(figures.histogram(values, bins=2).data[0].y) == 3
    counted = figures.histogram([2, 5], edges=[0, 1, 3])
    assert counted.data[0].y.tolist() == [2, 5]
    assert counted.data[0].width.tolist() == [1, 2]
    assert "n = 7" in theme.caption_of(counted)


def test_class_map_is_the_score_over_the_mean_of_classes_and_gaps_stay_gaps():
    scores = np.array([[1.0, 6.0], [3.0, 2.0], [np.nan, np.nan]])  # means 2 and 4
    figure = figures.class_map(scores, [7, 5], ["a", "b", "c"])
    shown = figure.data[0]
    np.testing.assert_allclose(2 ** shown.z[:2], [[0.5, 1.5], [1.5, 0.5]], rtol=1e-6)
    assert np.isnan(shown.z[2]).all()
    assert (list(shown.x), list(shown.y)) == (["7", "5"], ["a", "b", "c"])
    assert figure.layout.coloraxis.cmax == -figure.layout.coloraxis.cmin == pytest.approx(1)
    assert "2 channels over 2 classes" in theme.caption_of(figure)
    assert figures.class_map(np.full((2, 3), np.nan), [0, 1, 2]).layout.annotations


def test_class_profile_leaves_absent_classes_last():
    figure = figures.class_profile([1.0, np.nan, 3.0], ["a", "b", "c"])
    assert list(figure.data[0].x) == ["c", "a", "b"]


def test_applying_a_theme_leaves_the_original_alone():
    figure = figures.histogram([1.0, 2.0])
    before = figure.to_json()
    dark = figures.apply(figure, "dark")
    assert figure.to_json() == before
    assert isinstance(dark, go.Figure)
    assert dark.layout.template.layout.font.color != figure.layout.template.layout.font.color
    assert curves.METRICS["train_loss"][0].endswith("(nats)")
