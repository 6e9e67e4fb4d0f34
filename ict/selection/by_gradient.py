"""Sets of channels to read and to write from gradients of dense adapters. No torch here.

An adapter at zero that reads R and writes S has the gradients G[S, R] and g[S] in each block. One small
step of it lowers the loss, to first order, by

    unit  ε · ‖[G[S, R], g[S]]‖       a step of length ε over all blocks together
    sign  lr · (Σ |G[S, R]| + Σ |g[S]|)   a step of lr in every weight, as Adam's first

so the best sets have the largest sum of squares, or of sizes, block by block.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ict.adapter_gradients import AdapterGradients, BlockGradient
from ict.criteria import NORMS, choice, spelled
from ict.errors import InputError, did_you_mean, quoted
from ict.scores import ChannelScores
from ict.selection.ranking import ranked_blocks
from ict.selection.record import BlockSelection, Selection
from ict.selection.sizes import check_blocks, resolve_k
from ict.selection.terms import (
    Sets,
    Terms,
    bound_read_write,
    bound_same,
    read_write,
    same_set,
    writes_for,
)

_OF_BOTH = "energy_read_gradient_write"
Chooser = Callable[[int, Terms, int], Sets]
"""Sets (R, S) for a block, counted over all stages, of its terms and K."""


def terms_of(gradient: BlockGradient, norm: str = "unit") -> Terms:
    """What each pair is worth in a step of this norm: G² and g² (`unit`), |G| and |g| (`sign`).

    Raises InputError for another norm, for gradients that are not finite, and where all of G is 0.
    """
    if norm not in NORMS:
        hint = did_you_mean(norm, NORMS)
        raise InputError(f"norm={quoted(norm)}: choose one of {', '.join(NORMS)}{hint}")
    size = np.square if norm == "unit" else np.abs
    pairs, bias = (size(np.asarray(one, np.float64)) for one in (gradient.weight, gradient.bias))
    if not (np.isfinite(pairs).all() and np.isfinite(bias).all()):
        raise InputError(
            f"block {gradient.block}: a gradient is NaN or infinite, which cannot be compared; score the "
            "adapter gradients again"
        )
    if not pairs.any():
        raise InputError(
            f"block {gradient.block}: all gradients are 0, so no choice means anything; choose another "
            "site or tokens"
        )
    return Terms(pairs, bias)


def select_by_gradient(
    gradients: AdapterGradients,
    *,
    selector: str,
    site: str | None = None,
    k: int | Sequence[int] | None = None,
    ratio: float | None = None,
    blocks: Sequence[int] | None = None,
    norm: str = "unit",
    energy: ChannelScores | None = None,
    parts: Sequence[int] | None = None,
) -> Selection:
    """Chooses K channels to read and K to write in each block, from the gradients of `parts` (all by default).

    `selector` is `gradient` (one set for both, the paper's adapter), `gradient_rw` (two sets), or
    `energy_read_gradient_write`: reads the K highest of `energy`, scores at the same site of the same
    backbone, and writes what is best for them. Where both sets are the same, `writes` is None.
    Raises InputError for another selector, site, blocks or norm, a K outside 1..D, scores of another
    shape, and gradients that leave no choice.
    """
    chooser = Choosers(gradients, site=site, k=k, ratio=ratio, blocks=blocks, energy=energy)
    choose = chooser.of(selector)
    chosen = [
        block_selection(gradient, *choose(gradient.block, terms_of(gradient, norm), chooser.ks[gradient.stage]))
        for gradient in gradients.each_block(chooser.site, parts)
        if blocks is None or gradient.block in blocks
    ]  # fmt: skip
    return chooser.selection(selector, chosen)


def block_selection(
    gradient: BlockGradient, reads: np.ndarray, writes: np.ndarray
) -> BlockSelection:
    """The sets of one block, with no writes of their own where they are the reads."""
    r, s = (tuple(sorted(one.tolist())) for one in (reads, writes))
    return BlockSelection(gradient.stage, gradient.block, gradient.width, r, None if r == s else s)


class Choosers:
    """How sets are chosen at one site of some gradients: K of each stage, and what is read by energy."""

    def __init__(
        self,
        gradients: AdapterGradients,
        *,
        site: str | None,
        k: int | Sequence[int] | None,
        ratio: float | None,
        blocks: Sequence[int] | None = None,
        energy: ChannelScores | None = None,
    ) -> None:
        self.gradients = gradients
        self.site = site or gradients.only_site()
        self.stages = gradients.stages(self.site)
        check_blocks(blocks, sum(count for count, _ in self.stages))
        self.ks = resolve_k([width for _, width in self.stages], k=k, ratio=ratio)
        self._blocks, self._energy = blocks, energy

    def of(self, selector: str) -> Chooser:
        """What chooses the sets of a block. Raises InputError for a selector that reads no gradients."""
        if selector == "gradient":
            return lambda block, terms, k: (same_set(terms, k),) * 2
        if selector == "gradient_rw":
            return lambda block, terms, k: read_write(terms, k)
        if selector != _OF_BOTH:
            raise InputError(
                f"selector={quoted(selector)} reads no gradients: choose gradient, gradient_rw or "
                f"{_OF_BOTH}, or ict.select with scores"
            )
        reads = self._strongest()
        return lambda block, terms, k: (reads[block], writes_for(terms, reads[block], k))

    def _strongest(self) -> dict[int, np.ndarray]:
        """The reads of each block: its K highest scores of `energy`."""
        energy = self._given_energy()
        site = self.site if self.site in energy.sites else energy.only_site()
        stages = energy.site(site)
        shapes = [stage.shape for stage in stages]
        if shapes != self.stages:
            raise InputError(
                f"energy has {_shapes(shapes)} channels at {site}, the gradients {_shapes(self.stages)}: "
                "score both with one backbone"
            )
        chosen = ranked_blocks(stages, self.ks, blocks=self._blocks)
        return {one.block: np.asarray(one.indices) for one in chosen}

    def _given_energy(self) -> ChannelScores:
        if self._energy is None:
            raise InputError(f"{_OF_BOTH} reads the highest scores: give energy=, as of class_l2")
        return self._energy

    def selection(self, selector: str, blocks: Sequence[BlockSelection]) -> Selection:
        """What was chosen, with where it came from: the scores where they were read, else the gradients."""
        criterion, meta = None, self.gradients.meta
        if selector == _OF_BOTH:
            meta = self._given_energy().meta
            criterion = str(meta.get("criterion") or "scores")
        return Selection(
            site=self.site,
            blocks=tuple(blocks),
            criterion=spelled(selector, criterion),
            score_id=meta.get("score_id"),
            backbone=self.gradients.meta.get("backbone"),
        )


def _shapes(stages: Sequence[tuple[int, ...]]) -> str:
    return " + ".join(f"{count} × {width}" for count, width in stages)


def chosen_blocks(
    gradients: AdapterGradients, selection: Selection, parts: Sequence[int] | None = None
) -> Iterator[tuple[BlockGradient, BlockSelection]]:
    """Each block of a selection with its gradients.

    Raises InputError for a selection of another site, or of blocks or widths that the gradients lack.
    """
    chosen = {one.block: one for one in selection.blocks}
    for gradient in gradients.each_block(selection.site, parts):
        one = chosen.pop(gradient.block, None)
        if one is None:
            continue
        if one.width != gradient.width:
            raise InputError(
                f"block {one.block}: the selection has {one.width} channels, the gradients "
                f"{gradient.width}: they are of different backbones"
            )
        yield gradient, one
    if chosen:
        raise InputError(f"the gradients lack block {min(chosen)} of the selection")


def share_of_bound(gradients: AdapterGradients, selection: Selection, norm: str = "unit") -> float:
    """What a selection is worth, as a share (0 to 1) of an upper bound for as many channels.

    Worth is the sum of squares (`unit`) or of sizes (`sign`) over all blocks. The bound is that of one
    set, read and written alike, where the selection is one; it can be out of reach, so less than 1 does
    not say that a better choice exists.
    """
    two = choice(selection.criterion).selector == "gradient_rw"
    two = two or any(one.writes is not None for one in selection.blocks)
    value = bound = 0.0
    for gradient, one in chosen_blocks(gradients, selection):
        terms = terms_of(gradient, norm)
        value += terms.value(one.indices, one.written)
        bound += (
            bound_read_write(terms, len(one.indices), len(one.written))
            if two
            else bound_same(terms, len(one.indices))
        )
    return value / bound
