"""K of a block's channels: the highest or lowest scores, or a draw. No torch here."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from ict.documents.number_words import number_words
from ict.errors import InputError
from ict.scores import ranked
from ict.selection.record import BlockSelection
from ict.selection.sizes import check_k


def ranked_blocks(
    stages: Sequence[np.ndarray],
    ks: Sequence[int],
    *,
    blocks: Sequence[int] | None = None,
    order: str = "top",
    seed: int = 0,
    task: str | None = None,
) -> tuple[BlockSelection, ...]:
    """K channels of each block of `stages`, score arrays (blocks, D); `ks` has the K of each stage.

    Raises InputError, naming the block, for scores without a ranking.
    """
    rows = [(stage, row) for stage, array in enumerate(stages) for row in array]
    chosen = []
    for block, (stage, row) in enumerate(rows):
        if blocks is None or block in blocks:
            indices = (
                random_k(len(row), ks[stage], seed=seed, block=block, task=task)
                if order == "random"
                else _ranked(row, ks[stage], order, block)
            )
            chosen.append(BlockSelection(stage, block, len(row), tuple(indices.tolist())))
    return tuple(chosen)


def top_k(scores: np.ndarray, k: int, *, order: str = "top") -> np.ndarray:
    """Indices of the K highest (or lowest) of D scores, ascending.

    A tie goes to the lower index, so K is always K (the authors' code compares with a threshold
    and can choose fewer or more). NaN, or one score for all channels, cannot be ranked: InputError.
    """
    width = len(scores)
    check_k(k, width)
    if np.isnan(scores).any():
        raise InputError(
            "a score is NaN, which cannot be ranked; score again on images of every class"
        )
    if width > 1 and k < width and (scores == scores[0]).all():
        raise InputError(
            f"all {width} channels have the same score {number_words(scores[0])}, so no choice means anything; "
            "choose another criterion, site or tokens"
        )
    return np.sort(ranked(scores, order)[:k])


def random_k(width: int, k: int, *, seed: int, block: int, task: str | None = None) -> np.ndarray:
    """K of `width` channels, uniform, a function of (seed, block, task) alone.

    Without a task (as in version 0.1.0) all tasks share one draw, so that a mean over tasks is a
    mean over one choice of channels.
    """
    check_k(k, width)
    named = ["random channels", seed, block, *([] if task is None else [task])]
    digest = hashlib.sha256(json.dumps(named).encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    return np.sort(generator.choice(width, size=k, replace=False))


def _ranked(row: np.ndarray, k: int, order: str, block: int) -> np.ndarray:
    try:
        return top_k(row, k, order=order)
    except InputError as error:
        raise InputError(f"block {block}: {error}") from None
