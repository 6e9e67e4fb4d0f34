"""Is it the task, or only the images? Is it the class, or only the images?

Westfall and Young (1993): the statistics of all blocks are recomputed for each permutation, and the
maximum over blocks gives p-values that hold for all blocks together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ict.analysis.overlap import count, kuncheva, top_masks
from ict.analysis.resample import class_l2, part_scores
from ict.analysis.sources import Sums, same_images
from ict.errors import InputError

PERMUTATIONS = 1000
SHUFFLES = 100
_BATCH = 250  # permutations at once: 250 × (blocks · D) float32, 9 MB for ViT-B


@dataclass(frozen=True)
class TaskTest:
    """p-values of 'these tasks choose alike', one a block, adjusted for all blocks together."""

    p: np.ndarray
    observed: np.ndarray
    """Kuncheva's index of the two selections on all images, (L,)."""
    expected: np.ndarray
    """Its mean when task labels are permuted: what the images alone would give."""
    permutations: int


def task_labels(
    a: Sums, b: Sums, ks: Sequence[int], *, permutations: int = PERMUTATIONS, seed: int = 0
) -> TaskTest:
    """Permutes which images belong to which task, and asks how often they agree as little.

    Each image keeps its class number. Tasks on the same images exchange the two labels of an image
    instead, so that no group holds an image twice. The p-value counts the observed arrangement, so
    it is at least 1/(permutations + 1). Raises InputError for different widths or criteria.
    """
    if a.widths != b.widths or a.blocks != b.blocks or a.criterion != b.criterion:
        raise InputError(f"{a.name} and {b.name}: not the same backbone, site and criterion")
    pooled = pool(a, b)
    generator = np.random.default_rng(seed)
    groups = _assignments(
        len(a.labels), len(b.labels), permutations, generator, paired=same_images(a, b)
    )
    index = np.concatenate(
        [_agreement(pooled, groups[i : i + _BATCH], ks) for i in range(0, len(groups), _BATCH)]
    )
    return TaskTest(
        p=westfall_young(-index[0], -index[1:]),
        observed=index[0],
        expected=index[1:].mean(axis=0),
        permutations=permutations,
    )


def pool(a: Sums, b: Sums) -> Sums:
    """The images of both tasks in one, class k of one and class k of the other together."""
    means = None
    if a.token_mean is not None and b.token_mean is not None:
        means = [np.concatenate(pair) for pair in zip(a.token_mean, b.token_mean, strict=True)]
    return Sums(
        name=f"{a.name}+{b.name}",
        labels=np.concatenate([a.labels, b.labels]),
        per_image=[np.concatenate(pair) for pair in zip(a.per_image, b.per_image, strict=True)],
        criterion=a.criterion,
        token_mean=means,
        tokens=a.tokens,
        normalise=a.normalise,
    )


def _assignments(
    n_a: int, n_b: int, permutations: int, generator: np.random.Generator, *, paired: bool
) -> np.ndarray:
    """(1 + permutations, n_a + n_b) booleans, true where an image counts as task A; first as is."""
    groups = np.zeros((permutations + 1, n_a + n_b), dtype=bool)
    groups[0, :n_a] = True
    if paired:
        kept = generator.random((permutations, n_a)) < 0.5
        groups[1:] = np.concatenate([kept, ~kept], axis=1)
    else:
        groups[1:] = generator.permuted(np.repeat(groups[:1], permutations, axis=0), axis=1)
    return groups


def _agreement(pooled: Sums, groups: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """Kuncheva's index of the two groups' selections: groups (M, N) → (M, L)."""
    scores = part_scores(pooled, np.concatenate([groups, ~groups]))
    result = []
    for stage, k in zip(scores, ks, strict=True):
        chosen = top_masks(stage, k)
        shared = count(chosen[: len(groups)], chosen[len(groups) :])
        result.append(kuncheva(shared, k, stage.shape[-1]))
    return np.concatenate(result, axis=1)


def westfall_young(observed: np.ndarray, permuted: np.ndarray) -> np.ndarray:
    """Step-down maxT p-values: observed (L,), permuted (M, L); large values speak against the null.

    Statistics are standardised by their permutation distribution, so that blocks of different
    spread count alike.
    """
    spread = permuted.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    centre = permuted.mean(axis=0)
    measured, null = (observed - centre) / scale, (permuted - centre) / scale
    order = np.argsort(-measured, kind="stable")
    p = np.empty(len(measured))
    # the largest of this hypothesis and all that follow it, for each permutation
    largest = np.maximum.accumulate(null[:, order][:, ::-1], axis=1)[:, ::-1]
    exceed = 1 + (largest >= measured[order] - 1e-12).sum(axis=0)
    p[order] = np.maximum.accumulate(exceed / (len(null) + 1))
    return p


@dataclass(frozen=True)
class ClassShuffle:
    """How much of a class-aware selection is left when class labels mean nothing, per block (L,)."""

    overlap: np.ndarray
    """Mean overlap of the selection with those of shuffled labels."""
    low: np.ndarray
    high: np.ndarray
    kuncheva: np.ndarray
    with_l2: np.ndarray
    """Overlap with the selection of the class-agnostic norm."""
    shuffles: int


def class_labels(
    sums: Sums, ks: Sequence[int], *, shuffles: int = SHUFFLES, seed: int = 0
) -> ClassShuffle:
    """Shuffles the class labels within a task. An overlap of K: the classes decide nothing."""
    if sums.criterion != "class_l2":
        raise InputError(f"{sums.criterion} does not read the classes; only class_l2 does")
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(sums.labels)) for _ in range(shuffles)]
    everyone = np.ones((1, len(sums.labels)), dtype=np.float32)
    columns: list[list[np.ndarray]] = []
    for per_image, k in zip(sums.per_image, ks, strict=True):
        n, blocks, width = per_image.shape
        flat = per_image.reshape(n, blocks * width)
        own = class_l2(flat, sums.labels, everyone, normalise=sums.normalise)
        chosen = top_masks(own.reshape(blocks, width), k)
        agnostic = top_masks(np.sqrt(flat.sum(axis=0)).reshape(blocks, width), k)
        shuffled = _shuffled(flat, sums, orders).reshape(shuffles, blocks, width)
        shared = count(chosen, top_masks(shuffled, k))
        low, high = np.quantile(shared, (0.025, 0.975), axis=0)
        mean = shared.mean(axis=0)
        columns.append([mean, low, high, kuncheva(mean, k, width), count(chosen, agnostic)])
    overlap, low, high, index, with_l2 = (np.concatenate(c) for c in zip(*columns, strict=True))
    return ClassShuffle(overlap, low, high, index, with_l2, shuffles)


def _shuffled(flat: np.ndarray, sums: Sums, orders: Sequence[np.ndarray]) -> np.ndarray:
    """Class-aware norms (shuffles, F): sums over runs of a random order of the images (N, F).

    Few columns at a time, so that what is picked in random order stays in the cache: six times
    faster for ViT-B.
    """
    _, sizes = np.unique(sums.labels, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    result = np.empty((len(orders), flat.shape[1]), dtype=np.float32)
    for first in range(0, flat.shape[1], 256):
        columns = slice(first, first + 256)
        part = np.ascontiguousarray(flat[:, columns])
        for shuffle, order in enumerate(orders):
            energy = np.add.reduceat(part[order], starts, axis=0)
            if sums.normalise:
                energy /= sizes[:, None]
            result[shuffle, columns] = np.sqrt(energy).mean(axis=0)
    return result
