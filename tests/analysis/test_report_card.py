"""The columns of a report card, each against a slow restatement or a closed form."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ict.adapter_gradients import AdapterGradients
from ict.analysis.report_card import Candidate, Effect, ReportCard, card_rows, fidelities, shared
from ict.criteria import NORMS
from ict.scores import ChannelScores
from ict.selection import BlockSelection, Selection, select, select_random
from ict.selection.by_gradient import select_by_gradient
from tests.analysis.test_first_step import both_ways, gain
from tests.selection.gradients import drawn

STAGES, K = ((2, 7),), (2,)


def scores_of(seed, criterion, stages=STAGES):
    generator = np.random.default_rng(seed)
    arrays = {f"attn.{s}": generator.random(shape).astype("f") for s, shape in enumerate(stages)}
    return ChannelScores(arrays, {"criterion": criterion})


ENERGY, PLAIN, OTHER = scores_of(1, "class_l2"), scores_of(2, "l2"), scores_of(3, "other")


def by_scores(scores, **more):
    """A criterion that chose by `scores` on all images."""
    name = scores.meta["criterion"]
    return Candidate(
        name=name,
        kind="criterion",
        choices=(select(scores, k=K),),
        scores=scores.site("attn"),
        **more,
    )


def by_gradient(gradients, selector, **more):
    chosen = select_by_gradient(gradients, selector=selector, k=K, energy=ENERGY)
    return Candidate(
        name=selector, kind="selector", choices=(chosen,), selector=selector, **more
    )  # fmt: skip


def rows_of(candidates, gradients=None, **more):
    gradients = gradients or drawn(STAGES, task="digits")
    plain = select(PLAIN, k=K)
    return card_rows(gradients, candidates, site="attn", k=K, l2=plain, energy=ENERGY, **more)


@pytest.mark.parametrize("norm", NORMS)
def test_regret_is_what_a_step_gains_less_than_the_best_sets_of_the_half_that_gave_it(norm):
    gradients = drawn(STAGES, seed=5)
    candidates = [
        by_gradient(gradients, "gradient_rw"),
        by_scores(OTHER),
        by_gradient(gradients, "gradient"),
    ]
    rows = rows_of(candidates, gradients)

    def chosen(a, selector):
        return select_by_gradient(gradients, selector=selector, k=K, norm=norm, parts=a)

    for one, row in zip(candidates, rows, strict=True):
        gains = [
            gain(gradients, chosen(a, one.selector) if one.selector else one.choices[0], a, b, norm)
            for a, b in both_ways()
        ]
        best = [gain(gradients, chosen(a, "gradient_rw"), a, b, norm) for a, b in both_ways()]
        shares = np.divide(gains, best)
        said = [getattr(row, f"regret_{norm}{end}") for end in ("", "_lowest", "_highest")]
        slow = [1 - np.mean(gains) / np.mean(best), 1 - max(shares), 1 - min(shares)]
        assert said == pytest.approx(slow, abs=1e-9)
    assert rows[1].regret_unit > 0.1


def test_a_criterion_and_a_selector_of_one_name_have_rows_of_their_own():
    gradients = drawn(STAGES)
    criterion = by_scores(scores_of(8, "gradient"))
    rows = rows_of([criterion, by_gradient(gradients, "gradient")], gradients)
    turned = rows_of([by_gradient(gradients, "gradient"), criterion], gradients)
    assert [(row.name, row.kind) for row in rows] == [
        ("gradient", "criterion"),
        ("gradient", "selector"),
    ]
    assert rows[0].regret_unit != pytest.approx(rows[1].regret_unit)
    assert rows == turned[::-1]


def test_where_the_best_sets_gain_nothing_regret_is_left_out_and_json_has_no_nan():
    one = drawn(
        STAGES, parts=1
    ).arrays  # the other half has the gradients of the first, turned round
    other = {f"{name[:-1]}1": -array / 2 for name, array in one.items()}
    opposed = AdapterGradients({**one, **other}, (5, 5))
    (row,) = rows_of([by_scores(OTHER)], opposed)
    assert row.regret_unit is row.regret_sign is row.regret_unit_lowest is None
    assert "NaN" not in json.dumps(row.to_dict())


def spearman(a, b):
    """1 − 6 Σ d² / (n (n² − 1)), for values without ties."""
    ranks = [[sorted(one).index(value) for value in one] for one in (a, b)]
    n = len(a)
    return 1 - 6 * sum((x - y) ** 2 for x, y in zip(*ranks, strict=True)) / (n * (n * n - 1))


def test_fidelity_is_the_rank_correlation_with_effects_meaned_over_blocks():
    stages = ((2, 7), (1, 9))
    scores = scores_of(4, "other", stages).site("attn")
    generator = np.random.default_rng(9)
    tried = {0: [0, 3, 4, 6], 1: [1, 2, 5], 2: [0, 7, 8, 3, 2]}
    effects = [Effect(b, c, float(generator.random())) for b, cs in tried.items() for c in cs]
    rows = [*scores[0], *scores[1]]
    slow = [
        spearman([rows[b][c] for c in cs], [e.size for e in effects if e.block == b])
        for b, cs in tried.items()
    ]
    assert fidelities(scores, effects) == pytest.approx(slow)
    shuffled = [effects[i] for i in generator.permutation(len(effects))]
    assert sorted(fidelities(scores, shuffled)) == pytest.approx(sorted(slow))


def test_fidelity_of_a_score_is_unchanged_by_what_keeps_its_order():
    effects = [Effect(0, c, size) for c, size in enumerate((0.1, 0.5, 0.2, 0.9))]
    in_order = np.array([[1.0, 3.0, 2.0, 4.0]])
    assert fidelities([in_order], effects) == pytest.approx([1])
    assert fidelities([np.exp(5 * in_order)], effects) == pytest.approx([1])
    assert fidelities([-in_order], effects) == pytest.approx([-1])


def test_blocks_that_do_not_rank_have_no_fidelity():
    rows = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    effects = [Effect(b, c, 0.1 * c if b != 1 else 0.5) for b in range(4) for c in range(3)]
    few = [one for one in effects if one.block != 2 or one.channel < 2]
    assert fidelities([rows], few) == pytest.approx([-0.5])  # block 3 alone
    (row,) = rows_of([by_scores(OTHER)])
    assert (row.fidelity, row.fidelity_blocks) == (None, 0)
    tried = [Effect(b, c, float(b + c)) for b in range(2) for c in range(7)]
    (row,) = rows_of([by_scores(OTHER)], effects=tried)
    assert row.fidelity == pytest.approx(np.mean(fidelities(OTHER.site("attn"), tried)))
    assert row.fidelity_blocks == 2


def test_a_choice_by_noise_has_a_fidelity_of_the_spread_that_is_printed():
    card = ReportCard(
        task="t", backbone="b", weights="none", site="attn", k=(2,), channels=(50,), blocks=12,
        split="train800", images=10, images_of_halves=(5, 5), check_split="val200", check_images=5,
        check_channels=8, device="cpu", rows=(), notes=(),
    )  # fmt: skip
    generator = np.random.default_rng(0)
    found = []
    for _ in range(400):
        rows = generator.random((12, 8))
        effects = [Effect(b, c, float(generator.random())) for b in range(12) for c in range(8)]
        found.append(np.mean(fidelities([rows], effects)))
    assert np.std(found) == pytest.approx(card.fidelity_spread, rel=0.12)
    assert replace(card, check_channels=0).fidelity_spread is None


def of(*sets, widths=(8, 8)):
    blocks = (BlockSelection(0, b, widths[b], *both) for b, both in enumerate(sets))
    return Selection("attn", tuple(blocks))


def test_shares_are_of_what_is_read_and_of_what_is_written_meaned_over_blocks():
    one = of(((0, 1, 2, 3), None), ((0, 1), (4, 5)))
    other = of(((0, 1, 2, 7), (4, 5, 6, 7)), ((6, 7), (4, 7)))
    assert shared(one, other) == ((3 / 4 + 0) / 2, (0 + 1 / 2) / 2)
    assert shared(one, one) == (1, 1)


def test_stability_l2_and_chance_are_shares_of_k():
    halves = (select(scores_of(6, "a"), k=K), select(scores_of(7, "b"), k=K))
    (row,) = rows_of([by_scores(OTHER, halves=halves)])
    assert (row.stability_read, row.stability_write) == shared(*halves)
    assert (row.l2_read, row.l2_write) == shared(select(OTHER, k=K), select(PLAIN, k=K))
    assert row.chance == pytest.approx(2 / 7)
    (plain,) = rows_of([by_scores(PLAIN)])
    assert (plain.l2_read, plain.stability_read) == (1, None)


def test_random_channels_share_with_l2_what_their_draws_do_in_the_mean():
    draws = tuple(
        select_random(STAGES, site="attn", ks=K, blocks=None, seed=s, task="digits")
        for s in range(5)
    )
    one = Candidate(name="random", kind="selector", choices=draws, selector="random")
    (row,) = rows_of([one])
    each = [shared(draw, select(PLAIN, k=K))[0] for draw in draws]
    assert len(set(each)) > 1
    assert row.l2_read == row.l2_write == pytest.approx(np.mean(each))


def test_cost_is_over_that_of_class_l2_wherever_it_stands():
    candidates = [by_scores(OTHER, seconds=6.0), by_scores(ENERGY, seconds=4.0), by_scores(PLAIN)]
    for order in (candidates, candidates[::-1]):
        found = {row.name: (row.seconds, row.seconds_over_class_l2) for row in rows_of(order)}
        assert found == {"other": (6, 1.5), "class_l2": (4, 1), "l2": (None, None)}
    assert [row.seconds_over_class_l2 for row in rows_of(candidates[:1])] == [None]


def test_rows_stand_in_the_order_of_the_candidates():
    gradients = drawn(STAGES)
    mixed = [by_gradient(gradients, "gradient_rw"), by_scores(OTHER), by_scores(PLAIN)]
    mixed.insert(1, by_gradient(gradients, "energy_read_gradient_write"))
    rows = rows_of(mixed, gradients)
    assert [row.name for row in rows] == [one.name for one in mixed]
    assert all(a != b for a, b in pairwise(row.regret_unit for row in rows))
