"""One model's answers: counts by a loop, Wilson's interval by its textbook values, orders by hand."""

import math

import numpy as np
import pytest

from ict.analysis.answers import Answered, answered
from ict.analysis.intervals import wilson
from ict.errors import InputError
from ict.store.predictions import Predictions
from tests.answered_runs import run_of

LABELS = np.array([0, 0, 1, 1, 1, 3])
SAID = np.array([0, 1, 1, 0, 0, 3])
CERTAIN = np.array([0.9, 0.4, 0.3, 0.8, 0.8, 0.5], np.float32)
OWN = Answered(Predictions(SAID, LABELS, CERTAIN, classes=4))


def test_counts_are_those_of_a_loop():
    counts = np.zeros((4, 4), int)
    for label, said in zip(LABELS, SAID, strict=True):
        counts[label, said] += 1
    assert (OWN.counts == counts).all()
    generator = np.random.default_rng(3)
    labels, said = generator.integers(0, 7, (2, 500))
    many = Answered(Predictions(said, labels, np.ones(500, np.float32)))
    for a in range(7):
        for b in range(7):
            assert many.counts[a, b] == sum((labels == a) & (said == b))


def test_orders_and_cells_by_hand():
    assert OWN.wrong().tolist() == [3, 4, 1]
    assert OWN.least_certain().tolist() == [2, 1, 5, 3, 4, 0]
    assert OWN.cell(1, 0).tolist() == [3, 4]
    assert [(one.label, one.answer, one.images) for one in OWN.mistakes] == [(1, 0, 2), (0, 1, 1)]
    assert [one.share for one in OWN.mistakes] == [2 / 3, 1 / 2]


def test_a_class_without_images_is_no_class_of_accuracy_zero():
    empty = OWN.by_class[2]
    assert empty.images == 0
    assert all(math.isnan(value) for value in (empty.accuracy, empty.low, empty.high))
    assert OWN.balanced == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)


def test_wilson_has_its_published_values_and_stays_inside():
    """Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for right, images, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)
    ):  # fmt: skip
        assert wilson(right, images) == (
            pytest.approx(low, abs=5e-5),
            pytest.approx(high, abs=5e-5),
        )
    assert wilson(20, 20)[1] == 1
    assert all(map(math.isnan, wilson(0, 0)))


def test_the_sentence_names_what_is_mixed_up_most():
    said = OWN.sentence(("cat", "dog", "owl", "eel"))
    assert said.startswith("3 of 6 test images are right: 50.00 % (95 % ")
    assert said.endswith("most often dog is taken for cat (2 of 3, 66.7 % of the class).")
    perfect = Answered(Predictions(LABELS, LABELS, CERTAIN))
    assert "most often" not in perfect.sentence()
    assert perfect.classes == 4


def test_a_run_without_answers_says_what_to_do(store):
    run_id = run_of(store, LABELS, LABELS, answers=False)
    with pytest.raises(InputError, match=r"predictions.safetensors was left behind; copy it"):
        answered(store.run(run_id))


def test_the_largest_share_comes_first_where_classes_differ_in_size():
    labels, said = np.array([0] * 40 + [1] * 4), np.array([1] * 5 + [0] * 35 + [0, 0, 1, 1])
    own = Answered(Predictions(said, labels, np.ones(44, np.float32), classes=2))
    assert own.sentence(("cat", "dog")).endswith(
        "most often dog is taken for cat (2 of 4, 50.0 % of the class)."
    )


def test_all_that_is_tied_is_named():
    labels = np.repeat(np.arange(3), 4)
    said = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2])
    own = Answered(Predictions(said, labels, np.ones(12, np.float32), classes=3))
    assert own.sentence(("a", "b", "c")).endswith(
        "most often a is taken for b (1 of 4, 25.0 % of the class), as often b for c (1 of 4, 25.0 %)."
    )
    labels, said = np.repeat([0, 1], [80, 81]), np.repeat([2, 0, 2, 1], [3, 77, 3, 78])
    as_many = Answered(Predictions(said, labels, np.ones(161, np.float32), classes=3))
    assert as_many.sentence(("9", "6", "8")).endswith(
        "9 is taken for 8 (3 of 80, 3.8 % of the class), as often 6 for 8 (3 of 81, 3.7 %)."
    )
    everything = Answered(
        Predictions(np.roll(np.arange(9), 1), np.arange(9), np.ones(9, np.float32), classes=9)
    )
    assert len(everything.most_mistaken) == 9
    assert everything.sentence().endswith(", 5 more.")
