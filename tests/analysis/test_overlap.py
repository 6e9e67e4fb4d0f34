"""Overlap, chance and ceiling: closed forms, the numbers of the literature, and one famous mistake."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ict.analysis.ceiling import compare, half_selections, overlap_against_n
from ict.analysis.chance import chance, p_at_least
from ict.analysis.overlap import (
    at_every_k,
    coefficient,
    count,
    jaccard,
    kuncheva,
    masks_of,
    overlap_from_kuncheva,
    top_masks,
)
from ict.analysis.resample import half_splits, part_scores, subsets
from ict.analysis.sources import Sums
from ict.errors import InputError
from ict.selection import top_k

D, K = 192, 24


def planted(seed: int, means: np.ndarray, *, images: int = 200, noise: float = 1.0) -> Sums:
    """A task of two classes whose channels have energies around exp(`means`), (blocks, D)."""
    generator = np.random.default_rng(seed)
    energy = np.exp(means + noise * generator.normal(size=(images, *means.shape)))
    return Sums(f"task{seed}", np.arange(images) % 2, [energy.astype(np.float32)])


def test_indices_of_two_selections_worked_by_hand():
    a, b = masks_of([0, 1, 2, 3], 10), masks_of([2, 3, 4, 5], 10)
    shared = count(a, b)
    assert shared == 2
    assert jaccard(shared, 4) == pytest.approx(2 / 6)
    assert coefficient(shared, 4) == 0.5
    assert kuncheva(shared, 4, 10) == pytest.approx((2 * 10 - 16) / (4 * 6))
    assert kuncheva(4, 4, 10) == 1
    assert np.isnan(kuncheva(10, 10, 10))


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 40))
def test_kuncheva_is_zero_at_the_mean_of_chance_and_inverts(k, more, shared):
    width = k + more + 1
    assert kuncheva(chance(k, width).mean, k, width) == pytest.approx(0, abs=1e-9)
    index = kuncheva(min(shared, k), k, width)
    assert overlap_from_kuncheva(index, k, width) == pytest.approx(min(shared, k))


@given(arrays(np.float32, (3, 17), elements=st.integers(0, 6).map(float)), st.integers(1, 16))
def test_masks_are_the_choice_of_the_selection_with_ties_to_the_lower_index(scores, k):
    masks = top_masks(scores, k)
    for row, mask in zip(scores, masks, strict=True):
        if (row != row[0]).any():
            assert np.flatnonzero(mask).tolist() == top_k(row, k).tolist()


def test_masks_refuse_what_cannot_be_ranked():
    with pytest.raises(InputError, match="NaN"):
        top_masks(np.array([[1.0, np.nan, 2.0]]), 2)
    with pytest.raises(InputError, match="choose 1 to 3"):
        top_masks(np.ones((1, 3)), 4)


@given(
    arrays(np.float64, 12, elements=st.floats(-5, 5)),
    arrays(np.float64, 12, elements=st.floats(-5, 5)),
)
def test_overlap_at_every_k_equals_one_k_at_a_time(a, b):
    curve = at_every_k(a, b)
    for k in range(1, 13):
        assert curve[k - 1] == count(top_masks(a[None], k), top_masks(b[None], k))[0]


@pytest.mark.parametrize(
    ("k", "width", "mean", "sd", "expected_jaccard"),
    [
        (96, 768, 12.0, 3.03, 0.0670),
        (48, 768, 3.0, 1.62, 0.0326),
        (192, 768, 48.0, 5.20, 0.1431),
        (384, 768, 192.0, 6.93, 0.3335),
        (24, 192, 3.0, 1.52, 0.0679),
    ],
)
def test_chance_has_the_known_numbers(k, width, mean, sd, expected_jaccard):
    found = chance(k, width)
    assert found.mean == pytest.approx(mean)
    assert round(found.sd, 2) == sd
    assert round(found.jaccard, 4) == expected_jaccard
    assert found.sd**2 == pytest.approx(
        k * (k / width) * (1 - k / width) * (width - k) / (width - 1)
    )


def test_central_95_percent_of_chance_at_the_papers_k():
    assert (chance(96, 768).low, chance(96, 768).high) == (6, 18)
    assert p_at_least(0, 96, 768) == pytest.approx(1)
    assert p_at_least(12, 96, 768) > 0.5 > p_at_least(14, 96, 768)


def test_2000_random_draws_agree_with_the_hypergeometric_law():
    generator = np.random.default_rng(0)
    masks = top_masks(generator.random((2, 2000, 768)), 96)
    found = count(masks[0], masks[1])
    law = chance(96, 768)
    assert found.mean() == pytest.approx(law.mean, abs=4 * law.sd / np.sqrt(2000))
    assert found.std(ddof=1) == pytest.approx(law.sd, rel=0.06)
    inside = ((found >= law.low) & (found <= law.high)).mean()
    assert 0.95 <= inside <= 0.99  # the discrete band holds a little more than 95 %
    assert np.quantile(found, [0.025, 0.975]).tolist() == [law.low, law.high]


@given(st.lists(st.integers(0, 6), min_size=4, max_size=60), st.integers(0, 5))
def test_halves_are_equal_in_total_and_in_each_class(labels, seed):
    labels = np.array(labels)
    for half in half_splits(labels, 3, seed):
        assert abs(2 * half.sum() - len(labels)) <= 1
        for label in np.unique(labels):
            assert abs(2 * half[labels == label].sum() - (labels == label).sum()) <= 1


def test_subsets_have_their_size_and_follow_the_classes():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    for chosen in subsets(labels, 20, 5, seed=1):
        assert chosen.sum() == 20
        assert np.abs(np.bincount(labels[chosen]) - [12, 6, 2]).max() <= 1


def test_scores_of_parts_equal_the_formula_image_by_image():
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 5, 40)
    energy = generator.random((40, 3, 7)).astype(np.float32)
    parts = half_splits(labels, 4, 0)
    found = part_scores(Sums("t", labels, [energy]), parts)[0]
    for part, scores in zip(parts, found, strict=True):
        classes = np.unique(labels[part])
        slow = np.mean([np.sqrt(energy[part & (labels == c)].sum(axis=0)) for c in classes], axis=0)
        np.testing.assert_allclose(scores, slow, rtol=1e-5)


def test_a_class_without_images_in_a_part_is_left_out_of_the_mean():
    sums = Sums("t", np.array([0, 1, 1]), [np.array([4.0, 9.0, 16.0], np.float32).reshape(3, 1, 1)])
    found = part_scores(sums, np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0]]))[0].ravel()
    assert found.tolist() == pytest.approx([(2 + 5) / 2, 5, 2])


def test_two_draws_of_one_task_reach_the_ceiling():
    means = np.random.default_rng(3).normal(0, 0.25, (6, D))
    a, b = (half_selections(planted(s, means), [K], splits=50, seed=s) for s in (1, 2))
    found = compare(a, b, [K])
    assert found.total_low <= 1 <= found.total_high
    assert found.total_ratio == pytest.approx(1, abs=0.1)
    assert ((found.ratio_low <= 1) & (found.ratio_high >= 1)).all()


def test_two_independent_tasks_are_at_the_floor():
    generator = np.random.default_rng(4)
    a, b = (
        half_selections(planted(s, generator.normal(0, 0.5, (12, D))), [K], splits=20, seed=s)
        for s in (1, 2)
    )
    found = compare(a, b, [K])
    assert found.total_ratio == pytest.approx(0, abs=0.1)
    assert found.overlap.mean() == pytest.approx(chance(K, D).mean, abs=0.8)


def test_the_naive_comparison_puts_one_task_above_its_own_ceiling():
    """Full-data overlap against a half-split ceiling: the mistake that equal halves avoid."""
    means = np.random.default_rng(5).normal(0, 0.22, (6, 768))
    one, two = planted(11, means, images=300), planted(12, means, images=300)
    halves = [half_selections(s, [96], splits=20, seed=i) for i, s in enumerate((one, two))]
    found = compare(*halves, [96])
    whole = [top_masks(part_scores(s, np.ones((1, 300)))[0][0], 96) for s in (one, two)]
    naive = count(whole[0], whole[1]).mean()
    assert naive > found.ceiling.mean() + 5  # the same task, ten channels above its ceiling
    assert found.overlap.mean() == pytest.approx(found.ceiling.mean(), abs=2)


def test_tasks_on_the_same_images_are_compared_on_disjoint_halves():
    """Otherwise A₁ and B₁ share their images' noise, and agree more than a task does with itself."""
    one = planted(21, np.random.default_rng(6).normal(0, 0.2, (4, D)))
    other = Sums("relabelled", (np.arange(200) // 100) % 2, one.per_image)
    joint = one.labels * 2 + other.labels
    halves = [half_selections(s, [K], splits=30, seed=9, strata=joint) for s in (one, other)]
    fair = compare(*halves, [K], shared_images=True)
    assert fair.total_low <= 1 <= fair.total_high
    assert compare(*halves, [K]).total_ratio > fair.total_high
    apart = half_selections(other, [K], splits=30, seed=10)
    with pytest.raises(InputError, match="same splits"):
        compare(halves[0], apart, [K], shared_images=True)


def test_more_images_bring_draws_of_one_task_closer():
    means = np.random.default_rng(7).normal(0, 0.3, (4, D))
    rows = overlap_against_n(
        planted(1, means), planted(2, means), [K], sizes=(20, 60, 200), draws=8
    )
    index = [row.kuncheva for row in rows]
    assert index[0] < index[1] < index[2]
    assert [row.n for row in rows] == [20, 60, 200]


def test_swin_stages_have_their_own_k():
    generator = np.random.default_rng(8)
    labels = np.arange(60) % 3
    stages = [np.exp(generator.normal(size=(60, 2, d))).astype(np.float32) for d in (16, 32)]
    halves = half_selections(Sums("s", labels, stages), [2, 4], splits=5, seed=0)
    assert [m.sum(axis=-1).max() for m in halves.masks] == [2, 4]
    assert compare(halves, halves, [2, 4]).overlap.tolist() == [2, 2, 4, 4]
