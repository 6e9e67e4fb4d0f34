"""Permutations, stability, agreement and the energy split, against slow or exact references."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ict.analysis import agreement, energy, permutation, stability
from ict.analysis.sources import Sums
from ict.errors import InputError


def task(seed: int, means: np.ndarray, images: int = 120, classes: int = 3) -> Sums:
    generator = np.random.default_rng(seed)
    per_image = np.exp(means + 0.5 * generator.normal(size=(images, *means.shape)))
    return Sums(f"t{seed}", np.arange(images) % classes, [per_image.astype(np.float32)])


def test_task_labels_matter_only_where_the_tasks_differ():
    generator = np.random.default_rng(1)
    means = generator.normal(0, 0.4, (5, 64))
    other = means.copy()
    other[2] = generator.normal(0, 0.4, 64)  # block 2 alone differs
    found = permutation.task_labels(task(1, means), task(2, other), [8], permutations=200)
    assert found.p[2] == pytest.approx(1 / 201)
    assert (np.delete(found.p, 2) > 0.05).all()
    assert found.observed[2] < found.expected[2] - 0.3


def test_p_values_of_equal_tasks_do_not_pile_up_at_the_small_end():
    means = np.random.default_rng(1).normal(0, 0.4, (4, 48))
    smallest = [
        permutation.task_labels(
            task(2 * i, means, images=60), task(2 * i + 1, means, images=60), [6],
            permutations=99, seed=i,
        ).p.min()
        for i in range(40)
    ]  # fmt: skip
    assert np.mean(np.array(smallest) <= 0.05) <= 0.15  # 0.05 expected; binomial 95 %: 0.125


def test_tasks_on_the_same_images_exchange_labels_within_an_image():
    means = np.random.default_rng(2).normal(0, 0.4, (3, 32))
    one = task(1, means)
    other = Sums("relabelled", np.roll(one.labels, 1), one.per_image)
    found = permutation.task_labels(one, other, [4], permutations=50)
    assert (found.p > 0.05).all()  # labels carry nothing here, and the images are the same


def test_westfall_young_is_the_plain_p_value_for_one_hypothesis_and_never_smaller_for_many():
    generator = np.random.default_rng(3)
    observed, permuted = generator.normal(size=6) + 1, generator.normal(size=(500, 6))
    plain = (1 + (permuted >= observed).sum(axis=0)) / 501
    alone = permutation.westfall_young(observed[:1], permuted[:, :1])
    assert alone[0] == pytest.approx(plain[0])
    adjusted = permutation.westfall_young(observed, permuted)
    assert (adjusted >= plain - 1e-12).all()
    scale = permuted.std(axis=0)
    single_step = ((permuted - permuted.mean(axis=0)) / scale).max(axis=1)
    best = np.argmax((observed - permuted.mean(axis=0)) / scale)
    first = (1 + (single_step >= ((observed - permuted.mean(axis=0)) / scale)[best]).sum()) / 501
    assert adjusted[best] == pytest.approx(first)


def test_shuffled_classes_change_a_planted_class_channel_and_nothing_else():
    """Balanced classes: only the spread of energy between classes makes a norm class-aware."""
    labels = np.arange(100) % 2
    per_image = np.full((100, 1, 10), 4.0, np.float32)
    per_image[:, 0, 0] = np.where(labels == 0, 16.1, 0.0)  # more energy than 1–9, from one class
    per_image[:, 0, 1] = 8.0
    sums = Sums("planted", labels, [per_image])
    found = permutation.class_labels(sums, [1], shuffles=50)
    # class-aware: channel 0 scores sqrt(50·16.1)/2 = 14.2, channel 1 sqrt(50·8) = 20
    assert found.overlap[0] < 0.5  # shuffled, channel 0 scores near sqrt(50·8.05) > sqrt(50·8)
    assert found.with_l2[0] == 0
    same = permutation.class_labels(Sums("flat", labels, [per_image[:, :, 1:]]), [1], shuffles=20)
    assert same.overlap[0] == 1
    assert same.kuncheva[0] == 1
    with pytest.raises(InputError, match="does not read the classes"):
        permutation.class_labels(Sums("l2", labels, [per_image], criterion="l2"), [1])


def test_shuffled_scores_equal_the_formula_with_shuffled_labels():
    generator = np.random.default_rng(11)
    labels = generator.integers(0, 4, 30)
    energy = generator.random((30, 2, 300)).astype(np.float32)  # more columns than one block
    sums = Sums("t", labels, [energy])
    orders = [generator.permutation(30) for _ in range(3)]
    found = permutation._shuffled(energy.reshape(30, -1), sums, orders)
    for scores, order in zip(found, orders, strict=True):
        shuffled = np.empty(30, dtype=int)
        shuffled[order] = np.sort(labels)
        slow = [np.sqrt(energy[shuffled == k].sum(axis=0)) for k in range(4)]
        np.testing.assert_allclose(scores.reshape(2, 300), np.mean(slow, axis=0), rtol=1e-5)


def test_nogueira_of_identical_random_and_hand_made_selections():
    assert stability.nogueira(np.tile(np.arange(10) < 3, (5, 1))).index == pytest.approx(1)
    generator = np.random.default_rng(4)
    random = np.argsort(generator.random((400, 60)), axis=1) < 12
    found = stability.nogueira(random)
    assert found.index == pytest.approx(0, abs=0.01)
    assert found.low <= 0 <= found.high
    two = stability.nogueira(np.array([[1, 1, 0, 0], [1, 0, 1, 0]]))
    # p = 1, ½, ½, 0; mean of 2·p(1−p) = ¼; denominator ½·½ → 1 − 1 = 0
    assert two.index == pytest.approx(0)
    assert two.frequency.tolist() == [1, 0.5, 0.5, 0]
    with pytest.raises(InputError, match="2 or more"):
        stability.nogueira(np.ones((1, 4)))


def test_nogueira_equals_kuncheva_averaged_over_pairs():
    """For sets of one size the two indices are the same number (their paper, section 4)."""
    from ict.analysis.overlap import count, kuncheva

    masks = np.argsort(np.random.default_rng(5).random((7, 30)), axis=1) < 9
    pairs = [(i, j) for i in range(7) for j in range(i)]
    mean = np.mean([kuncheva(count(masks[i], masks[j]), 9, 30) for i, j in pairs])
    assert stability.nogueira(masks).index == pytest.approx(mean)


def test_nogueiras_interval_covers_the_index_of_many_resamples():
    generator = np.random.default_rng(6)
    strength = generator.normal(0, 1, 40)
    draw = lambda m: np.argsort(-(strength + generator.normal(0, 1, (m, 40))), axis=1)  # noqa: E731
    chosen = lambda m: np.argsort(draw(m), axis=1) < 8  # noqa: E731
    truth = stability.nogueira(chosen(20_000)).index
    covered = [
        f.low <= truth <= f.high for f in (stability.nogueira(chosen(40)) for _ in range(200))
    ]
    assert np.mean(covered) >= 0.88


def test_stability_of_images_grows_with_the_signal():
    generator = np.random.default_rng(7)
    weak, strong = (task(1, generator.normal(0, s, (2, 64))) for s in (0.02, 2.0))
    low, high = (stability.of_images(t, [8], resamples=30)[0].index for t in (weak, strong))
    assert low < 0.5
    assert high > 0.9
    assert len(stability.of_images(strong, [8], how="half", resamples=4)) == 2
    with pytest.raises(InputError, match="bootstrap or half"):
        stability.of_images(weak, [8], how="jackknife")


def test_spearman_equals_scipy_block_by_block():
    from scipy import stats

    generator = np.random.default_rng(8)
    scores = {name: [generator.random((3, 20)).round(1)] for name in ("a", "b", "c")}
    found = agreement.spearman(scores)
    for block in range(3):
        expected = stats.spearmanr(scores["a"][0][block], scores["c"][0][block]).statistic
        assert found[block, 0, 2] == pytest.approx(expected)
    np.testing.assert_allclose(np.einsum("bcc->bc", found), 1)


def test_top_k_agreement_and_clustering_find_the_pair_that_agrees():
    generator = np.random.default_rng(9)
    base = generator.random((2, 40))
    scores = {"a": [base], "b": [base + 1e-6], "c": [generator.random((2, 40))]}
    index = agreement.top_k_agreement(scores, [5]).mean(axis=0)
    assert index[0, 1] == 1
    tree = agreement.cluster(index)
    assert sorted(tree[0, :2].astype(int).tolist()) == [0, 1]
    assert tree[0, 2] == pytest.approx(0)
    assert tree[1, 2] == pytest.approx(1 - (index[0, 2] + index[1, 2]) / 2)
    with pytest.raises(InputError, match="missing"):
        agreement.cluster(np.array([[1, np.nan], [np.nan, 1]]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(2, 12), st.integers(1, 5))
def test_the_energy_split_sums_exactly_and_equals_the_definition(seed, classes, images, tokens):
    generator = np.random.default_rng(seed)
    activations = generator.normal(generator.normal(), 1, (images, tokens, 2, 3))
    labels = generator.integers(0, classes, images)
    means = activations.mean(axis=1)
    found = energy.split((activations**2).sum(axis=1), means, labels, tokens)
    grand = activations.mean(axis=(0, 1))
    of_class = np.stack([means[labels == k].mean(axis=0) for k in labels])  # of each image's class
    np.testing.assert_allclose(found.offset, images * tokens * grand**2)
    np.testing.assert_allclose(
        found.classes, tokens * ((of_class - grand) ** 2).sum(axis=0), atol=1e-9
    )
    np.testing.assert_allclose(
        found.image, tokens * ((means - of_class) ** 2).sum(axis=0), atol=1e-9
    )
    token = ((activations - means[:, None]) ** 2).sum(axis=(0, 1))
    np.testing.assert_allclose(found.token, token, atol=1e-8)
    np.testing.assert_allclose(found.total, (activations**2).sum(axis=(0, 1)), rtol=1e-9)


def test_corrected_class_energy_has_the_mean_0_over_all_ways_to_deal_the_labels():
    """Exactly: all 90 assignments of (0, 0, 1, 1, 2, 2) to six images."""
    means = np.random.default_rng(3).normal(size=(6, 1, 4))
    deals = set(itertools.permutations((0, 0, 1, 1, 2, 2)))
    assert len(deals) == 90
    exact = [energy.split(means**2 + 1, means, np.array(deal), 7) for deal in deals]
    found = [one.corrected(images=6, classes=3) for one in exact]
    image_and_class = exact[0].classes + exact[0].image
    assert min(one.classes.min() for one in found) < 0
    np.testing.assert_allclose(np.mean([one.classes for one in found], axis=0), 0, atol=1e-12)
    shuffled = np.mean([one.classes for one in exact], axis=0)
    np.testing.assert_allclose(shuffled, image_and_class * 2 / 5)
    for one, before in zip(found, exact, strict=True):
        np.testing.assert_allclose(one.total, before.total)


def test_corrected_class_energy_is_that_of_the_class_means_that_were_planted():
    """N T times the variance of class means, whatever the noise of few images a class adds."""
    draws = np.random.default_rng(4)
    labels = np.repeat(np.arange(100), 3)
    planted = draws.normal(size=(100, 1, 500))
    means = planted[labels] + 2 * draws.normal(size=(300, 1, 500))
    exact = energy.split(means**2, means, labels, 1)
    found = exact.corrected(images=300, classes=100)
    # the mean of a class's 3 images varies by 1 + 4/3, of which 1 was planted; 3 · 99 = 297
    assert found.classes.sum() / (297 * 500) == pytest.approx(1, rel=0.03)
    assert exact.classes.sum() / (297 * 500) == pytest.approx(1 + 4 / 3, rel=0.03)


def test_every_image_a_class_of_its_own_is_refused():
    with pytest.raises(InputError, match="5 images of 5 classes: class and image energy cannot"):
        energy.freedom(5, 5)


def test_participation_ratio_counts_the_channels_that_carry_the_energy():
    assert energy.participation_ratio(np.array([[1.0, 1, 1, 1], [5, 0, 0, 0]])).tolist() == [4, 1]


def test_energy_table_adds_to_one_and_says_what_is_missing():
    generator = np.random.default_rng(10)
    activations = generator.normal(1, 1, (20, 5, 2, 8)).astype(np.float32)
    sums = Sums(
        "t", np.arange(20) % 4, [(activations**2).sum(axis=1)],
        token_mean=[activations.mean(axis=1)], tokens=[5],
    )  # fmt: skip
    rows = energy.split_table(sums)
    assert [row.block for row in rows] == [0, 1]
    (exact,) = energy.of_sums(sums)
    for block, row in enumerate(rows):
        parts = exact.classes[block].sum(), exact.image[block].sum(), exact.total[block].sum()
        assert row.class_ == pytest.approx((parts[0] - 3 / 16 * parts[1]) / parts[2])
        assert row.shuffled == pytest.approx(3 / 19 * (parts[0] + parts[1]) / parts[2])
        measured = {**row.to_dict(), "class": parts[0] / parts[2], "image": parts[1] / parts[2]}
        form = {name: v for name, v in measured.items() if name not in ("shuffled", "classes")}
        again = energy.MeasuredEnergyRow.from_dict(form).corrected(4)
        assert again.to_dict() == pytest.approx(row.to_dict())
        assert row.offset + row.class_ + row.image + row.token == pytest.approx(1)
    with pytest.raises(InputError, match="token means"):
        energy.split_table(Sums("t", sums.labels, sums.per_image))
