"""Multinomial logistic regression to the digits of float64: Newton's method, its steps by conjugate
gradients.

The objective, for N images with features x (F,), labels y among C classes and strength c:

    J(W, b) = −Σ_n log softmax(W x_n + b)[y_n] + ‖W‖² / 2c        W (C, F), b (C,) unpenalised

which is scikit-learn's (`LogisticRegression(C=c)`), with one row of W a class also for two classes.
J is 1/c-strongly convex in W, so that c ‖∇J‖ bounds how far W is from the minimum: that bound, and
not the change of J from step to step, says when it has converged.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-7
_STEPS = 60  # Newton steps; six to twelve are usual
_SOLVES = 1000  # conjugate gradients a step


@dataclass(frozen=True, eq=False)
class Fit:
    """Weights (C, F) and biases (C,) float64, and whether c ‖∇J‖ ≤ tolerance · ‖W‖."""

    weights: np.ndarray
    biases: np.ndarray
    converged: bool

    def log_probabilities(self, x: np.ndarray) -> np.ndarray:
        """(N, C) for features (N, F)."""
        return _log_softmax(x @ self.weights.T + self.biases)


def fit(
    x: np.ndarray,
    labels: np.ndarray,
    classes: int,
    strength: float,
    *,
    tolerance: float = TOLERANCE,
) -> Fit:
    """The minimum of J for features (N, F) float64 and labels (N,) in 0..C−1, each of which occurs.

    Biases sum to 0, as only their differences count.
    """
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    target = np.eye(classes)[labels]
    penalty = np.full((1, design.shape[1]), 1 / strength)
    penalty[0, -1] = 0
    look = functools.partial(_look, design=design, target=target, penalty=penalty)
    place = look(np.zeros((classes, design.shape[1])))
    converged = _near(place, strength, tolerance)
    for _ in range(_STEPS):
        if converged:
            break
        step = _newton(place, design, penalty)
        there = _search(place, step, look)
        if there is None:
            break  # float64 has no more digits to give
        place = there
        converged = _near(place, strength, tolerance)
    weights, biases = place.point[:, :-1], place.point[:, -1]
    return Fit(weights, biases - biases.mean(), converged)


class _Look(NamedTuple):
    """A point (C, F + 1), J there, its gradient (C, F + 1), and the probabilities (N, C)."""

    point: np.ndarray
    value: float
    gradient: np.ndarray
    probabilities: np.ndarray


def _look(point: np.ndarray, design: np.ndarray, target: np.ndarray, penalty: np.ndarray) -> _Look:
    log_p = _log_softmax(design @ point.T)
    value = -(target * log_p).sum() + 0.5 * (penalty * point**2).sum()
    probabilities = np.exp(log_p)
    gradient = (probabilities - target).T @ design + penalty * point
    return _Look(point, float(value), gradient, probabilities)


def _near(here: _Look, strength: float, tolerance: float) -> bool:
    size = float(np.linalg.norm(here.point[:, :-1]))
    return strength * float(np.linalg.norm(here.gradient)) <= tolerance * size


def _newton(here: _Look, design: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """The solution of H s = −g by conjugate gradients, to a residue that shrinks with g.

    H V = (P ∘ (XV − ⟨P, XV⟩))ᵀ X + penalty ∘ V; preconditioned by H's diagonal.
    """
    probabilities, gradient = here.probabilities, here.gradient
    weight = (probabilities * (1 - probabilities)).T @ design**2
    scale = weight + penalty + 1e-12 * weight.max()
    size = float(np.linalg.norm(gradient))
    enough = size * min(0.1, size**0.5)
    solution, residue = np.zeros_like(gradient), -gradient
    shifted = residue / scale
    direction, product = shifted, float((residue * shifted).sum())
    for _ in range(_SOLVES):
        seen = design @ direction.T
        seen = probabilities * (seen - (probabilities * seen).sum(axis=1, keepdims=True))
        curved = seen.T @ design + penalty * direction
        length = product / float((direction * curved).sum())
        solution = solution + length * direction
        residue = residue - length * curved
        if np.linalg.norm(residue) <= enough:
            break
        shifted = residue / scale
        before, product = product, float((residue * shifted).sum())
        direction = shifted + (product / before) * direction
    return solution


def _search(here: _Look, step: np.ndarray, look: Callable[[np.ndarray], _Look]) -> _Look | None:
    """What is found at the first of 1, ½, ¼, … of the step that lowers J enough; None if none does.

    Where J has no digits left to tell, a smaller gradient is enough.
    """
    slope = float((here.gradient * step).sum())
    for halved in range(30):
        share = 0.5**halved
        there = look(here.point + share * step)
        flat = abs(there.value - here.value) <= 1e-13 * abs(here.value)
        smaller = np.linalg.norm(there.gradient) < np.linalg.norm(here.gradient)
        if there.value <= here.value + 1e-4 * share * slope or (flat and smaller):
            return there
    return None


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_p
