"""What a choice of channels is made of: how much of it stays without the classes, the task, the tokens.

A choice is the K channels of a block with the highest scores. Each count says how many of these K
another ranking of the same D channels chooses too; two random choices share K²/D. The shares of energy
say what the scores sum up: Σ a² over images and tokens, of which one channel may hold most, and
of which N T μ² of a channel is a constant offset (`ict.analysis.energy`).

Shapes: N images, T tokens, C classes, D channels, K chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ict.analysis.chosen_sums import Asked, Energies, of_images, same_energy
from ict.analysis.families import Beside
from ict.analysis.overlap import count, top_masks
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.scores import load_scores
from ict.store.store import Store


@dataclass(frozen=True, kw_only=True)
class _Counts(JsonForm):
    """How many of the K stay, where chance would keep `chance`; None where the store cannot tell."""

    chance: float
    shuffled: float | None
    """Of class_l2: with shuffled class labels, mean of the shuffles."""
    l2: int | None
    """By the norm that knows no classes; None for that norm itself."""
    others: int | None
    """By the mean over other tasks' scores, each first divided by its sum."""
    cls: int | None
    """By scores of class tokens on the same images."""


@dataclass(frozen=True, kw_only=True)
class _Place(JsonForm):
    """The block."""

    task: str
    stage: int
    block: int
    k: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class MadeOfRow(Energies, _Counts, _Place):
    """One block of one task: what the choice of its K channels is made of."""


@dataclass(frozen=True, kw_only=True)
class MadeOf:
    """The rows of a score file, and what they were held against."""

    rows: Sequence[MadeOfRow]
    record: ScoreRecord
    """Of the score file."""
    beside: Beside
    """The files that were read beside it."""
    same_images: Sequence[str]
    """Those of the other tasks that have the same images, and so share more."""
    shuffles: int | None
    """How often the class labels were shuffled; None if they were not."""

    @property
    def known(self) -> bool:
        """Whether anything is; chance always is."""
        return any(
            value is not None
            for row in self.rows
            for value in (row.shuffled, row.l2, row.others, row.cls, row.top_share)
        )

    @property
    def tasks(self) -> list[str]:
        """The other tasks whose mean the column `others` is of."""
        return [str(record.task) for record in self.beside.tasks]


def made_of(asked: Asked, beside: Beside, store: Store, *, keep: Store | None = None) -> MadeOf:
    """The rows of a score file, beside other files of the store (`ict.analysis.families.beside`).

    Class labels and offsets need per-image sums, or what the store kept of them; what is computed from
    them is kept in `keep`. Files with other blocks or channels are passed over. Raises InputError for
    a K that does not fit, and for scores that cannot be ranked.
    """
    scores = load_scores(asked.path, kinds=("", "per_class"))
    stages = scores.site(asked.site)
    chosen = [top_masks(stage, k) for stage, k in zip(stages, asked.ks, strict=True)]
    told, shuffles = of_images(asked, scores, store, keep)
    read = [(record, _read(record, asked.site, like=stages)) for record in beside.tasks]
    of_tasks = [(record, values) for record, values in read if values is not None]
    cls = None if beside.cls is None else _read(beside.cls, asked.site, like=stages)
    mean = mean_of_tasks([values for _, values in of_tasks]) if of_tasks else None
    by_others, by_cls = (_shared(chosen, values, asked.ks) for values in (mean, cls))
    places = [
        (i, k, *stage.shape) for i, (stage, k) in enumerate(zip(stages, asked.ks, strict=True))
    ]
    rows = [
        MadeOfRow(
            task=str(asked.record.task), stage=stage, block=block, k=k, channels=width,
            chance=k * k / width, others=by_others[block], cls=by_cls[block], **vars(told[block]),
        )
        for block, (stage, k, width) in enumerate(
            (stage, k, width) for stage, k, blocks, width in places for _ in range(blocks)
        )
    ]  # fmt: skip
    same = [
        str(r.task) for r, _ in of_tasks if same_energy(asked.path, Path(r.path), site=asked.site)
    ]
    held = Beside(tasks=tuple(r for r, _ in of_tasks), cls=None if cls is None else beside.cls)
    return MadeOf(rows=rows, record=asked.record, beside=held, same_images=same, shuffles=shuffles)


def mean_of_tasks(scores: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Mean over tasks of scores (blocks, D) a stage, which are first divided by the block's Σ |score|.

    So each task counts the same, however many images it has; signs stay.
    """
    result = []
    for stages in zip(*scores, strict=True):
        of_tasks = np.stack(stages).astype(np.float64)
        whole = np.abs(of_tasks).sum(axis=-1, keepdims=True)
        result.append((of_tasks / np.where(whole > 0, whole, 1)).mean(axis=0))
    return result


def _read(record: ScoreRecord, site: str, *, like: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The scores of a file, (blocks, D) a stage; None unless they have the shapes of `like`."""
    scores = load_scores(record.path, kinds=("",))
    if site not in scores.sites:
        return None
    stages = scores.site(site)
    same = [stage.shape for stage in stages] == [stage.shape for stage in like]
    return stages if same else None


def _shared(
    chosen: Sequence[np.ndarray], scores: Sequence[np.ndarray] | None, ks: Sequence[int]
) -> list[int | None]:
    """How many of the K of each block `scores` choose too; None for every block without scores."""
    if scores is None:
        return [None for masks in chosen for _ in masks]
    return [
        int(shared)
        for masks, stage, k in zip(chosen, scores, ks, strict=True)
        for shared in count(masks, top_masks(stage, k))
    ]
