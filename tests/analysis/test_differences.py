"""Differences of accuracies: slow restatements, closed forms, and the cases that give nothing to tell."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ict.analysis.differences import (
    DRAWS,
    IMAGES,
    MODELS,
    SEEDS,
    over_images,
    over_seeds,
    over_seeds_and_draws,
    over_seeds_and_images,
    over_tasks,
    paired_by_seed,
    unpaired,
)
from ict.errors import InputError

GENERATOR = np.random.default_rng(5)


def some(seeds: int = 4, images: int = 60) -> np.ndarray:
    """d (S, I) of two methods that differ on a fifth of the images, with seeds that matter."""
    shift = GENERATOR.normal(0, 0.1, (seeds, 1))
    return np.sign(np.round(GENERATOR.normal(shift + 0.1, 0.6, (seeds, images))))


def slowly(d: np.ndarray, least_row: float, least_column: float) -> tuple[float, float]:
    """Standard error and degrees of freedom of the two-way form, cell by cell, with its floors."""
    rows, columns = d.shape
    mean = sum(d[s, i] for s in range(rows) for i in range(columns)) / (rows * columns)
    row = [sum(d[s]) / columns for s in range(rows)]
    column = [sum(d[:, i]) / rows for i in range(columns)]
    ms_row = columns * sum((r - mean) ** 2 for r in row) / (rows - 1)
    ms_column = rows * sum((c - mean) ** 2 for c in column) / (columns - 1)
    ms_row, ms_column = max(ms_row, columns * least_row), max(ms_column, rows * least_column)
    ms_rest = sum(
        (d[s, i] - row[s] - column[i] + mean) ** 2 for s in range(rows) for i in range(columns)
    ) / ((rows - 1) * (columns - 1))
    total = ms_row + ms_column - ms_rest
    of_row, of_column = (ms_row, rows - 1), (ms_column, columns - 1)
    larger, its_degrees = max(of_row, of_column)
    variance = total if total > larger else ms_row + ms_column
    degrees = min(df / (ms / variance) for ms, df in (of_row, of_column))
    if total <= larger:
        degrees = min(degrees, its_degrees)
    return math.sqrt(max(total, larger) / rows / columns), degrees


def test_over_seeds_is_the_paired_t_interval_of_scipy():
    a, b = GENERATOR.normal(0.8, 0.02, 5), GENERATOR.normal(0.78, 0.02, 5)
    found = over_seeds(a - b, 1000)
    test = stats.ttest_rel(a, b)
    assert found.p == pytest.approx(test.pvalue)
    assert found.interval() == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert (found.over, found.seeds, found.images) == (SEEDS, 5, 1000)


@pytest.mark.parametrize(("shift", "p"), [(0.25, 0.0), (0.0, 1.0)])
def test_pairs_that_differ_alike_have_no_width_and_a_p_value(shift, p):
    told = replace(over_seeds(np.array([0.1, 0.0, -0.1]), 100), mean=shift, standard_error=0.0)
    assert told.interval() == (shift, shift)
    assert told.p == p


def test_other_seeds_are_welchs_interval():
    a, b = GENERATOR.normal(0.8, 0.02, 5), GENERATOR.normal(0.7, 0.04, 3)
    test = stats.ttest_ind(a, b, equal_var=False)
    found = unpaired(a, b, 1000)
    assert found.p == pytest.approx(test.pvalue)
    assert found.interval() == pytest.approx(tuple(test.confidence_interval(0.95)))


def test_one_value_against_several_is_one_more_of_them():
    """A prediction interval: sd · sqrt(1 + 1/n)."""
    b = np.array([0.7, 0.72, 0.75, 0.71])
    found = unpaired([0.9], b, 1000)
    assert found.standard_error == pytest.approx(b.std(ddof=1) * math.sqrt(1 + 1 / 4))
    assert found.degrees == 3
    assert unpaired(b, [0.9], 1000).standard_error == pytest.approx(found.standard_error)
    assert math.isnan(unpaired([0.9], [0.7], 1000).p)


@pytest.mark.parametrize("shape", [(2, 2), (3, 40), (5, 200), (40, 3)])
def test_seeds_and_images_are_the_two_way_form_cell_by_cell(shape):
    d = some(*shape)
    found = over_seeds_and_images(d)
    assert (found.standard_error, found.degrees) == pytest.approx(
        slowly(d, 0.25 / shape[1] ** 2, 1 / shape[1])
    )
    assert found.mean == pytest.approx(d.mean())
    assert found.over == IMAGES


def test_crossed_draws_are_the_same_form_with_draws_for_images():
    d = GENERATOR.normal(0.01, 0.02, (5, 5))
    found = over_seeds_and_draws(d, 500)
    assert (found.standard_error, found.degrees) == pytest.approx(slowly(d, 1e-6, 1e-6))
    assert (found.over, found.images) == (DRAWS, 500)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6), st.integers(2, 30))
def test_new_images_are_never_surer_than_these(seed, seeds, images):
    """With the same degrees of freedom: the variance is floored at that of either factor alone."""
    d = np.random.default_rng(seed).integers(-1, 2, (seeds, images)).astype(float)
    both = over_seeds_and_images(d).standard_error
    assert both >= over_seeds(d.mean(axis=1), images).standard_error * (1 - 1e-12)
    assert both >= d.mean(axis=0).std(ddof=1) / math.sqrt(images) * (1 - 1e-12)


def test_several_tasks_are_satterthwaites_sum():
    parts = [over_seeds(GENERATOR.normal(0.01, sd, 3), 500) for sd in (0.01, 0.02, 0.05)]
    found = over_tasks(parts)
    variances = np.array([part.standard_error**2 for part in parts])
    assert found.mean == pytest.approx(np.mean([part.mean for part in parts]))
    assert found.standard_error == pytest.approx(math.sqrt(variances.sum()) / 3)
    assert found.degrees == pytest.approx(variances.sum() ** 2 / (variances**2 / 2).sum())
    assert (found.tasks, found.images, found.seeds) == (3, 1500, 3)


def test_one_task_is_itself():
    part = over_seeds([0.01, 0.02, 0.04], 500)
    assert over_tasks([part]).interval() == pytest.approx(part.interval())


def test_agresti_and_mins_interval_by_hand():
    """12 and 5 of 100, half an image added to each of four cells: N = 102."""
    found = over_images(12, 5, 100)
    variance = (18 / 102 - (7 / 102) ** 2) / 102
    assert found.mean == pytest.approx(0.07)
    assert found.interval()[1] == pytest.approx(0.07 + 1.959964 * math.sqrt(variance), abs=1e-7)
    assert found.over == MODELS


@pytest.mark.parametrize(
    "found",
    [
        over_seeds([0.0, 0.0, 0.0], 200),  # the same runs on both sides, or 100 % on both
        over_seeds([0.01, 0.01], 200),
        over_seeds_and_images(np.zeros((3, 200))),  # no image that differs
        over_seeds_and_draws(np.zeros((2, 2)), 200),
        over_images(0, 0, 200),
        unpaired([1.0, 1.0], [1.0, 1.0, 1.0], 200),
        over_tasks([over_seeds([0.0, 0.0], 200), over_seeds([0.0, 0.0, 0.0], 100)]),
    ],
    ids=lambda found: found.over,
)
def test_no_spread_is_not_told_to_be_none(found):
    low, high = found.interval()
    assert low < found.mean < high
    if found.mean == 0:
        assert found.p == 1


@pytest.mark.parametrize("found", [over_seeds([0.05], 200), unpaired([0.9], [0.8], 200)])
def test_what_was_not_repeated_has_no_interval(found):
    assert all(map(math.isnan, (*found.interval(), found.p)))
    assert found.to_dict()["low"] is None
    assert math.isnan(over_tasks([found, over_seeds([0.0, 0.1], 200)]).p)


def test_an_interval_stays_within_what_differences_can_be():
    low, high = over_seeds([0.9, 0.2], 200).interval()
    assert (low, high) == (-1.0, 1.0)


def test_pairs_are_of_common_seeds_and_a_method_without_seeds_pairs_with_each():
    a, b = {42: 0.9, 44: 0.8, 82: 0.7}, {44: 0.75, 82: 0.6, 100: 0.1}
    assert paired_by_seed(a, b) == pytest.approx([0.05, 0.1])
    assert paired_by_seed(a, {None: 0.5}) == pytest.approx([0.4, 0.3, 0.2])
    assert paired_by_seed({None: 0.5}, {None: 0.25}) == [0.25]
    with pytest.raises(InputError, match="no seed in common"):
        over_seeds(paired_by_seed({1: 0.5}, {2: 0.5}), 100)


def test_what_cannot_be_asked_is_a_sentence():
    with pytest.raises(InputError, match="two seeds and two test images"):
        over_seeds_and_images(np.zeros((1, 100)))
    with pytest.raises(InputError, match="two draws"):
        over_seeds_and_draws(np.zeros((3, 1)), 100)
    with pytest.raises(InputError, match="generalise over the same"):
        over_tasks([over_seeds([0, 1], 9), over_images(1, 0, 9)])
    with pytest.raises(InputError, match="no table of two models"):
        over_images(60, 60, 100)
