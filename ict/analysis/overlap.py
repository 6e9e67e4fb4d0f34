"""How much two selections share: counts, indices, and the overlap at every K.

Shapes: D channels, K chosen, L blocks; masks are 0/1 over the last axis. Jaccard
o/(2K−o), overlap coefficient o/K, Kuncheva (2007) κ = (oD − K²) / (K(D − K)).
"""

import numpy as np
from numpy.typing import ArrayLike

from ict.errors import InputError
from ict.scores import places, ranked


def top_masks(scores: np.ndarray, k: int) -> np.ndarray:
    """Masks (…, D) of the K highest scores of each row; a tie goes to the lower index.

    The choice of `ict.selection.top_k`, for many rows at once. Raises InputError for NaN.
    """
    width = scores.shape[-1]
    if not 1 <= k <= width:
        raise InputError(f"k={k}: a block has {width} channels; choose 1 to {width}")
    if k == width:
        return np.ones(scores.shape, dtype=bool)
    rows = scores.reshape(-1, width)
    cut = np.partition(rows, width - k, axis=1)[:, width - k, None]
    masks = rows >= cut
    for row in np.flatnonzero(masks.sum(axis=1) != k):
        if np.isnan(rows[row]).any():
            raise InputError("a score is NaN, which cannot be ranked; was every class scored?")
        masks[row] = False
        masks[row, ranked(rows[row])[:k]] = True
    return masks.reshape(scores.shape)


def masks_of(indices: ArrayLike, width: int) -> np.ndarray:
    """One mask (D,) from channel indices."""
    mask = np.zeros(width, dtype=bool)
    mask[np.asarray(indices, dtype=int)] = True
    return mask


def count(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared channels of masks (…, D), broadcast over the leading axes."""
    return np.asarray((a & b).sum(axis=-1))


def jaccard(overlap: ArrayLike, k: ArrayLike) -> np.ndarray:
    """o / (2K − o): 0 nothing shared, 1 equal."""
    shared = np.asarray(overlap, dtype=float)
    return np.asarray(shared / (2 * np.asarray(k) - shared))


def coefficient(overlap: ArrayLike, k: ArrayLike) -> np.ndarray:
    """o / K, the share of the one that is in the other."""
    return np.asarray(np.asarray(overlap, dtype=float) / np.asarray(k))


def kuncheva(overlap: ArrayLike, k: ArrayLike, width: ArrayLike) -> np.ndarray:
    """(oD − K²) / (K(D − K)): 0 is chance, 1 equal; NaN for K = D, where all choices are equal."""
    shared, k, width = (np.asarray(v, dtype=float) for v in (overlap, k, width))
    room = k * (width - k)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(room > 0, (shared * width - k**2) / room, np.nan))


def overlap_from_kuncheva(index: ArrayLike, k: ArrayLike, width: ArrayLike) -> np.ndarray:
    """The count that has Kuncheva's index `index`: the inverse of `kuncheva`."""
    k, width = np.asarray(k, dtype=float), np.asarray(width, dtype=float)
    return np.asarray((np.asarray(index) * k * (width - k) + k**2) / width)


def at_every_k(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Overlap of the top K of two score vectors (D,) for K = 1…D, as (D,) counts.

    A channel is shared from the K on at which the later of the two rankings takes it.
    """
    later = np.maximum(places(a), places(b))
    return np.cumsum(np.bincount(later, minlength=len(a)))
