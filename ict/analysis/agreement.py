"""Do two criteria rank alike, and which tasks choose alike?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from ict.analysis.overlap import count, kuncheva, top_masks
from ict.documents.json_form import JsonForm
from ict.errors import InputError
from ict.selection import resolve_k

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


def measured(scores: Mapping[str, Stages], measure: str, ratio: float) -> np.ndarray:
    """Agreement (L, C, C); NaN in blocks where a criterion gives no ranking, or one score for all."""
    clean = {name: [np.nan_to_num(stage) for stage in stages] for name, stages in scores.items()}
    if measure == "spearman":
        values = spearman(clean)
    else:
        widths = [stage.shape[1] for stage in next(iter(clean.values()))]
        values = top_k_agreement(clean, resolve_k(widths, k=None, ratio=ratio))
    values = np.array(values, dtype=float)
    for place, stages in enumerate(scores.values()):
        flat = np.concatenate([~(np.ptp(stage, axis=1) > 0) for stage in stages])
        values[flat, place, :] = values[flat, :, place] = np.nan
    return values


def mean_over_blocks(values: np.ndarray, block: int | None) -> tuple[np.ndarray, str]:
    """Agreement (C, C) of one block or the mean of all that rank, and its n in words."""
    kept = values if block is None else values[[block]]
    finite = np.isfinite(kept).sum(axis=0)
    mean = np.where(finite > 0, np.nansum(kept, axis=0) / np.maximum(finite, 1), np.nan)
    return mean, f"mean over n = {len(kept)} blocks" if len(kept) > 1 else f"block {block or 0}"


@dataclass(frozen=True, kw_only=True)
class AgreementRow(JsonForm):
    """How well a criterion's ranking agrees with another's in one block; NaN where one cannot rank."""

    criterion: str
    against: str
    block: int
    value: float


def against_rows(values: np.ndarray, names: Sequence[str], against: str) -> list[AgreementRow]:
    """One row a block and criterion other than `against`, of agreements (L, C, C)."""
    one = list(names).index(against)
    return [
        AgreementRow(criterion=name, against=against, block=block, value=float(at[one, i]))
        for i, name in enumerate(names)
        if i != one
        for block, at in enumerate(values)
    ]


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
