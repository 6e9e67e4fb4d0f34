"""All channels of all blocks in one table: to sort, to search, and to hold against another score file.

A table holds columns, one value a channel, for there are up to 25,000 of them; n channels of all blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ict.analysis.families import beside
from ict.analysis.overlap import top_masks
from ict.analysis.selectivity import ClassColumns
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError, quoted
from ict.scores import ChannelScores
from ict.selection import Selection

SORTS: Final = {
    "z": "Highest in its block",
    "selectivity": "Most class-selective",
    "class_share": "Largest class share",
    "tasks": "In most tasks' choice",
    "difference": "Differs most between A and B",
    "score": "Highest score",
    "rank": "Best rank",
    "block": "Block and channel",
}
"""By what a table can be sorted, in words; each but `rank` and `block` from the highest on."""


@dataclass(frozen=True, kw_only=True)
class ChannelRow(JsonForm):
    """One channel. None: not told by these score files."""

    block: int
    """Counted over all stages."""
    channel: int
    score: float
    z: float | None
    """(score − mean of the block) / sd of the block; None where all its scores are the same."""
    rank: int
    """In its block: 1 is the highest score."""
    chosen: bool
    selectivity: float | None
    """Morcos et al. 2018 on root mean square activations: 0 all classes alike, 1 one class alone."""
    top_class: int | None
    """The class in which it is most active."""
    class_share: float | None
    """ε²: what of the variance between images the classes explain."""
    tasks: int | None
    """Of how many tasks the K highest scores have it."""
    difference: float | None
    """z here − z in the other score file."""
    other_rank: int | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelTable:
    """Columns (n,), by block and channel; those that are None are explained in `lacking`."""

    block: np.ndarray
    channel: np.ndarray
    score: np.ndarray
    z: np.ndarray
    rank: np.ndarray
    chosen: np.ndarray
    selectivity: np.ndarray | None = None
    top_class: np.ndarray | None = None
    class_share: np.ndarray | None = None
    tasks: np.ndarray | None = None
    difference: np.ndarray | None = None
    other_rank: np.ndarray | None = None
    of_tasks: tuple[str, ...] = ()
    """Whose choices `tasks` counts, the own first."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Why a column is not there, and what to do: one sentence."""

    def row(self, place: int) -> ChannelRow:
        """The channel at a place of the columns."""
        names = ChannelRow.__dataclass_fields__
        return ChannelRow(**{name: _plain(getattr(self, name), place) for name in names})

    def order(self, by: str, *, reverse: bool = False) -> np.ndarray:
        """Places (n,) as sorted by one of SORTS; what is not told comes last, equals by z.

        Raises InputError for another word, and for a column that is not there.
        """
        if by not in SORTS:
            raise InputError(f"sort={quoted(by)}: choose one of {', '.join(SORTS)}")
        if by == "block":
            places = np.arange(len(self.block))
            return places[::-1] if reverse else places
        column = getattr(self, by)
        if column is None:
            raise InputError(self.lacking[by])
        key = {"rank": -column, "difference": np.abs(column)}.get(by, column)
        key = np.where(np.isfinite(key), key if not reverse else -key, -np.inf)
        return np.lexsort((-np.nan_to_num(self.z, nan=-np.inf), -key))


def channel_table(
    scores: ChannelScores,
    *,
    site: str,
    picked: Selection,
    ks: Sequence[int],
    others: Mapping[str, ChannelScores] | None = None,
    against: ChannelScores | None = None,
    classes: ClassColumns | None = None,
) -> ChannelTable:
    """The table of a score file at `site`, in which the channels of `picked` are chosen.

    `others` are the scores of other tasks, by task, whose K highest (`ks`, one a stage) are counted with
    its own; `against` is B of the difference; `classes` come from the same file. Raises InputError where
    another file has other blocks, or cannot be ranked.
    """
    stages, record = scores.site(site), scores.record
    told = classes or ClassColumns()
    lacking = dict(told.lacking)
    columns: dict[str, np.ndarray] = {}
    counted = {str(record.task): scores, **(others or {})}
    if len(counted) > 1:
        chosen_of = [_masks(one, site, ks, stages, task) for task, one in counted.items()]
        columns["tasks"] = np.sum(chosen_of, axis=0)
    else:
        lacking["tasks"] = (
            f"no other task is scored by {record.criterion} with this backbone and site: score one"
        )
    z = _flat([z_in_block(stage) for stage in stages])
    if against is None:
        lacking["difference"] = lacking["other_rank"] = (
            "there is no B: choose scores to compare with"
        )
    else:
        theirs = _like(against.site(site), stages, "B")
        columns["difference"] = z - _flat([z_in_block(stage) for stage in theirs])
        columns["other_rank"] = _flat([ranks_in_block(stage) for stage in theirs])
    block, channel = _places(stages)
    return ChannelTable(
        block=block,
        channel=channel,
        score=_flat(stages).astype(np.float64),
        z=z,
        rank=_flat([ranks_in_block(stage) for stage in stages]),
        chosen=_chosen(picked, stages),
        selectivity=told.selectivity,
        top_class=told.top_class,
        class_share=told.class_share,
        of_tasks=tuple(counted),
        lacking=lacking,
        **columns,
    )


def other_tasks(
    own: ScoreRecord, records: Sequence[ScoreRecord], *, site: str
) -> dict[str, ScoreRecord]:
    """The score files of other tasks, one a task, scored in the same way: whose choices are counted."""
    return {str(one.task): one for one in beside(own, records, site=site).tasks}


def z_in_block(stage: np.ndarray) -> np.ndarray:
    """(score − mean) / sd of each block, (blocks, D) float64; NaN where all are the same."""
    values = stage.astype(np.float64)
    spread = values.std(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (values - values.mean(axis=1, keepdims=True)) / spread, np.nan)


def ranks_in_block(stage: np.ndarray) -> np.ndarray:
    """1 + the number of channels of the block with a higher score, (blocks, D)."""
    return np.stack([1 + len(row) - np.searchsorted(np.sort(row), row, "right") for row in stage])


def _masks(
    scores: ChannelScores, site: str, ks: Sequence[int], like: Sequence[np.ndarray], task: str
) -> np.ndarray:
    stages = _like(scores.site(site), like, task)
    return _flat([top_masks(stage, k) for stage, k in zip(stages, ks, strict=True)])


def _like(
    stages: Sequence[np.ndarray], like: Sequence[np.ndarray], name: str
) -> Sequence[np.ndarray]:
    if [stage.shape for stage in stages] != [stage.shape for stage in like]:
        raise InputError(
            f"{name} has other blocks or channels: hold scores of one backbone together"
        )
    return stages


def _chosen(picked: Selection, stages: Sequence[np.ndarray]) -> np.ndarray:
    """Which channels are read or written by the choice, (n,)."""
    widths = [len(row) for stage in stages for row in stage]
    starts = np.cumsum([0, *widths])
    mask = np.zeros(starts[-1], dtype=bool)
    for block in picked.blocks:
        mask[starts[block.block] + np.array([*block.indices, *block.written], dtype=int)] = True
    return mask


def _places(stages: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Block and channel of each place."""
    widths = [len(row) for stage in stages for row in stage]
    block = np.repeat(np.arange(len(widths)), widths)
    return block, np.concatenate([np.arange(width) for width in widths])


def _flat(stages: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([stage.reshape(-1) for stage in stages])


def _plain(column: np.ndarray | None, place: int) -> Any:
    """A value as Python has it; None for what is not told."""
    if column is None:
        return None
    value = column[place].item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
