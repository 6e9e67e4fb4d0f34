"""Figures of scores: maps, profiles, energies, stability and causal effects draw what the table holds."""

import numpy as np
import pytest

from ict import figures
from ict.figures import maps, samples, theme
from ict.selection import BlockSelection, Selection


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


def test_a_map_marks_what_is_written_where_it_is_not_what_is_read():
    arrays = samples.stages(((2, 16), (2, 32)))
    two = Selection("attn", (
        BlockSelection(0, 1, 16, (2, 5), writes=(5, 9)), BlockSelection(1, 2, 32, (7,)),
    ))  # fmt: skip
    lists = {
        "selection": maps.chosen_in(arrays, two),
        "written": maps.chosen_in(arrays, two, written=True),
    }
    for asked in ({"selection": two}, lists):
        figure = figures.score_map(arrays, **asked)
        marks = [t for t in figure.data if t.type == "scatter" and len(t.x)]
        points = {(t.name, *p[1:4].astype(int)) for t in marks for p in t.customdata}
        assert points == {
            ("read", 1, 2, 1), ("read", 1, 5, 1), ("written", 1, 5, 1), ("written", 1, 9, 1), ("read", 0, 7, 2),
        }  # fmt: skip
        heights = {t.name: float(t.y[0]) for t in marks if t.customdata[0][0] == 0}
        assert heights["written"] < 1 < heights["read"]  # the axis runs downwards
        assert "green ones above them those written" in theme.caption_of(figure)


def test_a_map_says_where_its_colours_end_and_two_share_a_scale():
    one, other = np.arange(200.0)[None], 3 * np.arange(200.0)[None]
    alone = figures.score_map([one])
    end = np.percentile(one, 99.5)
    assert alone.layout.coloraxis.cmax == pytest.approx(end)
    assert (
        f"Colours end at {end:.4g}, the 99.5th percentile; 1 channel lies above."
        in theme.caption_of(alone)
    )
    for view in ("raw", "z", "log"):
        pair = [
            figures.score_map([a], view=view, beside=[b]).layout.coloraxis
            for a, b in ((one, other), (other, one))
        ]
        assert (pair[0].cmin, pair[0].cmax) == (pair[1].cmin, pair[1].cmax)
    both = theme.caption_of(figures.score_map([one], beside=[other]))
    assert "percentile of both maps; 0 channels lie above." in both


def test_block_profile_is_cut_at_k():
    figure = figures.block_profile(np.array([1.0, 4.0, 3.0, 2.0]), 2)
    chosen, rest = figure.data
    assert chosen.y.tolist() == [4, 3]
    assert chosen.customdata.tolist() == [1, 2]
    assert rest.customdata.tolist() == [3, 0]
    assert "chosen 2 carry 70%" in theme.caption_of(figure)


def test_energy_shares_add_to_one_hundred():
    figure = figures.energy_split(samples.energy_table().assign(offset=lambda t: t.offset * 7))
    total = np.sum([t.y for t in figure.data if t.type == "bar"], axis=0)
    np.testing.assert_allclose(total, 100)


def test_energy_of_classes_below_nothing_is_drawn_as_nothing():
    row = {"block": 0, "offset": 0.5, "class": -0.02, "image": 0.12, "token": 0.4, "shuffled": 0.03}
    drawn = {trace.name: float(trace.y[0]) for trace in figures.energy_split([row]).data}
    parts = (50, 0, 10, 40, 53)  # the dash stands on the offset
    np.testing.assert_allclose(list(drawn.values()), parts, atol=1e-9)


def test_stability_bars_are_the_rows_intervals():
    rows = samples.stability_table()
    figure = figures.stability_lines(rows)
    part = rows[rows.task == "kitti"]
    line = next(t for t in figure.data if t.name == "kitti")
    np.testing.assert_allclose(line.error_y.array, part.high - part.stability)
    assert "100 bootstrap resamples of n = 1000" in theme.caption_of(figure)


def test_lines_of_what_a_choice_is_made_of_are_shares_of_k_over_chance():
    """Stages of a Swin have K of their own; what is not known has no line."""
    rows = samples.made_of_table().assign(k=[*[24] * 6, *[48] * 6], chance=6.0, cls=None)
    figure = figures.made_of_lines(
        rows, criterion="class_l2", tasks=("cifar", "kitti"), shuffles=10
    )
    drawn = {trace.name: trace for trace in figure.data}
    assert list(drawn) == ["class labels shuffled", "plain l2", "mean of other tasks", "chance"]
    np.testing.assert_allclose(drawn["plain l2"].y, 100 * rows.l2 / rows.k)
    assert list(drawn["chance"].y) == [25] * 6 + [12.5] * 6
    assert drawn["mean of other tasks"].customdata[7].tolist() == [rows.others[7], 48]
    caption = theme.caption_of(figure)
    assert "K = 24 / 48 channels that class_l2 chooses" in caption
    assert "mean of 10 shuffles" in caption
    assert "(n = 2: cifar, kitti)" in caption
    assert "class tokens" not in caption
    nothing = rows.assign(shuffled=None, l2=None, others=None)
    assert not figures.made_of_lines(nothing).data


def test_causal_scatter_gives_spearmans_correlation_of_channels_that_have_both():
    from scipy import stats

    generator = np.random.default_rng(0)
    scores, effects = generator.random((2, 30))
    effects[3] = np.nan
    expected = stats.spearmanr(np.delete(scores, 3), np.delete(effects, 3)).statistic
    caption = theme.caption_of(figures.score_against_effect(scores, effects))
    assert f"{expected:.2f}" in caption
    assert "n = 29" in caption


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


def test_another_choice_on_a_plain_map_is_the_map_of_that_choice():
    arrays = samples.stages()
    plain = maps.plain_map(arrays, view="z")
    before = plain.to_json()
    for k in (1, 3):
        chosen = [[list(range(k)) for _ in stage] for stage in arrays]
        again = maps.with_marks(plain, arrays, chosen)
        assert again == figures.score_map(arrays, view="z", selection=chosen)
        marked = [trace for trace in again.data if trace.type == "scatter"]
        assert sum(len(trace.x) for trace in marked) == k * sum(map(len, arrays))
    assert plain.to_json() == before
    assert maps.with_marks(plain, arrays, None) == plain
