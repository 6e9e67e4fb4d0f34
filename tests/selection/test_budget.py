"""K by block: never more parameters than one K for all, never worth less, and nearly the best there is."""

from itertools import combinations, product

import numpy as np
import pytest

from ict.criteria import NORMS
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import select
from ict.selection.budget import shared_out
from ict.selection.by_gradient import select_by_gradient
from ict.selection.curves import read_write_curve, reads_curve, same_set_curve
from ict.selection.terms import Terms, read_write, same_set
from tests.selection.gradients import drawn, uneven

TWO_STAGES = ((2, 8), (2, 16))
SELECTORS = ("gradient", "gradient_rw", "energy_read_gradient_write")


def terms(generator, width, size=np.square, tail=1):
    scale = np.exp(generator.normal())
    pairs, bias = generator.normal(size=(width, width)), generator.normal(size=width)
    return Terms(scale * size(pairs**tail), scale * size(bias**tail))


def cost(ks):
    return sum(k * k + k for k in ks)


def best_of_all(of):
    """What the best one set and the best two sets of each K are worth, all of them tried."""
    one, two = [], []
    for k in range(1, of.width + 1):
        tried = []
        for reads in combinations(range(of.width), k):
            rows = of.bias + of.pairs[:, reads].sum(axis=1)
            tried.append((rows[list(reads)].sum(), np.sort(rows)[-k:].sum()))
        best = np.max(tried, axis=0)
        one.append(best[0])
        two.append(best[1])
    return np.array(one), np.array(two)


def best_allocation(curves, budget):
    """The largest Σ v_b(K_b) that is affordable, every (K_1, …, K_L) tried, and the first that has it."""
    affordable = (
        ks for ks in product(*(range(1, len(curve) + 1) for curve in curves)) if cost(ks) <= budget
    )
    return max((sum(c[k - 1] for c, k in zip(curves, ks, strict=True)), ks) for ks in affordable)


