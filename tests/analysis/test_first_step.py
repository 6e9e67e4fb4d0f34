"""The gain of a first step, measured on images that did not choose it, against a slow restatement."""

from itertools import combinations

import numpy as np
import pytest

from ict.adapter_gradients import AdapterGradients
from ict.analysis.first_step import first_steps, predicted_decrease
from ict.criteria import NORMS
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import BlockSelection, Selection, select, select_random
from ict.selection.by_gradient import select_by_gradient
from tests.selection.gradients import drawn

WIDTH, BLOCKS, K = 7, 2, 2


def of(sets, site="attn", width=WIDTH):
    blocks = (BlockSelection(0, b, width, *both) for b, both in enumerate(sets))
    return Selection(site, tuple(blocks))


FIXED = of([((0, 3), (1, 5)), ((2, 6), None)])


def entries(gradients, selection, parts):
    """All entries of [G[S, R], g[S]] summed over parts, block by block, as a list."""
    arrays = gradients.arrays
    return [
        sum(float(arrays[f"attn.0.{kind}.{part}"][(one.block, *index)]) for part in parts)
        for one in selection.blocks
        for s in one.written
        for kind, index in (("g", (s,)), *(("G", (s, r)) for r in one.indices))
    ]


def gain(gradients, selection, a, b, norm):
    """⟨step of A, gradient of B⟩ per image of B."""
    ours, theirs = entries(gradients, selection, a), entries(gradients, selection, b)
    if norm == "unit":
        length = sum(x * x for x in ours) ** 0.5
        step = [x / length for x in ours]
    else:
        step = [(x > 0) - (x < 0) for x in ours]
    return sum(x * y for x, y in zip(step, theirs, strict=True)) / sum(
        gradients.images[p] for p in b
    )


def both_ways():
    """The 20 ordered halvings of six parts."""
    return [(a, tuple(set(range(6)) - set(a))) for a in combinations(range(6), 3)]


@pytest.mark.parametrize("norm", NORMS)
def test_gains_and_regret_are_those_of_a_slow_restatement(norm):
    gradients = drawn(((BLOCKS, WIDTH),), seed=1)
    gradients = AdapterGradients(gradients.arrays, (3, 4, 5, 6, 7, 8))
    fixed, chosen = first_steps(gradients, {"fixed": FIXED}, ["gradient"], k=K, norm=norm)

    def chosen_on(a, selector):
        return select_by_gradient(gradients, selector=selector, k=K, norm=norm, parts=a)

    best = [gain(gradients, chosen_on(a, "gradient_rw"), a, b, norm) for a, b in both_ways()]
    slow = {
        fixed: [gain(gradients, FIXED, a, b, norm) for a, b in both_ways()],
        chosen: [gain(gradients, chosen_on(a, "gradient"), a, b, norm) for a, b in both_ways()],
    }
    assert min(best) > 0
    for row, gains in slow.items():
        ratios = np.divide(gains, best)
        assert (row.norm, row.k, row.halvings) == (norm, (K,), 10)
        assert [row.held_out, row.lowest, row.highest] == pytest.approx(
            [np.mean(gains), min(gains), max(gains)]
        )
        assert [row.relative_to_best, row.relative_lowest, row.relative_highest] == pytest.approx(
            [np.mean(gains) / np.mean(best), ratios.min(), ratios.max()]
        )
        assert row.regret == pytest.approx(1 - np.mean(gains) / np.mean(best))


@pytest.mark.parametrize("norm", NORMS)
def test_predicted_is_the_gain_of_a_step_and_choice_on_all_images(norm):
    gradients = drawn(((BLOCKS, WIDTH),))
    (row, rw) = first_steps(gradients, {"fixed": FIXED}, ["gradient_rw"], k=K, norm=norm)
    everything = range(6)
    in_sample = gain(gradients, FIXED, everything, everything, norm)
    assert row.predicted == pytest.approx(in_sample)
    assert predicted_decrease(gradients, FIXED, norm) == pytest.approx(in_sample)
    chosen = select_by_gradient(gradients, selector="gradient_rw", k=K, norm=norm)
    assert rw.predicted == pytest.approx(predicted_decrease(gradients, chosen, norm))


def test_a_dense_step_of_length_one_gains_the_length_of_the_gradient():
    gradients = drawn(((BLOCKS, WIDTH),))
    dense = of([(tuple(range(WIDTH)), None)] * BLOCKS)
    squares = sum((b.weight**2).sum() + (b.bias**2).sum() for b in gradients.blocks("attn"))
    assert predicted_decrease(gradients, dense) == pytest.approx(squares**0.5 / 60)


