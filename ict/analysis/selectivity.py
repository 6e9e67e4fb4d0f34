"""How much a channel is one class's: from class norms, and from the means of single images.

Two numbers, each exact for what a score file keeps:

- selectivity, the index of Morcos et al. 2018 (arXiv 1803.06959): (μ_max − μ_rest) /
  (μ_max + μ_rest), with μ_k the mean activity of the channel over the images of class k, μ_max the highest
  of them and μ_rest the mean of the others. They take activities behind a ReLU; the residual stream has
  signs, so activity is the root mean square activation of the class here. Class norms have it.
- class share, ε² of an analysis of variance (Kelley 1935): what of the variance between image means the
  classes explain, freed of what any labels would (`ict.analysis.energy`). It needs per-image sums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ict.analysis import energy
from ict.analysis.sources import RESAMPLED, Sums, open_source
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import ChannelScores


@dataclass(frozen=True)
class Selectivity:
    """Of every channel of a stage, (blocks, D): the index, 0 to 1, and the class of highest activity."""

    index: np.ndarray
    """NaN where fewer than two classes have images, or nothing is active."""
    top_class: np.ndarray


def of_activities(activities: np.ndarray) -> Selectivity:
    """From activities (…, C, D), none negative, NaN for a class without images."""
    there = np.isfinite(activities)
    values = np.where(there, activities, 0.0).astype(np.float64)
    top_class = np.where(there, activities, -np.inf).argmax(axis=-2)
    highest = np.take_along_axis(values, top_class[..., None, :], axis=-2)[..., 0, :]
    others = there.sum(axis=-2) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = (values.sum(axis=-2) - highest) / others
        index = (highest - rest) / (highest + rest)
    return Selectivity(np.where(others > 0, index, np.nan), top_class)


def of_scores(scores: ChannelScores, record: ScoreRecord, site: str) -> list[Selectivity]:
    """One a stage, from the class norms of a score file.

    A norm √(Σ a²) over the N_k images of class k grows with their number; over √N_k it is T tokens' root
    mean square times √T, and T, one number for a block, leaves the index as it is. With `normalise` a norm
    is divided already. Raises InputError, with what to do, for scores without class norms.
    """
    if record.criterion not in RESAMPLED or f"{site}.0.per_class" not in scores.arrays:
        raise InputError(
            f"{record.criterion} keeps no norms of classes; score the task by class_l2 for them"
        )
    norms = scores.site(site, "per_class")
    if record.normalise:
        return [of_activities(stage) for stage in norms]
    counts = np.array(record.images_per_class, dtype=np.float64)
    if len(counts) != norms[0].shape[1]:
        raise InputError("the file does not say how many images each class has; score again")
    weights = np.sqrt(np.maximum(counts, 1))[:, None]
    return [of_activities(stage / weights) for stage in norms]


def class_shares(sums: Sums) -> list[np.ndarray]:
    """ε² of every channel, (blocks, D) a stage; up to 1, around 0 where classes say nothing.

    Raises InputError for sums without token means, and where each image is a class of its own.
    """
    classes = len(np.unique(sums.labels))
    shares = []
    for measured in energy.of_sums(sums):
        fair = measured.corrected(images=len(sums.labels), classes=classes)
        between = fair.classes + fair.image
        with np.errstate(divide="ignore", invalid="ignore"):
            shares.append(np.where(between > 0, fair.classes / between, np.nan))
    return shares


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassColumns:
    """What a score file tells of each channel and the classes, (n,) over all blocks; None is explained."""

    selectivity: np.ndarray | None = None
    top_class: np.ndarray | None = None
    class_share: np.ndarray | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Why a column is not there, and what to do: one sentence."""


def class_columns(scores: ChannelScores, *, site: str, path: Path | None = None) -> ClassColumns:
    """Selectivity from the scores, the class share from the per-image sums in the file at `path`."""
    columns: dict[str, np.ndarray] = {}
    lacking = {"class_share": "no sums of single images are kept; score again with --keep-images"}
    try:
        found = of_scores(scores, scores.record, site)
    except InputError as error:
        lacking["selectivity"] = lacking["top_class"] = error.sentence
    else:
        columns["selectivity"] = _flat([one.index for one in found])
        columns["top_class"] = _flat([one.top_class for one in found])
    if path is not None:
        try:
            columns["class_share"] = _flat(class_shares(open_source(path, site=site).read()))
            del lacking["class_share"]
        except InputError as error:
            lacking["class_share"] = error.sentence.rpartition(": ")[2]
    return ClassColumns(**columns, lacking=lacking)


def _flat(stages: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([stage.reshape(-1) for stage in stages])
