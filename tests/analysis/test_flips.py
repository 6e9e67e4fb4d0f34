"""Two models on the same images: a table by hand, SciPy's binomial test, and their limits."""

import numpy as np
import pytest
from scipy import stats

from ict.analysis.flips import agreement, flips, flips_by_class, mcnemar
from ict.errors import InputError

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
A = np.array([0, 0, 1, 1, 1, 1, 0, 2, 0, 1])  # right: 0 1 . . 4 5 . 7 . .
B = np.array([0, 1, 0, 2, 1, 0, 0, 2, 2, 1])  # right: 0 . 2 . 4 . . 7 8 .


def test_a_table_by_hand():
    found = flips(A, B, LABELS)
    assert (found.images, found.both_right) == (10, 3)  # 0, 4, 7
    assert (found.lost, found.gained) == (2, 2)  # 1, 5; 2, 8
    assert (found.both_wrong, found.changed_wrong) == (3, 1)  # 3, 6, 9; 3 alone changed
    assert found.difference.mean == pytest.approx((A == LABELS).mean() - (B == LABELS).mean())
    assert "2 of 10 test images are right under A alone, 2 under B alone" in found.sentence
    assert "not of their methods" in found.sentence


def test_flips_by_class_by_hand():
    found = flips_by_class(A, B, LABELS)
    assert [(one.label, one.flips.lost, one.flips.gained) for one in found] == [
        (0, 1, 1), (1, 1, 0), (2, 0, 1),
    ]  # fmt: skip
    assert [one.p for one in found] == [1.0, 1.0, 1.0]


def test_classes_are_under_holms_correction():
    labels = np.repeat([0, 1], 20)
    a, b = labels.copy(), labels.copy()
    b[:8] = 5  # 8 of class 0 lost: p = 2/2^8
    found = flips_by_class(a, b, labels)
    assert found[0].p == pytest.approx(2 * 2 / 2**8)
    assert found[1].p == 1


@pytest.mark.parametrize(
    ("lost", "gained"),
    [(0, 1), (1, 0), (3, 3), (10, 2), (7, 20), (400, 521), (0, 60), (5000, 5200)],
)
def test_mcnemar_is_scipys_binomial_test(lost: int, gained: int):
    discordant = lost + gained
    exact = stats.binomtest(lost, discordant, 0.5).pvalue
    assert mcnemar(lost, gained) == pytest.approx(exact, rel=1e-9)
    mid = 2 * stats.binom.cdf(min(lost, gained), discordant, 0.5)
    mid -= stats.binom.pmf(min(lost, gained), discordant, 0.5)
    assert mcnemar(lost, gained, mid=True) == pytest.approx(mid, rel=1e-6)


def test_no_image_that_differs_tells_no_difference():
    found = flips(A, A, LABELS)
    assert (found.lost, found.gained, found.p_exact, found.p_mid) == (0, 0, 1.0, 1.0)
    low, high = found.difference.interval()
    assert low < 0 < high


def test_agreement_of_three_models_by_hand():
    found = agreement([A, B, LABELS], LABELS)
    assert found.same_answer[0, 1] == pytest.approx((A == B).mean())
    assert found.error_overlap[0, 1] == pytest.approx(3 / 7)  # both wrong 3, either 7
    assert found.error_overlap[0, 2] == 0
    assert np.isnan(found.error_overlap[2, 2])
    assert list(found.never_right) == []
    assert list(agreement([A, B], LABELS).never_right) == [3, 6, 9]
    assert found.always_right == 3
    assert (found.same_answer == found.same_answer.T).all()


def test_other_images_are_refused():
    with pytest.raises(InputError, match="not the same images"):
        flips(A, B[:5], LABELS)
    with pytest.raises(InputError, match="every test image"):
        agreement([A, B[:5]], LABELS)
    with pytest.raises(InputError, match="every test image"):
        agreement([], LABELS)
