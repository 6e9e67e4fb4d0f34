"""The linear probe as version 0.1.0 fitted it, against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ict.errors import IctError
from ict.training import evaluate, pooled_features
from ict.training.linear_probe import fit_linear
from tests.tiny_training import images, settings, tiny


@pytest.mark.parametrize("value", [math.nan, math.inf, 3e38])
def test_a_probe_refuses_features_that_are_not_finite(value):
    features = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    labels, odd = np.arange(8) % 2, features.copy()
    odd[:2, 1] = value, -value
    head = torch.nn.Linear(3, 2)
    with pytest.raises(IctError, match="features are NaN or infinite"):
        fit_linear(head, (odd, labels), (features, labels), on_step=print)
    if value != 3e38:
        with pytest.raises(IctError, match="held-out features are NaN or infinite"):
            fit_linear(head, (features, labels), (odd, labels), on_step=print)


def test_linear_probe_equals_scikit_learn_and_stands_in_the_head():
    model, train, val = tiny(), images(), images(seed=1)
    s = settings()
    x, y = pooled_features(model, train, s), train.labels.numpy()
    held_out = pooled_features(model, val, s), val.labels.numpy()
    steps = []
    chosen = fit_linear(model.head, (x, y), held_out, on_step=steps.append, strengths=(0.01, 1.0))
    scaler = StandardScaler().fit(x)
    reference = LogisticRegression(C=chosen.inverse_regularisation, max_iter=2000).fit(
        scaler.transform(x), y
    )
    expected = reference.predict_proba(scaler.transform(held_out[0])).max(axis=1)
    answers = evaluate(model, val, s)
    np.testing.assert_allclose(answers.probabilities, expected, atol=2e-3)
    assert len(steps) == 2
    assert chosen.val_accuracy == max(step.val_accuracy for step in steps) == answers.accuracy


def test_linear_probe_without_validation_cross_validates_and_two_classes_work():
    model, train = tiny(classes=2), images(classes=2)
    x, y = pooled_features(model, train, settings()), train.labels.numpy()
    chosen = fit_linear(model.head, (x, y), None, on_step=lambda _: None, strengths=(0.1,))
    assert 0 <= chosen.val_accuracy <= 1
    assert evaluate(model, train, settings()).accuracy == pytest.approx(chosen.train_accuracy)


def test_a_class_that_was_never_seen_is_never_answered():
    model, train = tiny(classes=6), images(classes=4)
    x, y = pooled_features(model, train, settings()), train.labels.numpy()
    fit_linear(model.head, (x, y), (x, y), on_step=lambda _: None, strengths=(1.0,))
    assert set(evaluate(model, images(seed=4), settings()).predictions) <= {0, 1, 2, 3}
