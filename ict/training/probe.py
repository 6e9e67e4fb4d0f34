"""The linear probe (`probe_version` 2): float64, converged by its gradient, C by 5 folds.

Version 0.1.0 (`ict.training.linear_probe`) stopped by scikit-learn's tolerance on float32 features,
which left coefficients 7 to 23 % away from the minimum, and chose C on val200 where there was one.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ict.errors import IctError
from ict.training.multinomial import Fit, fit

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
FOLDS = 5
_CLEAR = 1e-3  # tolerance of a fold's fit, which only chooses C
_NEVER = -1e4  # logit of a class that no training image has
_LEAST = np.log(1e-12)  # log-probability of a class that a fold has not seen


@dataclass(frozen=True)
class Try:
    """One strength, in cross-validation: losses and accuracies are means over images of the folds."""

    inverse_regularisation: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    converged: bool
    seconds: float


@dataclass(frozen=True, eq=False)
class Probe:
    """A converged probe on raw features: `weights` (S, F) and `biases` (S,) of the S `seen` classes."""

    weights: np.ndarray
    biases: np.ndarray
    seen: np.ndarray
    chosen: Try
    train_loss: float
    train_accuracy: float
    converged: bool

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, S) float64 for features (N, F)."""
        logits: np.ndarray = features.astype(np.float64) @ self.weights.T + self.biases
        return logits

    def write(self, head: nn.Linear) -> None:
        """Makes `head` answer as the probe does; classes that were never seen get a very low logit."""
        rows = torch.as_tensor(self.seen, device=head.weight.device)
        with torch.no_grad():
            head.weight.zero_()
            head.bias.fill_(_NEVER)
            head.weight[rows] = torch.as_tensor(self.weights).to(head.weight)
            head.bias[rows] = torch.as_tensor(self.biases).to(head.bias)


def fit_probe(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    on_try: Callable[[Try], None] = lambda _: None,
    strengths: Sequence[float] = STRENGTHS,
) -> Probe:
    """Multinomial logistic regression on standardised features (N, F), labels (N,), to convergence.

    C is the strength with the least loss on held-out folds of these images (5, stratified, the same
    for everybody). A feature that never varies is left alone. Raises IctError for features that are
    not finite and for fewer than two images.
    """
    if not np.isfinite(features).all():
        raise IctError(
            "the training features are NaN or infinite: the backbone's weights or the images hold "
            "such values, or values beyond float32"
        )
    if len(labels) < 2:
        raise IctError(f"the linear probe has {len(labels)} training image; give it two or more")
    x = features.astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread <= 1e-6 * np.abs(x).max(axis=0)] = np.inf  # constant but for rounding
    x = (x - mean) / spread
    seen, y = np.unique(labels, return_inverse=True)
    tries = []
    for strength in strengths:
        tries.append(_try(x, y, strength))
        on_try(tries[-1])
    chosen = min(tries, key=lambda one: one.val_loss)
    fitted = fit(x, y, len(seen), chosen.inverse_regularisation)
    weights = fitted.weights / spread
    log_p = fitted.log_probabilities(x)
    return Probe(
        weights=weights,
        biases=fitted.biases - weights @ mean,
        seen=seen,
        chosen=chosen,
        train_loss=float(-log_p[np.arange(len(y)), y].mean()),
        train_accuracy=float((log_p.argmax(axis=1) == y).mean()),
        converged=fitted.converged,
    )


def _try(x: np.ndarray, y: np.ndarray, strength: float) -> Try:
    started = time.perf_counter()
    train, held_out, converged = [], [], True
    for fold in _folds(y):
        seen, own = np.unique(y[~fold], return_inverse=True)
        fitted = fit(x[~fold], own, len(seen), strength, tolerance=_CLEAR)
        converged = converged and fitted.converged
        train.append(_answers(fitted, seen, x[~fold], y[~fold]))
        held_out.append(_answers(fitted, seen, x[fold], y[fold]))
    (train_loss, train_accuracy), (loss, accuracy) = (
        np.concatenate(part).mean(axis=0) for part in (train, held_out)
    )
    seconds = time.perf_counter() - started
    return Try(
        strength,
        float(train_loss),
        float(train_accuracy),
        float(loss),
        float(accuracy),
        converged,
        seconds,
    )


def _answers(found: Fit, seen: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, 2): loss and whether it is right, of every image; a class outside `seen` has no answer."""
    log_p = found.log_probabilities(x)
    place = np.searchsorted(seen, y).clip(max=len(seen) - 1)
    hits = seen[place] == y
    true = np.where(hits, log_p[np.arange(len(y)), place], _LEAST)
    right = hits & (log_p.argmax(axis=1) == place)
    return np.stack([-np.maximum(true, _LEAST), right], axis=1)


def _folds(y: np.ndarray) -> Iterator[np.ndarray]:
    """Which images each of at most 5 folds holds out: each class dealt out in turn, by a hash."""
    drawn = [hashlib.sha256(f"fold of image {i}".encode()).digest() for i in range(len(y))]
    dealt = np.empty(len(y), dtype=np.int64)
    dealt[sorted(range(len(y)), key=lambda i: (y[i], drawn[i]))] = np.arange(len(y))
    count = min(FOLDS, len(y))
    for fold in range(count):
        yield dealt % count == fold
