"""The linear probe as version 0.1.0 fitted it (`probe_version` 1): for its runs alone.

scikit-learn's tolerance on float32 features leaves coefficients 7 to 23 % from the minimum;
`ict.training.probe` is what new runs take. scikit-learn comes in with the first fit: 2 s that no
other run should wait for.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ict.errors import IctError

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class ProbeStep:
    """One regularisation strength that the linear probe tried; `lr` is not used."""

    inverse_regularisation: float
    train_loss: float
    train_accuracy: float
    val_accuracy: float
    converged: bool
    seconds: float


def fit_linear(
    head: nn.Linear,
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray] | None,
    *,
    on_step: Callable[[ProbeStep], None],
    strengths: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0),
) -> ProbeStep:
    """Multinomial logistic regression on standardised features, to a tolerance; writes it into `head`.

    The strength C is the one with the best accuracy on `val`; without `val`, in stratified 5-fold
    cross-validation on `train` (the smaller C wins a tie). Gives the chosen step. Raises IctError if
    features are not finite, or too large to be standardised.
    """
    features, labels = train
    _check_finite(features, "training")
    if val is not None:
        _check_finite(val[0], "held-out")
    mean, std = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = (features - mean) / std
    _check_finite(np.stack([mean, std]), "standardised")
    chosen: tuple[ProbeStep, LogisticRegression] | None = None
    for strength in strengths:
        started = time.perf_counter()
        model, converged = _logistic(x, labels, strength)
        if val is not None:
            accuracy = float(model.score((val[0] - mean) / std, val[1]))
        else:
            accuracy = _cross_validated(x, labels, strength)
        probabilities = model.predict_proba(x)[
            np.arange(len(x)), np.searchsorted(model.classes_, labels)
        ]
        step = ProbeStep(
            inverse_regularisation=strength,
            train_loss=float(-np.log(np.maximum(probabilities, 1e-12)).mean()),
            train_accuracy=float(model.score(x, labels)),
            val_accuracy=accuracy,
            converged=converged,
            seconds=time.perf_counter() - started,
        )
        on_step(step)
        if chosen is None or step.val_accuracy > chosen[0].val_accuracy:
            chosen = step, model
    if chosen is None:
        raise IctError("the linear probe was given no regularisation strength to try")
    _write_head(head, chosen[1], mean, std)
    return chosen[0]


def _check_finite(features: np.ndarray, which: str) -> None:
    if not np.isfinite(features).all():
        raise IctError(
            f"the {which} features are NaN or infinite: the backbone's weights or the images hold such "
            "values, or values beyond float32"
        )


def _logistic(
    x: np.ndarray, labels: np.ndarray, strength: float
) -> tuple[LogisticRegression, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=2000, tol=1e-4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, labels)
    return model, not any(issubclass(w.category, ConvergenceWarning) for w in caught)


def _cross_validated(x: np.ndarray, labels: np.ndarray, strength: float) -> float:
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
    hits = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes with fewer than 5 images
        splits = list(folds.split(x, labels))
    for fit, held_out in splits:
        model, _ = _logistic(x[fit], labels[fit], strength)
        hits += int((model.predict(x[held_out]) == labels[held_out]).sum())
    return hits / len(x)


def _write_head(
    head: nn.Linear, model: LogisticRegression, mean: np.ndarray, std: np.ndarray
) -> None:
    """Folds the standardisation into the head; classes that were never seen get a very low logit."""
    weights, biases = model.coef_, model.intercept_
    if len(model.classes_) == 2 and len(weights) == 1:
        weights, biases = (
            np.concatenate([-weights, weights]) / 2,
            np.concatenate([-biases, biases]) / 2,
        )
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-1e4)
        rows = torch.as_tensor(model.classes_, device=head.weight.device)
        scaled = weights / std
        head.weight[rows] = torch.as_tensor(
            scaled, dtype=head.weight.dtype, device=head.weight.device
        )
        shifted = biases - scaled @ mean
        head.bias[rows] = torch.as_tensor(shifted, dtype=head.bias.dtype, device=head.bias.device)
