"""Top K, lowest K, random K: always K channels, whatever the ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import (
    Selection,
    k_from_ratio,
    random_k,
    resolve_k,
    select,
    select_random,
    top_k,
)


def scores_of(*rows, **meta):
    return ChannelScores({"attn.0": np.array(rows, np.float32)}, meta)


@given(hnp.arrays(np.float32, st.integers(2, 40), elements=st.integers(0, 3).map(float)), st.data())
def test_top_k_is_exactly_k_of_the_highest_even_with_ties(row, data):
    k = data.draw(st.integers(1, len(row)))
    if k < len(row) and (row == row[0]).all():
        with pytest.raises(InputError, match="same score"):
            top_k(row, k)
        return
    chosen = top_k(row, k)
    left_out = np.setdiff1d(np.arange(len(row)), chosen)
    assert len(set(chosen.tolist())) == k
    assert left_out.size == 0 or row[chosen].min() >= row[left_out].max()


def test_a_tie_goes_to_the_lower_channel():
    assert top_k(np.array([1.0, 5, 5, 5, 2]), 2).tolist() == [1, 2]
    assert top_k(np.array([9.0, 1, 1, 1, 2]), 2, order="lowest").tolist() == [1, 2]


@given(hnp.arrays(np.float64, 20, elements=st.floats(0, 100), unique=True), st.integers(1, 19))
def test_top_and_lowest_share_nothing_but_what_they_must(row, k):
    both = set(top_k(row, k).tolist()) & set(top_k(row, k, order="lowest").tolist())
    assert len(both) == max(0, 2 * k - 20)


def test_a_score_that_is_nan_is_refused():
    with pytest.raises(InputError, match="NaN"):
        top_k(np.array([1.0, np.nan]), 1)


@pytest.mark.parametrize(
    ("k", "message"), [(900, "k=900: a block has 768 channels; choose 1 to 768"), (0, "k=0")]
)
def test_k_outside_the_width(k, message):
    with pytest.raises(InputError, match=message):
        select(scores_of(np.arange(768)), k=k)


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.0001, 7])
def test_ratio_outside_its_range(ratio):
    with pytest.raises(InputError, match="more than 0 and at most 1"):
        k_from_ratio(ratio, 768)


def test_ratio_of_each_width():
    assert resolve_k([128, 256, 512, 1024], k=None, ratio=0.125) == (16, 32, 64, 128)
    assert resolve_k([128, 256], k=96, ratio=None) == (96, 96)
    assert resolve_k([128, 256], k=[4, 8], ratio=None) == (4, 8)
    assert k_from_ratio(1 / 1000, 192) == 1


@pytest.mark.parametrize(
    ("k", "ratio", "message"),
    [
        (3, 0.5, "both k and ratio"),
        (None, None, "neither"),
        ([1, 2], None, "3 stage"),
        ([1, 2, 900], None, "stage 2"),
    ],
)
def test_k_and_ratio_that_do_not_fit(k, ratio, message):
    with pytest.raises(InputError, match=message):
        resolve_k([8, 16, 32], k=k, ratio=ratio)


def test_blocks_are_counted_over_all_stages():
    scores = ChannelScores(
        {"attn.0": np.arange(8.0).reshape(2, 4), "attn.1": np.arange(12.0).reshape(2, 6)[:, ::-1]},
        {"criterion": "class_l2", "score_id": "s"},
    )
    chosen = select(scores, ratio=0.5, blocks=[1, 2])
    assert [(b.stage, b.block, b.width, b.indices) for b in chosen.blocks] == [
        (0, 1, 4, (2, 3)),
        (1, 2, 6, (0, 1, 2)),
    ]
    assert (chosen.criterion, chosen.score_id) == ("class_l2", "s")


def test_parameters_of_the_paper():
    scores = scores_of(*np.random.default_rng(0).random((12, 768)))
    expected = {96: 111_744, 32: 12_672, 64: 49_920, 128: 198_144, 192: 444_672, 384: 1_774_080}
    assert {k: select(scores, k=k).parameters() for k in expected} == expected


def test_random_is_uniform_and_its_own_function_of_seed_and_block():
    assert (
        random_k(100, 10, seed=1, block=3).tolist() == random_k(100, 10, seed=1, block=3).tolist()
    )
    assert (
        random_k(100, 10, seed=1, block=3).tolist() != random_k(100, 10, seed=1, block=4).tolist()
    )
    counts = np.zeros(20)
    for seed in range(4000):
        counts[random_k(20, 5, seed=seed, block=0)] += 1
    # each channel is drawn with p = 1/4: sd of a count is sqrt(4000 · 3/16) ≈ 27
    assert np.abs(counts - 1000).max() < 5 * 27.4


def test_tasks_have_draws_of_their_own_or_share_the_draw_of_0_1_0():
    """Draws of two tasks are as independent as two draws: their overlap is the hypergeometric one."""
    assert random_k(100, 5, seed=3, block=2).tolist() == [11, 34, 62, 63, 79]  # as 0.1.0 drew
    once, again = (
        select_random([(1, 100)], site="attn", ks=[5], blocks=None, seed=3, task="digits")
        for _ in range(2)
    )
    assert once == again
    assert once != select_random([(1, 100)], site="attn", ks=[5], blocks=None, seed=3)
    overlaps = [
        len(
            set(random_k(100, 25, seed=seed, block=0, task="digits"))
            & set(random_k(100, 25, seed=seed, block=0, task="count"))
        )
        for seed in range(1000)
    ]
    # E = 25²/100 = 6.25; sd of one is 2.18, of the mean of 1,000 0.069
    assert abs(np.mean(overlaps) - 6.25) < 5 * 0.069


def test_random_needs_no_scores():
    drawn = select_random([(2, 8), (1, 16)], site="block", ks=[2, 4], blocks=None, seed=5)
    assert [(b.stage, b.block, len(b.indices)) for b in drawn.blocks] == [
        (0, 0, 2),
        (0, 1, 2),
        (1, 2, 4),
    ]
    assert drawn.criterion == "random"
    assert drawn.score_id is None


def test_a_selection_survives_json():
    import json

    chosen = select(scores_of([3, 1, 2], criterion="l2", score_id="x", backbone="b"), k=2)
    assert Selection.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_a_constant_row_names_its_block():
    with pytest.raises(InputError, match="block 1: all 3 channels have the same score"):
        select(scores_of([3, 1, 2], [5, 5, 5]), k=2)
    assert len(select(scores_of([5, 5, 5]), k=3).blocks[0].indices) == 3


def test_unknown_order_and_site():
    with pytest.raises(InputError, match="choose one of top, lowest, random"):
        select(scores_of([1, 2]), k=1, order="best")
    with pytest.raises(InputError, match="site 'block' was not scored"):
        select(scores_of([1, 2]), k=1, site="block")
