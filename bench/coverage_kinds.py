"""The library's intervals as functions of a simulated experiment: a (S, I), b (S, R, I)."""

from collections.abc import Callable

import numpy as np

from ict.analysis.differences import (
    IMAGES,
    MODELS,
    SEEDS,
    Difference,
    over_images,
    over_seeds,
    over_seeds_and_draws,
    over_seeds_and_images,
    unpaired,
)
from ict.analysis.outcomes import ACCURACY, LOSS, Outcome

Estimate = Callable[[np.ndarray, np.ndarray], Difference]


def outcome_of(a: np.ndarray) -> Outcome:
    """Who is right, or losses."""
    return ACCURACY if a.dtype == np.bool_ else LOSS


def new_seeds(a: np.ndarray, b: np.ndarray) -> Difference:
    return over_seeds(a.mean(axis=1) - b.mean(axis=(1, 2)), a.shape[1], outcome_of(a))


def new_images(a: np.ndarray, b: np.ndarray) -> Difference:
    return over_seeds_and_images(a - b.mean(axis=1, dtype=np.float32), outcome_of(a))


def crossed_draws(a: np.ndarray, b: np.ndarray) -> Difference:
    d = a.mean(axis=1)[:, None] - b.mean(axis=2)
    return over_seeds_and_draws(d, a.shape[1], outcome_of(a))


def other_seeds(a: np.ndarray, b: np.ndarray) -> Difference:
    return unpaired(a.mean(axis=1), b.mean(axis=(1, 2)), a.shape[1], outcome_of(a))


def two_models(a: np.ndarray, b: np.ndarray) -> Difference:
    one, other = a[0], b[0, 0]
    return over_images(int((one & ~other).sum()), int((~one & other).sum()), len(one))


KINDS: dict[str, Estimate] = {
    SEEDS: new_seeds,
    IMAGES: new_images,
    "crossed draws": crossed_draws,
    "unpaired seeds": other_seeds,
    MODELS: two_models,
}
