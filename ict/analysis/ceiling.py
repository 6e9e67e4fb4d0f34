"""The noise ceiling on equal terms: all comparisons on equal, class-stratified halves of images.

A selection from half of the images is noisier than one from all. Comparing two tasks on all images
with a half-split ceiling can therefore put identical tasks above the ceiling; here cross-task and
within-task overlaps come from the same halves A₁, A₂, B₁, B₂. The ratio to ceiling is
κ_AB / sqrt(κ_AA κ_BB), Spearman's correction for attenuation applied to Kuncheva's index; it is not
the overlap that endless images would show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ict.analysis.overlap import count, kuncheva, overlap_from_kuncheva, top_masks
from ict.analysis.resample import half_splits, part_scores, subsets
from ict.analysis.sources import Sums
from ict.documents.json_form import JsonForm
from ict.errors import InputError

SPLITS = 50


@dataclass(frozen=True)
class Halves:
    """Selections of one task from both halves of each split: (splits, 2, blocks, D) a stage."""

    masks: list[np.ndarray]
    split: np.ndarray
    """(splits, N): which images were in the first half."""

    @property
    def splits(self) -> int:
        return len(self.split)


@dataclass(frozen=True)
class Ceiling:
    """Two tasks on equal halves, one entry a block (L,)."""

    overlap: np.ndarray
    """Mean cross-task overlap on the halves."""
    within_a: np.ndarray
    within_b: np.ndarray
    ceiling: np.ndarray
    """The overlap at which the ratio is 1: from sqrt(κ_AA κ_BB)."""
    ratio: np.ndarray
    """NaN where a task's own halves share no more than chance: there is no signal to compare."""
    ratio_low: np.ndarray
    ratio_high: np.ndarray
    """The central 95 % over splits; they cover the split of the images, not their choice."""
    total_ratio: float
    total_low: float
    total_high: float
    """The same of the mean κ over blocks."""


def half_selections(
    sums: Sums,
    ks: Sequence[int],
    *,
    splits: int = SPLITS,
    seed: int,
    strata: np.ndarray | None = None,
) -> Halves:
    """Top-K selections of both halves of `splits` random splits; K one a stage.

    `strata` replaces the class labels where two tasks share their images and need one split.
    """
    if len(sums.labels) < 4:
        raise InputError(f"{sums.name} has {len(sums.labels)} images; halves need at least 4")
    first = half_splits(sums.labels if strata is None else strata, splits, seed)
    both = np.concatenate([first, ~first])
    masks = []
    for scores, k in zip(part_scores(sums, both), ks, strict=True):
        chosen = top_masks(scores, k).reshape(2, splits, *scores.shape[1:])
        masks.append(np.ascontiguousarray(chosen.swapaxes(0, 1)))
    return Halves(masks, first)


def compare(a: Halves, b: Halves, ks: Sequence[int], *, shared_images: bool = False) -> Ceiling:
    """Cross-task against within-task overlap on the same halves.

    Tasks on the same images must have been split alike; then A₁ is compared with B₂, so that cross
    and within comparisons are both between disjoint images. Otherwise A₁ with B₁, A₂ with B₂.
    """
    if shared_images and not np.array_equal(a.split, b.split):
        raise InputError("tasks that share their images need the same splits")
    step = -1 if shared_images else 1
    cross, own_a, own_b, k_of, widths = [], [], [], [], []
    for one, other, k in zip(a.masks, b.masks, ks, strict=True):
        cross.append(count(one, other[:, ::step]).mean(axis=1))  # (splits, blocks)
        own_a.append(count(one[:, 0], one[:, 1]))
        own_b.append(count(other[:, 0], other[:, 1]))
        k_of += [k] * one.shape[2]
        widths += [one.shape[3]] * one.shape[2]
    overlap, within_a, within_b = (np.concatenate(x, axis=1) for x in (cross, own_a, own_b))
    kappa = [kuncheva(o, k_of, widths) for o in (overlap, within_a, within_b)]
    mean = [index.mean(axis=0) for index in kappa]
    with np.errstate(invalid="ignore"):
        ceiling = np.sqrt(np.where((mean[1] > 0) & (mean[2] > 0), mean[1] * mean[2], np.nan))
    low, high = _spread(kappa)
    total_low, total_high = _spread([index.mean(axis=1, keepdims=True) for index in kappa])
    return Ceiling(
        overlap=overlap.mean(axis=0),
        within_a=within_a.mean(axis=0),
        within_b=within_b.mean(axis=0),
        ceiling=overlap_from_kuncheva(ceiling, k_of, widths),
        ratio=mean[0] / ceiling,
        ratio_low=np.fmin(
            low, mean[0] / ceiling
        ),  # counts are few: the mean can leave the quantiles
        ratio_high=np.fmax(high, mean[0] / ceiling),
        total_ratio=float(_ratio(*(np.mean(m) for m in mean))),
        total_low=float(total_low[0]),
        total_high=float(total_high[0]),
    )


def _ratio(cross: np.ndarray, own_a: np.ndarray, own_b: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        room = np.sqrt(np.where((own_a > 0) & (own_b > 0), own_a * own_b, np.nan))
        return np.asarray(cross / room)


def _spread(kappa: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Central 95 % over splits of κ_AB(split) / sqrt(mean κ_AA · mean κ_BB)."""
    own = [index.mean(axis=0, keepdims=True) for index in kappa[1:]]
    ratios = _ratio(kappa[0], own[0], own[1])
    low, high = np.quantile(ratios, (0.025, 0.975), axis=0)
    return low, high


@dataclass(frozen=True, kw_only=True)
class GrowthRow(JsonForm):
    """Two tasks scored on n images each: the mean over blocks, and the central 95 % of the draws."""

    n: int
    overlap: float
    kuncheva: float
    low: float
    high: float


def overlap_against_n(
    a: Sums, b: Sums, ks: Sequence[int], *, sizes: Sequence[int], draws: int = 20, seed: int = 0
) -> list[GrowthRow]:
    """Mean overlap (of all blocks) of two tasks scored on n images each, for growing n.

    The curve says whether more images would bring the selections closer together.
    """
    return [_scored_on(n, a, b, ks, draws=draws, seed=seed) for n in sizes]


def _scored_on(n: int, a: Sums, b: Sums, ks: Sequence[int], *, draws: int, seed: int) -> GrowthRow:
    chosen = [part_scores(s, subsets(s.labels, n, draws, seed + i)) for i, s in enumerate((a, b))]
    counts, index = [], []
    for one, other, k in zip(*chosen, ks, strict=True):
        counts.append(count(top_masks(one, k), top_masks(other, k)))  # (draws, blocks)
        index.append(kuncheva(counts[-1], k, one.shape[-1]))
    kappa = np.concatenate(index, axis=1).mean(axis=1)
    low, high = np.quantile(kappa, (0.025, 0.975))
    return GrowthRow(
        n=n,
        overlap=float(np.concatenate(counts, axis=1).mean()),
        kuncheva=float(kappa.mean()),
        low=float(low),
        high=float(high),
    )
