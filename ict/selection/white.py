"""Channels divided by their own size before an adapter reads them. No torch here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ict.selection.record import Selection

LEAST_SHARE: Final = 1e-3
"""Of the median size of a block's channels: a channel that is nearly silent is not blown up further."""


def whitened(selection: Selection, norms: Sequence[np.ndarray], values: Sequence[int]) -> Selection:
    """The selection with the rms of each channel that is read.

    `norms` are the plain l2 scores of its site, (blocks, D) a stage; `values` how many numbers each
    sums over, images × tokens, one a stage. rms = l2 / sqrt(values), at least `LEAST_SHARE` of the
    block's median, and 1 where all are 0.
    """
    sizes = [
        row / np.sqrt(count)
        for stage, count in zip(norms, values, strict=True)
        for row in stage.astype(np.float64)
    ]
    blocks = []
    for one in selection.blocks:
        of_block = sizes[one.block]
        least = LEAST_SHARE * float(np.median(of_block))
        floored = np.maximum(of_block[list(one.indices)], least)
        floored[floored == 0] = 1.0
        blocks.append(replace(one, rms=tuple(floored.astype(np.float32).tolist())))
    return replace(selection, blocks=tuple(blocks))
