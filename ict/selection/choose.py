"""From channel scores to the channels that are tuned. No torch here: NumPy in, indices out."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ict.errors import InputError, quoted
from ict.scores import ChannelScores, ranked
from ict.selection.record import BlockSelection, Selection

if TYPE_CHECKING:
    from ict.adapter_gradients import AdapterGradients
    from ict.criteria.words import Choice


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
            f"all {width} channels have the same score {scores[0]:g}, so no choice means anything; "
            "choose another criterion, site or tokens"
        )
    return np.sort(ranked(scores, order)[:k])


def check_k(k: int, width: int, *, where: str = "a block") -> None:
    """Raises InputError unless 1 ≤ K ≤ D."""
    if not 1 <= k <= width:
        raise InputError(f"k={quoted(k)}: {where} has {width} channels; choose 1 to {width}")


def k_from_ratio(ratio: float, width: int) -> int:
    """K = ratio × D, rounded, at least 1. Raises InputError outside (0, 1]."""
    if not 0 < ratio <= 1:
        raise InputError(f"ratio={ratio:g}: choose more than 0 and at most 1")
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


def select(
    scores: ChannelScores,
    *,
    site: str | None = None,
    k: int | Sequence[int] | None = None,
    ratio: float | None = None,
    blocks: Sequence[int] | None = None,
    order: str = "top",
    seed: int = 0,
    task: str | None = None,
    gradients: "AdapterGradients | None" = None,
    norm: str = "unit",
) -> Selection:
    """Chooses K channels in each block of `scores` at `site` (the only one scored by default).

    `blocks` limits the choice to some blocks; `order` is `top` (the method), `lowest` or `random`
    (its controls; `random` draws uniformly and depends on `seed` and `task`, not on the scores), or one that
    reads the gradients of dense adapters: `gradient` (one set) and `gradient_rw` (a read set and a write
    set) of scores by criterion `adapter_gradient`, `energy_read_gradient_write` of any scores and
    `gradients` (`ict.selection.by_gradient`, which says what `norm` is).
    Raises InputError for an unknown site or order, blocks that are none, a K outside 1..D, and scores
    without a ranking.
    """
    from ict.criteria.words import ADAPTER_GRADIENT, no_ranking  # read where one is chosen

    how = _asked_of(scores, order)
    criterion = how.criterion
    if how.reads_gradient:
        from ict.selection.by_gradient import select_by_gradient

        return select_by_gradient(
            _gradients(scores if gradients is None else gradients, how),
            selector=order,
            site=site,
            k=k,
            ratio=ratio,
            blocks=blocks,
            norm=norm,
            energy=None if how.by_gradient_alone else scores,
        )
    if order != "random" and criterion == ADAPTER_GRADIENT:
        raise no_ranking()
    chosen_site = site or scores.only_site()
    stages = scores.site(chosen_site)
    check_blocks(blocks, sum(map(len, stages)))
    ks = resolve_k([stage.shape[1] for stage in stages], k=k, ratio=ratio)
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
    return Selection(
        site=chosen_site,
        blocks=tuple(chosen),
        criterion={"top": criterion, "lowest": f"lowest:{criterion}"}.get(order, order),
        score_id=None if order == "random" else scores.meta.get("score_id"),
        backbone=scores.meta.get("backbone"),
    )


def _asked_of(scores: ChannelScores, order: str) -> "Choice":
    """The selector and the criterion of the scores; InputError for what is none."""
    if not isinstance(scores, ChannelScores):
        raise InputError(
            f"select needs ChannelScores, as ict.score gives, not {type(scores).__name__}; "
            "ict.ChannelScores.load(FILE) reads a file"
        )
    from ict.criteria.words import SELECTORS, Choice

    if order not in SELECTORS:
        raise InputError(f"order={quoted(order)}: choose one of {', '.join(SELECTORS)}")
    return Choice(order, scores.meta.get("criterion"))


def _gradients(of: "ChannelScores | AdapterGradients", how: "Choice") -> "AdapterGradients":
    """The gradients themselves, or those that scores by criterion adapter_gradient carry."""
    from ict.adapter_gradients import AdapterGradients

    held = of.gradients if isinstance(of, ChannelScores) else of
    if not isinstance(held, AdapterGradients):
        raise InputError(
            f"selector {how.selector} needs the gradients of criterion adapter_gradient: score by it, and give "
            "gradients=scores.gradients, or ict.adapter_gradients.AdapterGradients.load(FILE)"
        )
    return held


def check_blocks(blocks: Any, count: int) -> None:
    """Raises InputError unless `blocks` is None or a list of some of the blocks 0 to `count` − 1."""
    if blocks is None:
        return
    listed = isinstance(blocks, Sequence) and not isinstance(blocks, str)
    if not (listed and blocks and all(block in range(count) for block in blocks)):
        raise InputError(
            f"blocks={quoted(blocks)}: give a list of some of the blocks 0 to {count - 1}"
        )


def select_random(
    stages: Sequence[tuple[int, int]],
    *,
    site: str,
    ks: Sequence[int],
    blocks: Sequence[int] | None,
    seed: int,
    backbone: str | None = None,
    task: str | None = None,
) -> Selection:
    """A uniform draw for `stages` of (blocks, width), without any scores; see `random_k`."""
    arrays = {
        f"{site}.{s}": np.zeros((n, width), np.float32) for s, (n, width) in enumerate(stages)
    }
    blank = ChannelScores(arrays, {"backbone": backbone})
    return select(blank, site=site, k=list(ks), blocks=blocks, order="random", seed=seed, task=task)


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
