"""Answers of a model: accuracies by hand, halved storage, and numbers that are not finite."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from ict.errors import IctError
from ict.model.adapters import freeze_backbone
from ict.training import Evaluation, evaluate, halve_frozen_layers, pooled_features
from tests.tiny_training import adapted, images, settings, tiny


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_answers_that_are_not_finite_are_no_answers(value):
    """One logit of a class that is no image's is enough, though the loss may be finite."""
    model = tiny()
    with torch.no_grad():
        model.head.bias[3] = value
    few = images()
    few = dataclasses.replace(few, labels=torch.zeros_like(few.labels))
    with pytest.raises(IctError, match=r"logits of 40 of 40 images are NaN or infinite"):
        evaluate(model, few, settings())
    with torch.no_grad():
        model.norm.bias[0] = value
    with pytest.raises(IctError, match=r"features of 40 of 40 images are NaN or infinite"):
        pooled_features(model, few, settings())


def test_bfloat16_storage_of_frozen_layers_changes_nothing_under_autocast():
    data, s = images(), settings(precision="bf16")
    plain, halved = adapted(), adapted()
    freeze_backbone(plain)
    before = evaluate(plain, data, s)
    halve_frozen_layers(halved)
    assert halved.blocks[0].mlp.fc1.weight.dtype == torch.bfloat16
    assert {p.dtype for p in halved.parameters() if p.requires_grad} == {torch.float32}
    after = evaluate(halved, data, s)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)


def test_accuracies_by_hand():
    labels, predictions = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 1, 1, 0, 2])
    answers = Evaluation(labels, predictions, np.ones(6), np.zeros(6), 0.0)
    assert answers.accuracy == pytest.approx(4 / 6)
    assert answers.balanced_accuracy == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert answers.majority_accuracy == 0.5