def test_halves_that_are_alike_gain_what_was_predicted():
    part = drawn(((BLOCKS, WIDTH),), parts=1)
    arrays = {f"{n[:-1]}{p}": a for n, a in part.arrays.items() for p in range(6)}
    rows = first_steps(AdapterGradients(arrays, (10,) * 6), {"fixed": FIXED}, ["gradient_rw"], k=K)
    for row in rows:
        assert [row.held_out, row.lowest, row.highest] == pytest.approx([row.predicted] * 3)
    assert rows[1].regret == pytest.approx(0, abs=1e-12)


def test_noise_gains_nothing_held_out_and_nothing_is_relative_to_it():
    generator = np.random.default_rng(2)
    shapes = {"G": (1, 40, 40), "g": (1, 40)}
    arrays = {
        f"attn.0.{kind}.{p}": generator.normal(size=shape).astype("f")
        for kind, shape in shapes.items()
        for p in range(6)
    }
    (row,) = first_steps(AdapterGradients(arrays, (10,) * 6), {}, ["gradient_rw"], k=5)
    assert abs(row.held_out) < row.predicted / 5
    assert row.lowest < 0
    assert np.isnan([row.relative_lowest, row.relative_highest]).all()
    assert np.isnan(row.relative_to_best) == (row.held_out <= 0)


def test_random_channels_are_the_mean_of_five_draws():
    gradients = drawn(((BLOCKS, WIDTH),), task="digits")
    (row,) = first_steps(gradients, {}, ["random"], k=K)
    draws = [
        select_random([(BLOCKS, WIDTH)], site="attn", ks=[K], blocks=None, seed=s, task="digits")
        for s in range(5)
    ]
    gains = [[gain(gradients, one, a, b, "unit") for one in draws] for a, b in both_ways()]
    assert row.held_out == pytest.approx(np.mean(gains))
    assert row.highest == pytest.approx(np.mean(gains, axis=1).max())


def test_reads_by_energy_are_those_of_all_images_and_writes_are_chosen_on_the_half():
    gradients = drawn(((BLOCKS, WIDTH),))
    scores = np.random.default_rng(4).random((BLOCKS, WIDTH)).astype("f")
    energy = ChannelScores({"attn.0": scores}, {"criterion": "class_l2"})
    name = "energy_read_gradient_write"
    (row,) = first_steps(gradients, {}, [name], k=K, energy=energy)
    gains = []
    for a, b in both_ways():
        chosen = select_by_gradient(gradients, selector=name, k=K, energy=energy, parts=a)
        assert [o.indices for o in chosen.blocks] == [o.indices for o in select(energy, k=K).blocks]
        gains.append(gain(gradients, chosen, a, b, "unit"))
    assert row.held_out == pytest.approx(np.mean(gains))


def test_what_has_no_held_out_half_or_other_blocks_is_refused():
    one = drawn(((BLOCKS, WIDTH),), parts=1)
    with pytest.raises(InputError, match="one part have no held-out half"):
        first_steps(one, {}, ["gradient"], k=K)
    empty = AdapterGradients(drawn(((BLOCKS, WIDTH),)).arrays, (9, 9, 9, 0, 0, 0))
    with pytest.raises(InputError, match="a half of the gradients has no images"):
        first_steps(empty, {}, ["gradient"], k=K)
    gradients = drawn(((BLOCKS, WIDTH),))
    for other in (
        of([((0,), None)]),
        of([((0,), None)] * 2, "mlp"),
        of([((0,), None)] * 2, width=9),
    ):
        with pytest.raises(InputError, match="choose in all blocks of one backbone"):
            first_steps(gradients, {"other": other}, [], k=K)
    with pytest.raises(InputError, match="a set is called gradient, as a selector is"):
        first_steps(gradients, {"gradient": FIXED}, ["gradient"], k=K)


def test_a_step_is_held_against_images_of_its_own_head():
    gradients = drawn(((BLOCKS, WIDTH),), seed=2)
    own = AdapterGradients(gradients.arrays, gradients.images, heads=(0, 0, 0, 0, 1, 1))
    halvings = own.halvings()
    assert halvings == [
        ((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)), ((4,), (5,)),
    ]  # fmt: skip
    (row,) = first_steps(own, {"fixed": FIXED}, [], k=K)
    both = [pair for a, b in halvings for pair in ((a, b), (b, a))]
    slow = [gain(own, FIXED, a, b, "unit") for a, b in both]
    assert (row.halvings, row.held_out) == (4, pytest.approx(np.mean(slow)))


def test_heads_are_kept_in_the_file(tmp_path):
    gradients = drawn(((BLOCKS, WIDTH),), seed=3)
    own = AdapterGradients(gradients.arrays, gradients.images, heads=(0, 0, 0, 1, 1, 1))
    assert AdapterGradients.load(own.save(tmp_path / "g.safetensors")).heads == own.heads
