"""A comparison of losses: paired as accuracies are, in nats, with what holds for losses alone."""

import math

import numpy as np
import pytest
from scipy import stats

from ict.analysis.comparing import NO_NEW_IMAGES, Comparison, compare
from ict.analysis.differences import (
    DRAWS,
    SEEDS,
    over_seeds,
    over_seeds_and_draws,
    over_tasks,
    unpaired,
)
from ict.analysis.outcomes import ACCURACY, LOSS, OUTCOMES, find_outcome
from ict.analysis.paired_runs import ONE_SEED
from ict.analysis.power import Spread, detectable, power, seeds_needed, spread
from ict.analysis.sides import find_side
from ict.analysis.verdicts import judge, judge_family
from ict.errors import InputError
from ict.store import Store, study_contrast
from tests.answered_runs import run_of

LABELS = np.arange(120) % 10
A, B = {"method": "ict", "ratio": 0.125}, {"method": "bitfit"}
GENERATOR = np.random.default_rng(11)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def fill(store: Store, asked: dict, mean: float, seeds=(1, 2, 3, 4, 5), **more) -> np.ndarray:
    """A run a seed with made-up losses (S, I), as the file keeps them."""
    losses = GENERATOR.exponential(mean, (len(seeds), len(LABELS))).astype(np.float32)
    for seed, own in zip(seeds, losses, strict=True):
        run_of(store, LABELS, LABELS, seed=seed, losses=own, **asked, **more)
    return losses


def told(store: Store, a: str = "method=ict", b: str = "method=bitfit", **more) -> Comparison:
    return compare(find_side(a, store), find_side(b, store), store, outcome=LOSS, **more)


def test_losses_are_paired_by_seed_as_scipy_pairs_them(store: Store):
    own, other = fill(store, A, 0.4), fill(store, B, 0.3)
    found = told(store)
    (task,) = found.tasks
    test = stats.ttest_rel(*(losses.astype(float).mean(axis=1) for losses in (own, other)))
    (verdict,) = found.verdicts
    assert verdict.difference.over == SEEDS
    assert verdict.p == pytest.approx(test.pvalue)
    assert verdict.difference.interval() == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert (task.a, task.b) == pytest.approx((own.mean(), other.mean()), rel=1e-6)
    assert (found.outcome, found.margin) == (LOSS, 0.05)
    assert [found.to_dict()[name] for name in ("outcome", "unit")] == ["loss", "nats"]
    assert NO_NEW_IMAGES in task.notes


def test_pairs_and_means_restated_one_image_after_the_other(store: Store):
    """Unequal seeds and draws nested in them, by loops."""
    own = fill(store, A, 0.4, seeds=(1, 2, 3))
    draws = {
        seed: [
            fill(store, {**A, "criterion": "random", "selection_seed": 10 * seed + r}, 0.5, (seed,))
            for r in range(2)
        ]
        for seed in (2, 3, 4)
    }
    found = told(store, "criterion=class_l2", "criterion=random")
    differences = []
    for row, seed in enumerate((1, 2, 3)):
        if seed in draws:
            total = 0.0
            for i in range(len(LABELS)):
                beside = sum(float(losses[0, i]) for losses in draws[seed]) / 2
                total += float(own[row, i]) - beside
            differences.append(total / len(LABELS))
    difference = found.verdicts[0].difference
    assert difference.mean == pytest.approx(sum(differences) / 2)
    assert difference.standard_error == pytest.approx(
        abs(differences[0] - differences[1]) / 2  # sd of two values over √2
    )


