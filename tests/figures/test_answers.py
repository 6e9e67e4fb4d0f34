"""Confusion of classes and accuracy by class: what is drawn is what was counted."""

import numpy as np
import pytest

from ict.analysis.answers import Answered
from ict.figures.answers import MOST_CLASSES, class_accuracy, confusion
from ict.figures.theme import caption_of
from ict.store.predictions import Predictions


def own(images: int, classes: int) -> Answered:
    generator = np.random.default_rng(5)
    labels = np.arange(images) % classes
    said = np.where(generator.random(images) < 0.3, generator.integers(0, classes, images), labels)
    return Answered(Predictions(said, labels, np.ones(images, np.float32), classes=classes))


def test_colours_are_of_wrong_answers_and_cells_say_their_counts():
    found = own(400, 8)
    drawn = confusion(found, None, "a run").data[0]
    shares = np.array(drawn.z, dtype=float)
    assert np.isnan(np.diag(shares)).all()
    counts = found.counts
    for label, answer in ((0, 3), (5, 1), (7, 6)):
        share = 100 * counts[label, answer] / counts[label].sum()
        assert shares[label, answer] == pytest.approx(share)
        assert list(drawn.customdata[label][answer])[:3] == [label, answer, counts[label, answer]]


def test_two_classes_of_one_name_stay_two():
    figure = confusion(own(60, 3), ["cat", "cat", "dog"], "a run")
    assert list(figure.data[0].y) == [0, 1, 2]
    assert list(figure.layout.yaxis.ticktext) == ["cat", "cat", "dog"]


def test_of_many_classes_the_lowest_are_drawn_and_the_rest_is_said():
    found = own(1000, MOST_CLASSES + 15)
    figure = class_accuracy(found, None, "a run")
    drawn = figure.data[0]
    assert len(drawn.x) == MOST_CLASSES
    lowest = sorted(100 * one.accuracy for one in found.by_class)[:MOST_CLASSES]
    assert sorted(drawn.x) == pytest.approx(lowest)
    assert "15 classes of higher accuracy are left out." in caption_of(figure)
    assert confusion(found, None, "a run").data[0].texttemplate is None
