"""What two selections share by chance: o ~ Hypergeometric(D, K, K)."""

import functools
from dataclasses import dataclass

import numpy as np
import scipy

from ict.errors import InputError


@dataclass(frozen=True)
class Chance:
    """Overlap of two independent uniform choices of K among D channels."""

    mean: float
    sd: float
    low: int
    high: int
    jaccard: float


@functools.lru_cache(maxsize=4096)  # a table asks for the same K and D in each row, 1.5 ms a time
def chance(k: int, width: int, *, level: float = 0.95) -> Chance:
    """Mean K²/D, sd, the central `level` quantiles, and the expected Jaccard index."""
    if not 1 <= k <= width:
        raise InputError(f"k={k}: a block has {width} channels; choose 1 to {width}")
    law = scipy.stats.hypergeom(width, k, k)
    counts = np.arange(max(0, 2 * k - width), k + 1)
    return Chance(
        mean=float(law.mean()),
        sd=float(law.std()),
        low=int(law.ppf((1 - level) / 2)),
        high=int(law.ppf((1 + level) / 2)),
        jaccard=float((law.pmf(counts) * counts / (2 * k - counts)).sum()),
    )


def p_at_least(overlap: int, k: int, width: int) -> float:
    """P(o ≥ overlap) by chance. Nearly always 0 for real tasks, and then it means little."""
    return float(scipy.stats.hypergeom(width, k, k).sf(overlap - 1))