def test_the_sentence_is_in_nats_and_says_that_lower_is_better():
    values = np.array([-0.05, -0.02, -0.03, -0.035, -0.02])
    verdict = judge(over_seeds(values, 700, LOSS), role="primary")
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) / math.sqrt(5)
    assert (-0.031 - half, -0.031 + half) == pytest.approx((-0.0464, -0.0156), abs=1e-4)
    assert verdict.sentence == (
        "−0.031 nats (95 % −0.046 to −0.016, 5 seeds, these images, new seeds): different, "
        "by less than 0.05 nats; lower is better"
    )
    alone = judge(over_seeds([0.2], 700, LOSS)).sentence
    assert alone.startswith("+0.200 nats (no interval, 1 seed, these images, new seeds): not told")
    assert alone.endswith("; lower is better; exploratory")
    assert judge(over_seeds(values, 700, LOSS), margin=1).words.endswith("less than 1 nat")


def test_what_holds_for_accuracies_alone_is_not_put_on_losses():
    """No end at ±1, no half image; accuracies keep both."""
    wide = [3.0, -2.0, 2.5]
    assert over_seeds(wide, 10, LOSS).interval()[1] > 1
    assert over_seeds(wide, 10).interval() == (-1.0, 1.0)
    close = np.array([0.0100, 0.0101, 0.0102])
    expected = close.std(ddof=1) / math.sqrt(3)
    assert over_seeds(close, 100, LOSS).standard_error == pytest.approx(expected)
    assert over_seeds(close, 100).standard_error == pytest.approx(0.005 / math.sqrt(3))
    d = 0.01 + 1e-4 * GENERATOR.standard_normal((3, 4))
    assert (
        over_seeds_and_draws(d, 100, LOSS).standard_error
        < over_seeds_and_draws(d, 100).standard_error
    )


def test_equal_losses_are_told_and_nothing_divides_by_zero(store: Store):
    """The same losses at every seed, as of a seed that moves nothing."""
    for seed in (1, 2, 3):
        run_of(store, LABELS, LABELS, seed=seed, **A)
        run_of(store, LABELS, LABELS, seed=seed, **B)
    (verdict,) = told(store).verdicts
    assert verdict.difference.p == 1
    assert verdict.words == "equivalent within 0.05 nats"
    assert judge(unpaired([0.5, 0.5], [0.5, 0.5, 0.5], 9, LOSS)).difference.p == 1


def test_other_seeds_draws_and_tasks_have_the_forms_of_accuracies(store: Store):
    a, b = GENERATOR.normal(0.3, 0.02, 5), GENERATOR.normal(0.5, 0.04, 3)
    test = stats.ttest_ind(a, b, equal_var=False)
    assert unpaired(a, b, 100, LOSS).interval() == pytest.approx(
        tuple(test.confidence_interval(0.95))
    )
    parts = [over_seeds(GENERATOR.normal(0.1, 0.02, 3), 100, LOSS) for _ in range(2)]
    assert over_tasks(parts).outcome is LOSS
    with pytest.raises(InputError, match="over the same"):
        over_tasks([parts[0], over_seeds([0.1, 0.2, 0.1], 100)])
    family = judge_family(parts)
    assert [one.margin for one in family] == [0.05, 0.05]

    for seed in (1, 2):
        fill(store, A, 0.3, (seed,))
        for draw in (0, 1):
            fill(store, {**A, "criterion": "random", "selection_seed": draw}, 0.4, (seed,))
    (task,) = told(store, "criterion=class_l2", "criterion=random").tasks
    assert task.differences[0].over == DRAWS
    (task,) = told(store, "criterion=class_l2,seed=1", "criterion=random,seed=1").tasks
    assert task.differences[0].over == ONE_SEED
    assert task.differences[0].outcome is LOSS


def test_runs_without_losses_are_named_with_what_to_do(store: Store):
    fill(store, A, 0.3)
    old = run_of(store, LABELS, LABELS, seed=1, method="lora", digest=None)
    gone = run_of(store, LABELS, LABELS, seed=1, method="full", answers=False)
    for run_id, method in ((old, "lora"), (gone, "full")):
        with pytest.raises(InputError) as said:
            told(store, "method=ict", f"method={method}")
        assert str(said.value) == (
            f"run {run_id} kept no loss for each test image (version 0.1.0 kept none): `ict remove` it "
            "and ask for it again, or compare accuracies"
        )


