"""Spearman of score and effect: pooled within blocks, and an interval that holds as often as it says."""

import math

import numpy as np
import pytest
from scipy import stats

from ict.analysis.effect_agreement import effect_correlations, interval
from ict.store.causal_files import ChannelEffect


def effects(blocks: int, n: int, *, slope: float = 0.0, seed: int = 0) -> list[ChannelEffect]:
    """Effects that grow with the score by `slope`; both on a scale of their own in each block."""
    draw = np.random.default_rng(seed)
    made = []
    for block in range(blocks):
        for channel in range(n):
            score = draw.normal()
            effect = slope * score + draw.normal()
            made.append(
                ChannelEffect(block=block, channel=channel, effect_size=100.0**block * math.exp(effect),
                              scores={"l2": 10.0**block * math.exp(score)})
            )  # fmt: skip
    return made


def test_three_channels_a_block_are_pooled_in_all_and_in_thirds_of_the_blocks() -> None:
    made = effects(12, 3, slope=1)
    pooled, *thirds = effect_correlations(made, ["l2"])
    assert (pooled.block, pooled.n) == (None, 36)
    assert -1 < pooled.low < pooled.spearman < pooled.high < 1
    assert [(row.block, row.last_block, row.n) for row in thirds] == [
        (0, 3, 12),
        (4, 7, 12),
        (8, 11, 12),
    ]
    middle = [one for one in made if 4 <= one.block <= 7]
    (alone,) = effect_correlations(middle, ["l2"])  # too few blocks for thirds of their own
    assert thirds[1].spearman == alone.spearman
    assert (thirds[1].low, thirds[1].high) == (alone.low, alone.high)


def test_blocks_of_enough_channels_are_not_pooled_in_thirds() -> None:
    rows = effect_correlations(effects(12, 6), ["l2"])
    assert [row.block for row in rows] == [None, *range(12)]
    assert {row.last_block for row in rows} == {None}


def test_a_block_of_enough_channels_has_spearmans_correlation() -> None:
    made = effects(2, 20, slope=1)
    rows = {row.block: row for row in effect_correlations(made, ["l2"])}
    for block in (0, 1):
        own = [one for one in made if one.block == block]
        pairs = [(one.scores["l2"], one.effect_size) for one in own]
        assert rows[block].spearman == pytest.approx(stats.spearmanr(pairs).statistic)
    expected = np.mean([rows[0].spearman, rows[1].spearman])  # equal blocks without ties
    assert rows[None].spearman == pytest.approx(expected)


def test_blocks_that_differ_in_size_alone_do_not_make_a_correlation() -> None:
    """Scores and effects grow from block to block; within them they have nothing in common."""
    values = [effect_correlations(effects(12, 4, seed=s), ["l2"])[0].spearman for s in range(60)]
    assert abs(np.mean(values)) < 0.06


@pytest.mark.parametrize(("blocks", "n"), [(12, 3), (1, 20), (4, 8)])
def test_the_interval_holds_nothing_as_often_as_it_says(blocks: int, n: int) -> None:
    held = []
    for seed in range(300):
        row = effect_correlations(effects(blocks, n, seed=seed), ["l2"])[0]
        held.append(row.low <= 0 <= row.high)
    assert 0.92 <= np.mean(held) <= 0.99


def test_few_pairs_have_no_interval() -> None:
    assert all(math.isnan(end) for end in interval(0.5, n=3))
    low, high = interval(0.5, n=4)
    assert low < 0.5 < high