def problems(count):
    generator = np.random.default_rng(0)
    for case in range(count):
        size, tail = (np.square, np.abs)[case % 2], (1, 3)[case // 2 % 2]
        widths = generator.integers(3, 9, size=3)
        ratio = generator.uniform(0.1, 0.9)
        uniform = [max(1, round(ratio * width)) for width in widths]
        yield [terms(generator, int(width), size, tail) for width in widths], uniform


def test_the_sets_are_nearly_worth_the_best_that_all_allocations_and_sets_give():
    shares = []
    for blocks, uniform in problems(100):
        exact = [best_of_all(of) for of in blocks]
        found = []
        for which, (curve, choose) in enumerate(
            ((same_set_curve, lambda of, k: (same_set(of, k),) * 2), (read_write_curve, read_write))
        ):
            ks = shared_out([curve(of, of) for of in blocks], uniform)
            assert cost(ks) <= cost(uniform)
            assert all(1 <= k <= of.width for k, of in zip(ks, blocks, strict=True))
            value = sum(of.value(*choose(of, k)) for of, k in zip(blocks, ks, strict=True))
            best, _ = best_allocation([curves[which] for curves in exact], cost(uniform))
            assert value <= best * (1 + 1e-12)
            found.append(value / best)
        shares.append(found)
    assert (np.array(shares) >= 0.95).mean(axis=0).min() >= 0.95


def test_of_given_curves_the_allocation_is_nearly_the_best_of_all():
    """Without the search for sets: the knapsack alone, on curves with steps and flat parts."""
    generator = np.random.default_rng(1)
    shares = []
    for _ in range(100):
        widths = generator.integers(2, 9, size=3)
        curves = [np.cumsum(generator.exponential(size=w) * (generator.random(w) < 0.7)) + 0.1 for w in widths]  # fmt: skip
        uniform = [int(generator.integers(1, w + 1)) for w in widths]
        ks = shared_out(curves, uniform)
        value = sum(c[k - 1] for c, k in zip(curves, ks, strict=True))
        at_uniform = sum(c[k - 1] for c, k in zip(curves, uniform, strict=True))
        best, _ = best_allocation(curves, cost(uniform))
        assert cost(ks) <= cost(uniform)
        assert at_uniform <= value <= best * (1 + 1e-12)
        shares.append(value / best)
    assert np.mean(np.array(shares) >= 0.95) >= 0.95


def test_identical_blocks_stay_uniform_where_nothing_else_is_better():
    """By Jensen: a curve that is concave in K² + K is worth most where all blocks are alike."""
    prices = np.array([k * k + k for k in range(1, 9)])
    for curve in (np.sqrt(prices), np.log(prices), 1.0 * prices, np.full(8, 2.0)):
        for k in range(1, 9):
            assert shared_out([curve] * 5, [k] * 5) == (k,) * 5
    generator = np.random.default_rng(2)
    seen = 0
    for _ in range(30):
        of = terms(generator, 6)
        curve = same_set_curve(of, of)
        best, _ = best_allocation([curve] * 3, cost([2] * 3))
        ks = shared_out([curve] * 3, [2] * 3)
        if np.isclose(best, 3 * curve[1], rtol=1e-12):
            seen += 1
            assert ks == (2, 2, 2)
    assert seen > 5


def test_what_is_worth_more_has_more_by_hand():
    """K of 1, 2, 3, 4 are 2, 6, 12, 20 parameters."""
    rich, poor = np.array([2.0, 6.0, 12.0]), np.array([0.0, 0.0, 0.0])
    assert shared_out([rich, poor], [2, 2]) == (2, 2)  # 12 parameters; K = 3 and 1 would be 14
    assert shared_out([poor, rich, poor], [2, 2, 2]) == (1, 3, 1)  # 16 of 18
    assert shared_out([rich], [2]) == (2,)
    wide = np.arange(1.0, 41.0)  # a stage of another width: 40 channels, each worth 1
    assert shared_out([wide, np.ones(3)], [4, 3]) == (5, 1)  # 30 + 2 of 32 parameters


@pytest.mark.parametrize("norm", NORMS)
def test_a_curve_is_worth_sets_that_exist_and_never_more_than_the_best(norm):
    generator = np.random.default_rng(3)
    for _ in range(10):
        of = terms(generator, 7, np.square if norm == "unit" else np.abs)
        one, two = best_of_all(of)
        found = same_set_curve(of, of), read_write_curve(of, of)
        assert (found[0] <= one * (1 + 1e-12)).all()
        assert (found[1] <= two * (1 + 1e-12)).all()
        assert (found[0] >= 0.8 * one).all()
        assert (found[1] >= 0.9 * two).all()
        for curve in found:
            assert (np.diff(curve) >= 0).all()
            assert curve[-1] == pytest.approx(of.value(range(7), range(7)))
        assert found[0][0] == pytest.approx(max(of.value([c], [c]) for c in range(7)))


def test_a_curve_of_given_reads_is_exact_and_counts_in_another_norm():
    generator = np.random.default_rng(4)
    of = terms(generator, 6)
    other = Terms(np.sqrt(of.pairs), np.sqrt(of.bias))
    reads = generator.permutation(6)
    curve = reads_curve(of, of, reads)
    counted = reads_curve(of, other, reads)
    highest = 0.0
    for k in range(1, 7):
        best = max(combinations(range(6), k), key=lambda s, k=k: of.value(reads[:k], s))
        assert curve[k - 1] == pytest.approx(of.value(reads[:k], best))
        highest = max(highest, other.value(reads[:k], best))
        assert counted[k - 1] == pytest.approx(highest)


def value(gradients, selection, norm):
    """Σ of squares, or of sizes, over all that is chosen, by loops."""
    total = 0.0
    for block, one in zip(gradients.blocks("attn"), selection.blocks, strict=True):
        for s in one.written:
            entries = [block.bias[s], *(block.weight[s, r] for r in one.indices)]
            total += sum(abs(e) if norm == "sign" else e * e for e in entries)
    return total


def energy(seed=5):
    generator = np.random.default_rng(seed)
    return ChannelScores(
        {f"attn.{s}": generator.random(shape).astype("f") for s, shape in enumerate(TWO_STAGES)},
        {"criterion": "class_l2"},
    )


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("budget", NORMS)
def test_over_stages_of_different_widths_the_step_grows_and_the_parameters_do_not(
    selector, norm, budget
):
    grew = 0
    for seed in range(6):
        how = {"selector": selector, "norm": norm, "ratio": 0.25, "energy": energy()}
        gradients = uneven(seed=seed)
        uniform = select_by_gradient(gradients, **how)
        shared = select_by_gradient(gradients, budget=budget, **how)
        assert shared.parameters() <= uniform.parameters() == 2 * (2 * 3 + 4 * 5)
        assert (shared.criterion, shared.site) == (uniform.criterion, "attn")
        for block in shared.blocks:
            assert 1 <= len(block.indices) == len(block.written) <= block.width
        gain = value(gradients, shared, budget) / value(gradients, uniform, budget)
        assert gain >= 1
        grew += gain > 1.05
    assert grew >= 4


@pytest.mark.parametrize("selector", SELECTORS)
def test_sets_of_a_block_are_those_of_its_k_alone(selector):
    gradients, scores = uneven(seed=1), energy()
    shared = select_by_gradient(
        gradients, selector=selector, ratio=0.25, energy=scores, budget="unit"
    )
    assert shared.stage_ks() is None
    for block in shared.blocks:
        k = len(block.indices)
        (alone,) = select_by_gradient(
            gradients, selector=selector, k=k, energy=scores, blocks=[block.block]
        ).blocks
        assert block == alone
    again = select_by_gradient(
        gradients, selector=selector, ratio=0.25, energy=scores, budget="unit"
    )
    assert again == shared


def test_only_tuned_blocks_share_their_parameters():
    gradients = uneven(seed=2)
    how = {"selector": "gradient", "k": 3, "blocks": [0, 3], "budget": "unit"}
    shared = select_by_gradient(gradients, **how)
    assert [block.block for block in shared.blocks] == [0, 3]
    assert shared.parameters() <= 2 * (9 + 3)
    (one,) = select_by_gradient(gradients, **{**how, "blocks": [1]}).blocks
    assert len(one.indices) == 3


def test_a_budget_where_nothing_is_compared_is_one_sentence():
    with pytest.raises(InputError, match="budget='even': choose one of uniform, unit, sign"):
        select_by_gradient(drawn(), selector="gradient", k=2, budget="even")
    with pytest.raises(InputError, match="budget='unit': selector top does not say what channels"):
        select(energy(), ratio=0.25, budget="unit")
    scores = ChannelScores(energy().arrays, {"criterion": "class_l2"}, gradients=uneven(seed=3))
    chosen = select(
        scores,
        ratio=0.25,
        order="energy_read_gradient_write",
        gradients=uneven(seed=3),
        budget="unit",
    )
    assert chosen.stage_ks() is None