def test_infinite_losses_are_one_sentence(store: Store):
    fill(store, A, 0.3)
    odd = run_of(store, LABELS, LABELS, seed=1, losses=np.full(120, np.inf), method="lora")
    with pytest.raises(InputError, match=f"run {odd} has no loss .* true class with probability 0"):
        told(store, "method=ict", "method=lora")


def test_a_task_whose_runs_have_no_losses_is_left_out_of_several(store: Store):
    for task in ("digits", "count"):
        fill(store, {**A, "task": task}, 0.3)
    fill(store, {**B, "task": "digits"}, 0.2)
    run_of(store, LABELS, LABELS, seed=1, **B, task="count", digest=None)
    found = told(store)
    assert [one.task for one in found.tasks] == ["digits"]
    assert found.notes[0].startswith("count is left out: run ")


def test_flips_are_still_of_answers(store: Store):
    said = LABELS.copy()
    said[:3] = (said[:3] + 1) % 10
    a = run_of(store, said, LABELS, seed=1, **A)
    b = run_of(store, LABELS, LABELS, seed=1, **B)
    (task,) = told(store, a, b, by_class=True).tasks
    assert (task.flips.lost, task.flips.gained) == (0, 3)


def test_power_of_losses_has_no_floor_and_no_end():
    """Over seeds: the noncentral t, as scipy has it; the difference that is found may pass 1."""
    d = GENERATOR.normal(GENERATOR.normal(0, 2, (5, 1)), 1, (5, 300))
    found = spread(d, LOSS)
    one = detectable(5, 300, found)
    assert one > 1
    assert power(one, 5, 300, found) == pytest.approx(0.8, abs=1e-6)
    error = math.sqrt((found.seed + found.rest / 300) / 5)
    t = stats.t.ppf(0.975, 4)
    assert stats.nct.sf(t, 4, one / error) == pytest.approx(0.8, abs=1e-3)
    assert detectable(5, 300, spread(d)) == 1
    assert "3 nats on 300 test images" in seeds_needed(3, 300, found).sentence
    with pytest.raises(InputError, match=r"0 nats: name a difference above 0$"):
        seeds_needed(0, 300, found)
    quiet = Spread(seed=0, image=0, rest=1e-6, seeds=5, outcome=LOSS)
    assert detectable(5, 100, quiet) < 0.5 / 100


@pytest.mark.parametrize("tail", [1.0, 2.5])
def test_the_interval_over_seeds_covers_heavy_tailed_losses(tail: float):
    """Lognormal losses of 200 images, as of networks with and without label smoothing; five seeds.

    The truth is the mean over all trainings on these very images, a closed form of the lognormal.
    """
    experiments, seeds, images, held = 1500, 5, 200, 0
    generator = np.random.default_rng(12)
    for _ in range(experiments):
        difficulty = tail * generator.standard_normal(images)
        means, truths = [], []
        for worse in (0.4, 0.0):
            level = worse + difficulty + 0.4 * tail * generator.standard_normal(images)
            moved = 0.1 * generator.standard_normal((seeds, 1))
            noise = 0.25 * tail * generator.standard_normal((seeds, images))
            means.append(np.exp(level + moved + noise).mean(axis=1))
            truths.append(np.exp(level + (0.01 + (0.25 * tail) ** 2) / 2).mean())
        low, high = over_seeds(means[0] - means[1], images, LOSS).interval()
        held += low <= truths[0] - truths[1] <= high
    assert held / experiments >= 0.93


def test_outcomes_go_by_the_names_that_studies_declare():
    assert tuple(OUTCOMES) == study_contrast.OUTCOMES
    assert (find_outcome(None), find_outcome("loss")) == (ACCURACY, LOSS)
    with pytest.raises(InputError, match="outcome 'f1': choose accuracy or loss"):
        find_outcome("f1")
