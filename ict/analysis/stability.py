"""Would other images have chosen the same channels? Nogueira's stability over resamples.

Nogueira, Sechidis, Brown (JMLR 18(174), 2018), eq. 4 and theorem 7. The interval covers the Monte
Carlo error of M resamples only; it does not say how the index would be with other images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ict.analysis.overlap import top_masks
from ict.analysis.resample import bootstrap_weights, half_splits, part_scores
from ict.analysis.sources import Sums
from ict.errors import InputError, quoted

RESAMPLES = 100


@dataclass(frozen=True)
class Stability:
    """Stability of M selections: chance 0, identical 1, with its 95 % interval."""

    index: float
    low: float
    high: float
    frequency: np.ndarray
    """(D,): how often each channel was chosen."""


def nogueira(masks: np.ndarray, *, level: float = 0.95) -> Stability:
    """Stability of masks (M, D); M ≥ 2, and the sets may differ in size.

    1 − mean_c[M/(M−1) p_c(1−p_c)] / (k̄/D (1 − k̄/D)), NaN when nothing or everything is chosen.
    """
    chosen = np.asarray(masks, dtype=float)
    resamples, width = chosen.shape
    if resamples < 2:
        raise InputError(f"stability of {resamples} selection; it needs 2 or more")
    frequency = chosen.mean(axis=0)
    sizes = chosen.sum(axis=1)
    share = sizes.mean() / width
    room = share * (1 - share)
    if room == 0:
        return Stability(np.nan, np.nan, np.nan, frequency)
    spread = resamples / (resamples - 1) * (frequency * (1 - frequency)).mean()
    index = 1 - spread / room
    part = sizes / width
    influence = (
        chosen @ frequency / width
        - part * share
        + index / 2 * (2 * share * part - part - share + 1)
    ) / room
    variance = 4 / resamples**2 * ((influence - influence.mean()) ** 2).sum()
    half = NormalDist().inv_cdf((1 + level) / 2) * float(np.sqrt(variance))
    return Stability(float(index), float(index - half), float(index + half), frequency)


def of_images(
    sums: Sums,
    ks: Sequence[int],
    *,
    how: str = "bootstrap",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Stability]:
    """Stability of each block's selection over resamples of the images, one a block.

    `how` is "bootstrap" (as many images, with replacement, within classes) or "half" (random
    halves, without replacement).
    """
    draw = {"bootstrap": bootstrap_weights, "half": half_splits}
    if how not in draw:
        raise InputError(f"how={quoted(how)}: choose bootstrap or half")
    if len(sums.labels) < 4:
        raise InputError(f"{sums.name} has {len(sums.labels)} image(s): resamples need 4 or more")
    weights = draw[how](sums.labels, resamples, seed)
    growth = []
    for scores, k in zip(part_scores(sums, weights), ks, strict=True):
        chosen = top_masks(scores, k)
        growth += [nogueira(chosen[:, block]) for block in range(scores.shape[1])]
    return growth
