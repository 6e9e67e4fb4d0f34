"""Sets of channels to read and to write from gradients of dense adapters. No torch here.

An adapter at zero that reads R and writes S has the gradients G[S, R] and g[S] in each block. One small
step of it lowers the loss, to first order, by

    unit  ε · ‖[G[S, R], g[S]]‖       a step of length ε over all blocks together
    sign  lr · (Σ |G[S, R]| + Σ |g[S]|)   a step of lr in every weight, as Adam's first

so the best sets have the largest sum of squares, or of sizes, block by block. How many channels each
block has is the same everywhere, or shared out by these sums (`budget`, `ict.selection.budget`).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ict.adapter_gradients import AdapterGradients, BlockGradient
from ict.criteria import BUDGETS, NORMS, UNIFORM, choice, spelled
from ict.errors import InputError, did_you_mean, quoted
from ict.scores import ChannelScores, ranked
from ict.selection.budget import shared_out
from ict.selection.curves import read_write_curve, reads_curve, same_set_curve
from ict.selection.ranking import ranked_blocks, top_k
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
_SMALLEST = 1e-12
"""A gain below this share of the value is rounding."""
Chooser = Callable[[int, Terms, int], Sets]
"""Sets (R, S) for a block, counted over all stages, of its terms and K."""
Curver = Callable[[int, Terms, Terms], np.ndarray]
"""What K = 1 to D are worth in a block: of the terms that choose its sets, and of those that count."""


def terms_of(gradient: BlockGradient, norm: str = "unit") -> Terms:
    """What each pair is worth in a step of this norm: G² and g² (`unit`), |G| and |g| (`sign`).

    Raises InputError for another norm, for gradients that are not finite, and where all of G is 0.
    """
    _check_word("norm", norm, NORMS)
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


def _check_word(name: str, word: str, allowed: Sequence[str]) -> None:
    if word not in allowed:
        hint = did_you_mean(word, allowed)
        raise InputError(f"{name}={quoted(word)}: choose one of {', '.join(allowed)}{hint}")


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
    budget: str = UNIFORM,
) -> Selection:
    """Chooses K channels to read and K to write in each block, from the gradients of `parts` (all by default).

    `selector` is `gradient` (one set for both, the paper's adapter), `gradient_rw` (two sets), or
    `energy_read_gradient_write`: reads the K highest of `energy`, scores at the same site of the same
    backbone, and writes what is best for them. Where both sets are the same, `writes` is None.
    `budget` `uniform` has the K asked for in every block; `unit` and `sign` have another K in each, 1 to
    D, for the largest first step in that norm at no more parameters, over all stages together.
    Raises InputError for another selector, site, blocks, norm or budget, a K outside 1..D, scores of
    another shape, and gradients that leave no choice.
    """
    _check_word("budget", budget, BUDGETS)
    chooser = Choosers(gradients, site=site, k=k, ratio=ratio, blocks=blocks, energy=energy)
    choose = chooser.of(selector)

    def tuned() -> Iterator[BlockGradient]:
        each = gradients.each_block(chooser.site, parts)
        return (one for one in each if blocks is None or one.block in blocks)

    if budget != UNIFORM:
        return chooser.selection(selector, _shared(chooser, selector, tuned, norm, budget))
    chosen = [
        block_selection(one, *choose(one.block, terms_of(one, norm), chooser.ks[one.stage]))
        for one in tuned()
    ]
    return chooser.selection(selector, chosen)


def _shared(
    chooser: "Choosers",
    selector: str,
    tuned: Callable[[], Iterator[BlockGradient]],
    norm: str,
    budget: str,
) -> list[BlockSelection]:
    """Sets chosen in `norm`, K of each block for the most in norm `budget`: never less than one K for all."""
    choose, curve = chooser.of(selector), chooser.curve_of(selector)
    curves, uniform = [], []
    for one in tuned():
        curves.append(curve(one.block, terms_of(one, norm), terms_of(one, budget)))
        uniform.append(chooser.ks[one.stage])
    candidates = (uniform, shared_out(curves, uniform))
    found: tuple[list[BlockSelection], ...] = ([], [])
    values = [0.0, 0.0]
    for place, one in enumerate(tuned()):
        terms, worth = terms_of(one, norm), terms_of(one, budget)
        for which, ks in enumerate(candidates):
            sets = choose(one.block, terms, ks[place])
            found[which].append(block_selection(one, *sets))
            values[which] += worth.value(*sets)
    return found[values[1] > values[0] * (1 + _SMALLEST)]


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
        rows = self._energy_rows()

        def both(block: int, terms: Terms, k: int) -> Sets:
            reads = top_k(rows[block], k)
            return reads, writes_for(terms, reads, k)

        return both

    def curve_of(self, selector: str) -> Curver:
        """What the sets of `of(selector)` are worth about, for every K at once."""
        if selector == "gradient":
            return lambda block, terms, worth: same_set_curve(terms, worth)
        if selector == "gradient_rw":
            return lambda block, terms, worth: read_write_curve(terms, worth)
        rows = self._energy_rows()
        return lambda block, terms, worth: reads_curve(terms, worth, ranked(rows[block]))

    def _energy_rows(self) -> list[np.ndarray]:
        """The scores of each block of `energy`, whose highest are read."""
        energy = self._given_energy()
        site = self.site if self.site in energy.sites else energy.only_site()
        stages = energy.site(site)
        shapes = [stage.shape for stage in stages]
        if shapes != self.stages:
            raise InputError(
                f"energy has {_shapes(shapes)} channels at {site}, the gradients {_shapes(self.stages)}: "
                "score both with one backbone"
            )
        ranked_blocks(stages, self.ks, blocks=self._blocks)  # refuses what has no ranking
        return [row for stage in stages for row in stage]

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
