"""One row of an overlap table: a pair of tasks in one block, between chance and noise ceiling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ict.analysis.chance import chance
from ict.analysis.overlap import coefficient, count, jaccard, kuncheva, masks_of
from ict.documents.json_form import JsonForm
from ict.selection import Selection


@dataclass(frozen=True, kw_only=True)
class OverlapRow(JsonForm):
    """What two selections share in one block, and what chance would give. None, in a kept row, is NaN."""

    task_a: str
    task_b: str
    stage: int
    block: int
    """Counted over all stages."""
    k: int
    channels: int
    overlap: int
    """Shared channels, on all images."""
    jaccard: float
    coefficient: float
    kuncheva: float | None
    floor: float
    floor_low: float
    floor_high: float

    @property
    def pair(self) -> tuple[str, str]:
        return self.task_a, self.task_b


@dataclass(frozen=True, kw_only=True)
class CeilingRow(OverlapRow):
    """The same with what equal halves of the images say; None where there is no signal to compare."""

    half_overlap: float
    ceiling: float | None
    ratio_to_ceiling: float | None
    ratio_low: float | None
    ratio_high: float | None
    total_ratio: float | None
    """Over all blocks, as are its ends."""
    total_ratio_low: float | None
    total_ratio_high: float | None
    p_permutation: float | None
    """None where no task labels were permuted."""
    expected_kuncheva: float | None
    shared_images: bool
    splits: int
    permutations: int
    images_a: int
    images_b: int


def shared_in_block(
    pair: tuple[str, str], *, stage: int, block: int, k: int, channels: int, overlap: int
) -> OverlapRow:
    """The row of two choices of K of `channels` that share `overlap` channels."""
    by_chance = chance(k, channels)
    return OverlapRow(
        task_a=pair[0],
        task_b=pair[1],
        stage=stage,
        block=block,
        k=k,
        channels=channels,
        overlap=overlap,
        jaccard=float(jaccard(overlap, k)),
        coefficient=float(coefficient(overlap, k)),
        kuncheva=float(kuncheva(overlap, k, channels)),
        floor=by_chance.mean,
        floor_low=by_chance.low,
        floor_high=by_chance.high,
    )


def of_selections(pair: tuple[str, str], one: Selection, other: Selection) -> list[OverlapRow]:
    """Shared channels of two choices, in each block in which both chose equally many."""
    theirs = {block.block: block for block in other.blocks}
    rows = []
    for block in one.blocks:
        twin = theirs.get(block.block)
        k, width = len(block.indices), block.width
        if twin is None or (len(twin.indices), twin.width) != (k, width):
            continue
        shared = int(count(masks_of(block.indices, width), masks_of(twin.indices, width)))
        rows.append(
            shared_in_block(
                pair, stage=block.stage, block=block.block, k=k, channels=width, overlap=shared
            )
        )
    return rows


def mean_index(rows: Sequence[OverlapRow]) -> float:
    """Kuncheva's index over all blocks; NaN where one of them chose all channels."""
    return float(np.mean([np.nan if row.kuncheva is None else row.kuncheva for row in rows]))
