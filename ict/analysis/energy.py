"""Where a channel's energy comes from: an exact split of Σ a² by means.

Σ a² = N T μ² + T Σ_k N_k (m_k − μ)² + T Σ_n (m_n − m_k(n))² + Σ (a − m_n)²,
with μ the grand mean, m_k class means, m_n image means over tokens. An L2 norm sees the sum of all
four; only the second is about classes, and a large first one is a constant bias.

With labels that mean nothing a share (C − 1)/(N − 1) of class and image energy is still the class
means' (40 % at 400 classes and 1,000 images). As in an analysis of variance, what is told of the
classes is therefore class − (C − 1)/(N − C) · image, whose mean over shuffled labels is 0; what is
taken off counts as image energy. It is not clipped: single values may be negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

    def corrected(self, *, images: int, classes: int) -> "Energy":
        """Class energy freed of what any labels give, for N images of C classes; the sum stays.

        Raises InputError where every image is a class of its own.
        """
        taken = self.image * freedom(images, classes)
        return replace(self, classes=self.classes - taken, image=self.image + taken)


def freedom(images: int, classes: int) -> float:
    """(C − 1)/(N − C): what of the image energy the class means take up by chance."""
    if images <= classes:
        raise InputError(
            f"{images} images of {classes} classes: class and image energy cannot be told apart; "
            "score more images"
        )
    return (classes - 1) / (images - classes)


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
    """One row a block: shares of the block's energy, participation ratio and its share of D.

    `class` and `image` are corrected (see above); `shuffled` is the share that the class means of
    labels without meaning would have, before that. Raises InputError as `Energy.corrected` does.
    """
    rows: list[dict[str, Any]] = []
    images, classes = len(sums.labels), len(np.unique(sums.labels))
    for stage, exact in enumerate(of_sums(sums)):
        found = exact.corrected(images=images, classes=classes)
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
                    "shuffled": _shuffled(exact, block, images, classes) / float(whole[block]),
                    "classes": classes,
                    "participation_ratio": float(ratio[block]),
                    "participation_share": float(ratio[block] / width),
                }
            )
    return rows


def _shuffled(exact: Energy, block: int, images: int, classes: int) -> float:
    """The mean class energy of a block over all ways to deal its labels out to the images."""
    both = float(exact.classes[block].sum() + exact.image[block].sum())
    return both * (classes - 1) / (images - 1)


def corrected_row(row: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """A row of version 0.1.0's table, whose class share is as measured, as `split_table` gives it."""
    images = int(row["images"])
    taken = row["image"] * freedom(images, classes)
    both = row["class"] + row["image"]
    return {
        **row,
        "class": row["class"] - taken,
        "image": row["image"] + taken,
        "shuffled": both * (classes - 1) / (images - 1),
        "classes": classes,
    }
