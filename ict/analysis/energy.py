"""Where a channel's energy comes from: an exact split of Σ a² by means.

Σ a² = N T μ² + T Σ_k N_k (m_k − μ)² + T Σ_n (m_n − m_k(n))² + Σ (a − m_n)²,
with μ the grand mean, m_k class means, m_n image means over tokens. An L2 norm sees the sum of all
four; only the second is about classes, and a large first one is a constant bias.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ict.analysis.sources import Sums
from ict.errors import InputError


@dataclass(frozen=True)
class Energy:
    """Offset, class, image and token energy of each channel of a stage, (blocks, D) float64."""

    offset: np.ndarray
    classes: np.ndarray
    image: np.ndarray
    token: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.offset + self.classes + self.image + self.token


def split(per_image: np.ndarray, token_mean: np.ndarray, labels: np.ndarray, tokens: int) -> Energy:
    """Splits the energy of per_image, token_mean (N, blocks, D) with T = `tokens` an image."""
    means = token_mean.astype(np.float64)
    n = len(means)
    _, code, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    grand = means.mean(axis=0)
    of_class = np.zeros((len(sizes), *means.shape[1:]))
    np.add.at(of_class, code, means)
    of_class /= sizes[:, None, None]
    offset = n * tokens * grand**2
    classes = tokens * np.einsum("k,kbd->bd", sizes, (of_class - grand) ** 2)
    image = tokens * ((means - of_class[code]) ** 2).sum(axis=0)
    total = per_image.sum(axis=0, dtype=np.float64)
    token = total - tokens * (means**2).sum(axis=0)
    return Energy(offset, classes, image, np.maximum(token, 0))  # rounding of fp32 sums only


def of_sums(sums: Sums) -> list[Energy]:
    """The split of every stage of a score file with per-image sums and token means."""
    if sums.token_mean is None:
        raise InputError(f"{sums.name}: has no token means; score again with --keep-images")
    if sums.tokens is None:
        raise InputError(f"{sums.name}: does not say how many tokens an image has; score again")
    return [
        split(per_image, mean, sums.labels, tokens)
        for per_image, mean, tokens in zip(
            sums.per_image, sums.token_mean, sums.tokens, strict=True
        )
    ]


def participation_ratio(energy: np.ndarray) -> np.ndarray:
    """(Σ_c e_c)² / Σ_c e_c² over the last axis: how many channels carry the energy, 1…D."""
    return np.asarray(energy.sum(axis=-1) ** 2 / (energy**2).sum(axis=-1))


def split_table(sums: Sums) -> list[dict[str, Any]]:
    """One row a block: shares of the block's energy, participation ratio and its share of D."""
    rows: list[dict[str, Any]] = []
    for stage, found in enumerate(of_sums(sums)):
        whole = found.total.sum(axis=1)
        ratio = participation_ratio(found.total)
        for block in range(len(whole)):
            width = found.total.shape[1]
            rows.append(
                {
                    "block": len(rows),
                    "stage": stage,
                    "channels": width,
                    "energy": float(whole[block]),
                    "offset": float(found.offset[block].sum() / whole[block]),
                    "class": float(found.classes[block].sum() / whole[block]),
                    "image": float(found.image[block].sum() / whole[block]),
                    "token": float(found.token[block].sum() / whole[block]),
                    "participation_ratio": float(ratio[block]),
                    "participation_share": float(ratio[block] / width),
                }
            )
    return rows
