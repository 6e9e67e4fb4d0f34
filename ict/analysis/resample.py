"""Scores of a part of the images, for many parts at once: matrix products over per-image sums.

Shapes: M parts, N images, F = blocks · D, C classes.
"""

import numpy as np

from ict.analysis.sources import Sums
from ict.errors import InputError

_COLUMNS = 1536  # so that (M, columns) stays in the processor's cache


def half_splits(labels: np.ndarray, splits: int, seed: int) -> np.ndarray:
    """(splits, N) booleans: a half of the images, of each class as many as of the other ± 1.

    The images are dealt in turn, class after class in random order, so that the halves as a whole
    are equal (± 1 image) too.
    """
    generator = np.random.default_rng(seed)
    chosen = np.zeros((splits, len(labels)), dtype=bool)
    classes = np.unique(labels)
    for split in range(splits):
        shuffled = generator.permutation(len(labels))
        rank = np.empty(classes[-1] + 1, dtype=int)
        rank[classes] = generator.permutation(len(classes))
        dealt = shuffled[np.argsort(rank[labels[shuffled]], kind="stable")]
        chosen[split, dealt[generator.integers(2) :: 2]] = True
    return chosen


def subsets(labels: np.ndarray, n: int, draws: int, seed: int) -> np.ndarray:
    """(draws, N) booleans with n images each, dealt over the classes as evenly as in the data."""
    if not 1 <= n <= len(labels):
        raise InputError(f"n={n}: there are {len(labels)} images; choose 1 to {len(labels)}")
    generator = np.random.default_rng(seed)
    chosen = np.zeros((draws, len(labels)), dtype=bool)
    for draw in range(draws):
        shuffled = generator.permutation(len(labels))
        dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]
        places = np.floor((np.arange(n) + generator.random()) * len(labels) / n).astype(int)
        chosen[draw, dealt[places]] = True
    return chosen


def bootstrap_weights(labels: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """(resamples, N) counts of a bootstrap within each class."""
    generator = np.random.default_rng(seed)
    weights = np.zeros((resamples, len(labels)), dtype=np.float32)
    for label in np.unique(labels):
        member = np.flatnonzero(labels == label)
        even = np.full(len(member), 1 / len(member))
        weights[:, member] = generator.multinomial(len(member), even, size=resamples)
    return weights


def part_scores(
    sums: Sums, weights: np.ndarray, *, labels: np.ndarray | None = None
) -> list[np.ndarray]:
    """Scores of each weighted part of the images: weights (M, N) → (M, blocks, D) a stage.

    With `class_l2`: mean over the classes present of s_k = sqrt(Σ_{n∈k} w_n · per_image[n]).
    """
    labels = sums.labels if labels is None else labels
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    result = []
    for stage, per_image in enumerate(sums.per_image):
        n, blocks, width = per_image.shape
        flat = per_image.reshape(n, blocks * width)
        if sums.criterion == "class_l2":
            scores = class_l2(flat, labels, weights, normalise=sums.normalise)
        elif sums.criterion == "l2":
            scores = np.sqrt(weights @ flat)
        else:
            scores = _variance(sums, stage, flat, weights)
        result.append(scores.reshape(len(weights), blocks, width))
    return result


def class_l2(
    flat: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, normalise: bool = False
) -> np.ndarray:
    """Class-aware norms (M, F) of per-image sums (N, F) under weights (M, N).

    A class without weight in a part is left out of that part's mean. Cost: 2·M·N·F operations and
    M·C·F square roots.
    """
    classes, code = np.unique(labels, return_inverse=True)
    members = [np.flatnonzero(code == c) for c in range(len(classes))]
    weighted = [np.ascontiguousarray(weights[:, member]) for member in members]
    sizes = np.stack([w.sum(axis=1) for w in weighted], axis=1)  # (M, C)
    result = np.zeros((len(weights), flat.shape[1]), dtype=np.float32)
    order = np.concatenate(members)
    starts = np.cumsum([0, *(len(m) for m in members)])
    for first in range(0, flat.shape[1], _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        part = flat[order, columns]
        total = result[:, columns]
        scratch = np.empty(total.shape, dtype=np.float32)
        for c, weight in enumerate(weighted):
            np.matmul(weight, part[starts[c] : starts[c + 1]], out=scratch)
            if normalise:
                scratch /= np.maximum(sizes[:, c, None], 1)
            total += np.sqrt(scratch, out=scratch)
    return result / np.maximum((sizes > 0).sum(axis=1, keepdims=True), 1)


def _variance(sums: Sums, stage: int, flat: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Var over images and tokens = mean of a² − (mean of a)²."""
    if sums.token_mean is None or sums.tokens is None:
        raise InputError("variance of a part of the images needs token means; use --keep-images")
    total = weights.sum(axis=1, keepdims=True)
    square = (weights @ flat) / (total * sums.tokens[stage])
    mean = (weights @ sums.token_mean[stage].reshape(flat.shape)) / total
    return np.asarray(np.maximum(square - mean**2, 0))
