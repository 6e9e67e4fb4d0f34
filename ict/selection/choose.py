"""From channel scores to the channels that are tuned. No torch here: NumPy in, indices out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ict.errors import InputError, quoted
from ict.scores import ChannelScores
from ict.selection.ranking import ranked_blocks
from ict.selection.record import Selection
from ict.selection.sizes import check_blocks, check_budget, resolve_k

if TYPE_CHECKING:
    from ict.adapter_gradients import AdapterGradients
    from ict.criteria.words import Choice


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
    budget: str = "uniform",
) -> Selection:
    """Chooses K channels in each block of `scores` at `site` (the only one scored by default).

    `blocks` limits the choice to some blocks; `order` is `top` (the method), `lowest` or `random`
    (its controls; `random` draws uniformly and depends on `seed` and `task`, not on the scores), or one that
    reads the gradients of dense adapters: `gradient` (one set) and `gradient_rw` (a read set and a write
    set) of scores by criterion `adapter_gradient`, `energy_read_gradient_write` of any scores and
    `gradients` (`ict.selection.by_gradient`, which says what `norm` and `budget` are).
    Raises InputError for an unknown site or order, blocks that are none, a K outside 1..D, scores
    without a ranking, and a `budget` where nothing says what a channel is worth.
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
            budget=budget,
        )
    check_budget(budget, order)
    if order != "random" and criterion == ADAPTER_GRADIENT:
        raise no_ranking()
    chosen_site = site or scores.only_site()
    stages = scores.site(chosen_site)
    check_blocks(blocks, sum(map(len, stages)))
    ks = resolve_k([stage.shape[1] for stage in stages], k=k, ratio=ratio)
    chosen = ranked_blocks(stages, ks, blocks=blocks, order=order, seed=seed, task=task)
    return Selection(
        site=chosen_site,
        blocks=chosen,
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
