"""Do two criteria rank alike, and which tasks choose alike?"""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from ict.analysis.overlap import count, kuncheva, top_masks
from ict.errors import InputError

Stages = Sequence[np.ndarray]  # (blocks, D) a stage


def spearman(scores: Mapping[str, Stages]) -> np.ndarray:
    """Spearman's correlation of whole score vectors, (L, C, C), for C named criteria or tasks."""
    names = list(scores)
    ranked = [[scipy.stats.rankdata(stage, axis=1) for stage in scores[name]] for name in names]
    rows = []
    for stage in range(len(ranked[0])):
        values = np.stack([one[stage] for one in ranked], axis=1)  # (blocks, C, D)
        centred = values - values.mean(axis=2, keepdims=True)
        product = centred @ centred.swapaxes(1, 2)
        length = np.sqrt(np.einsum("bcc->bc", product))
        with np.errstate(invalid="ignore", divide="ignore"):
            rows.append(product / (length[:, :, None] * length[:, None, :]))
    return np.concatenate(rows)


def top_k_agreement(scores: Mapping[str, Stages], ks: Sequence[int]) -> np.ndarray:
    """Kuncheva's index of the top-K choices, (L, C, C), for C named criteria or tasks."""
    rows = []
    for stage, k in enumerate(ks):
        masks = np.stack([top_masks(np.asarray(s[stage]), k) for s in scores.values()], axis=1)
        shared = count(masks[:, :, None], masks[:, None])
        rows.append(kuncheva(shared, k, masks.shape[-1]))
    return np.concatenate(rows)


def cluster(similarity: np.ndarray) -> np.ndarray:
    """SciPy linkage (average) of a symmetric (C, C) similarity whose diagonal is ignored.

    The distance is 1 − similarity, not below 0; leaves are ordered so that neighbours are near.
    """
    if len(similarity) < 2:
        raise InputError("clustering needs two or more")
    distance = np.clip(1 - np.asarray(similarity, dtype=float), 0, None)
    if np.isnan(distance[~np.eye(len(distance), dtype=bool)]).any():
        raise InputError("clustering needs every pair; some similarities are missing")
    np.fill_diagonal(distance, 0)
    return np.asarray(
        hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    )
