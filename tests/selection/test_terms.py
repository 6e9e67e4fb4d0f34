"""Sets by what their pairs are worth: as good as all that could be tried, and never above the bound."""

from itertools import combinations

import numpy as np
import pytest

from ict.errors import InputError
from ict.selection.terms import (
    Terms,
    bound_read_write,
    bound_same,
    read_write,
    same_set,
    writes_for,
)


def terms(width, seed=0, size=np.square, tail=1):
    generator = np.random.default_rng(seed)
    pairs, bias = generator.normal(size=(width, width)), generator.normal(size=width)
    return Terms(size(pairs**tail), size(bias**tail))


def value_by_loops(of, reads, writes):
    total = 0.0
    for s in writes:
        total += of.bias[s]
        for r in reads:
            total += of.pairs[s, r]
    return total


def best_of_all(of, k):
    """The value of the best R = S and of the best (R, S), every R tried with its exact best S."""
    one = two = -np.inf
    for reads in combinations(range(of.width), k):
        rows = of.bias + of.pairs[:, reads].sum(axis=1)
        one = max(one, rows[list(reads)].sum())
        two = max(two, np.sort(rows)[-k:].sum())
    return one, two


def test_the_value_is_the_sum_over_what_is_written_and_all_pairs():
    of = terms(9)
    assert of.value([1, 4, 7], [0, 4]) == pytest.approx(value_by_loops(of, [1, 4, 7], [0, 4]))


@pytest.mark.parametrize("size", [np.square, np.abs])
def test_sets_are_as_good_as_the_best_of_all_and_never_above_the_bound(size):
    generator = np.random.default_rng(1)
    hits = []
    for seed in range(100):
        width = int(generator.integers(2, 15))
        k = int(generator.integers(1, width + 1))
        of = terms(width, seed, size, tail=1 + 2 * (seed % 2))
        one, two = best_of_all(of, k)
        same, (reads, writes) = same_set(of, k), read_write(of, k)
        found = [of.value(same, same), of.value(reads, writes)]
        assert [len(set(s.tolist())) for s in (same, reads, writes)] == [k] * 3
        assert found[0] <= one * (1 + 1e-12) <= bound_same(of, k) * (1 + 2e-12)
        assert found[1] <= two * (1 + 1e-12) <= bound_read_write(of, k, k) * (1 + 2e-12)
        hits.append(np.isclose(found, [one, two], rtol=1e-9))
    assert np.mean(hits, axis=0).min() >= 0.95


def test_a_bound_of_sets_of_two_sizes_holds_for_all_of_them():
    of = terms(7, 3)
    best = max(
        of.value(reads, writes)
        for reads in combinations(range(7), 2)
        for writes in combinations(range(7), 4)
    )
    assert best <= bound_read_write(of, 2, 4) * (1 + 1e-12)


def test_the_bound_is_reached_where_rows_do_not_disagree():
    """All rows have their best columns in common: an outer product."""
    generator = np.random.default_rng(2)
    of = Terms(np.outer(generator.random(30), generator.random(30)), np.zeros(30))
    assert of.value(*read_write(of, 5)) == pytest.approx(bound_read_write(of, 5, 5))


@pytest.mark.parametrize(("width", "k"), [(40, 5), (192, 24)])
def test_planted_sets_are_found(width, k):
    of = terms(width, 4)
    generator = np.random.default_rng(5)
    reads, writes = (np.sort(generator.choice(width, k, replace=False)) for _ in range(2))
    of.pairs[np.ix_(writes, reads)] += 20
    found = read_write(of, k)
    assert [one.tolist() for one in found] == [reads.tolist(), writes.tolist()]
    alike = terms(width, 6)
    alike.pairs[np.ix_(writes, writes)] += 20
    assert same_set(alike, k).tolist() == writes.tolist()


def test_two_sets_are_never_worse_than_one_nor_than_rankings_and_draws():
    for seed in range(20):
        of = terms(60, seed)
        same, (reads, writes) = same_set(of, 8), read_write(of, 8)
        one, two = of.value(same, same), of.value(reads, writes)
        assert two >= one * (1 - 1e-12)
        draw = np.random.default_rng(seed).permutation(60)
        energy = np.argsort(of.pairs.sum(axis=0))[-8:]
        assert one >= max(of.value(draw[:8], draw[:8]), of.value(energy, energy))
        assert two >= max(
            of.value(draw[:8], draw[8:16]), of.value(energy, writes_for(of, energy, 8))
        )


def test_no_exchange_of_one_channel_is_better():
    of = terms(30, 7)
    same, (reads, writes) = same_set(of, 6), read_write(of, 6)

    def exchanged(one):
        return [
            [*(c for c in one if c != leaves), enters]
            for leaves in one
            for enters in set(range(30)) - set(one.tolist())
        ]

    assert all(of.value(o, o) <= of.value(same, same) for o in exchanged(same))
    assert all(of.value(o, writes) <= of.value(reads, writes) for o in exchanged(reads))
    assert all(of.value(reads, o) <= of.value(reads, writes) for o in exchanged(writes))


def test_writes_for_given_reads_are_the_best_of_all():
    of = terms(10, 8)
    best = max(combinations(range(10), 3), key=lambda writes: of.value([2, 5], writes))
    assert writes_for(of, [2, 5], 3).tolist() == list(best)


def test_ties_go_to_the_lower_channels():
    level = Terms(np.ones((9, 9)), np.zeros(9))
    assert same_set(level, 4).tolist() == [0, 1, 2, 3]
    assert [one.tolist() for one in read_write(level, 4)] == [[0, 1, 2, 3]] * 2
    assert writes_for(level, [8], 2).tolist() == [0, 1]
    twins = np.zeros((8, 8))  # channels 2, 5 and 7 are alike, and worth something only in pairs
    twins[np.ix_([2, 5, 7], [2, 5, 7])] = 1
    assert same_set(Terms(twins, np.zeros(8)), 2).tolist() == [2, 5]
    assert [one.tolist() for one in read_write(Terms(twins, np.zeros(8)), 2)] == [[2, 5]] * 2


def test_the_order_of_channels_does_not_matter_where_nothing_ties():
    of, order = terms(50, 9), np.random.default_rng(10).permutation(50)
    other = Terms(of.pairs[np.ix_(order, order)], of.bias[order])
    assert sorted(order[same_set(other, 7)].tolist()) == same_set(of, 7).tolist()
    moved = read_write(other, 7)
    assert [sorted(order[o].tolist()) for o in moved] == [o.tolist() for o in read_write(of, 7)]


@pytest.mark.parametrize("k", [0, 8])
def test_k_outside_the_width_is_refused(k):
    for choose in (same_set, read_write, lambda of, k: writes_for(of, [0], k)):
        with pytest.raises(InputError, match=f"k={k}: a block has 7 channels; choose 1 to 7"):
            choose(terms(7), k)
