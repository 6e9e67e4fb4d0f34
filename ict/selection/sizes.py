"""How many channels, in which blocks: K, K/D, and a part of the blocks, read and checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ict.documents.number_words import number_words
from ict.errors import InputError, quoted


def check_k(k: int, width: int, *, where: str = "a block") -> None:
    """Raises InputError unless 1 ≤ K ≤ D."""
    if not 1 <= k <= width:
        raise InputError(f"k={quoted(k)}: {where} has {width} channels; choose 1 to {width}")


def k_from_ratio(ratio: float, width: int) -> int:
    """K = ratio × D, rounded, at least 1. Raises InputError outside (0, 1]."""
    if not 0 < ratio <= 1:
        raise InputError(f"ratio={number_words(ratio)}: choose more than 0 and at most 1")
    return max(1, round(ratio * width))


def resolve_k(
    widths: Sequence[int], *, k: int | Sequence[int] | None, ratio: float | None
) -> tuple[int, ...]:
    """K of each stage from one K, one K a stage, or a ratio of each stage's width."""
    if k is not None and ratio is not None:
        raise InputError("both k and ratio are given; choose one")
    if ratio is not None:
        return tuple(k_from_ratio(ratio, width) for width in widths)
    if k is None:
        raise InputError("neither k nor ratio is given; choose one")
    ks: tuple[Any, ...] = tuple(k) if isinstance(k, (list, tuple)) else (k,) * len(widths)
    if not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in ks):
        raise InputError(f"k={quoted(k)}: give a whole number, or a list of one each stage")
    if len(ks) == 1:
        ks *= len(widths)
    if len(ks) != len(widths):
        raise InputError(
            f"k={quoted(list(ks))}: the backbone has {len(widths)} stage(s); give one K or one each"
        )
    for stage, (one, width) in enumerate(zip(ks, widths, strict=True)):
        check_k(one, width, where=f"stage {stage}" if len(widths) > 1 else "a block")
    return ks


def check_budget(budget: str, selector: str) -> None:
    """Raises InputError unless every block has the K asked for, as with selectors that read no gradients."""
    if budget != "uniform":
        raise InputError(
            f"budget={quoted(budget)}: selector {selector} does not say what channels of different blocks "
            "are worth; choose a gradient selector, or leave budget out"
        )


def check_blocks(blocks: Any, count: int) -> None:
    """Raises InputError unless `blocks` is None or a list of some of the blocks 0 to `count` − 1."""
    if blocks is None:
        return
    listed = isinstance(blocks, Sequence) and not isinstance(blocks, str)
    if not (listed and blocks and all(block in range(count) for block in blocks)):
        raise InputError(
            f"blocks={quoted(blocks)}: give a list of some of the blocks 0 to {count - 1}"
        )
