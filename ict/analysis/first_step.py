"""What sets of channels gain in the first step of their adapters, on images that did not choose the step.

The loss falls, to first order, by ⟨step, gradient⟩. Of a dense adapter at zero, an adapter that reads R
and writes S has the gradients G[S, R] and g[S] (`ict.adapter_gradients`), and its first step is

    unit  [G[S, R], g[S]] / ‖·‖   of length 1, over all blocks together
    sign  ±1 in every weight      as Adam's first

Measured on the images that gave the step, this is in-sample: the noise of the gradient counts as gain,
and a choice by the gradient most of all. So the step is taken from one half A of the images (and what is
chosen by the gradient is chosen there), and its gain is ⟨step of A, gradient of B⟩ / images of B. A and B are
judged by one head (`AdapterGradients.halvings`), so the gain holds what that head, fitted on other images,
misses; in-sample, where the gradients of two heads are added, much of this cancels, and the gain can be
smaller than the held-out one. Halves of several halvings share images; their range says how far the halving
matters, and is no interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ict.adapter_gradients import AdapterGradients, BlockGradient
from ict.documents.json_form import JsonForm
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import Selection, select_random
from ict.selection.by_gradient import Chooser, Choosers, chosen_blocks, terms_of
from ict.selection.terms import Sets

DRAWS = 5
"""Draws of random channels, whose gains are averaged."""
BEST = "gradient_rw"
"""What chooses the best sets that are found: two sets, by the gradient."""
RANDOM = "random"
Halves = tuple[tuple[int, ...], tuple[int, ...]]
"""Parts of half A, which gives the step, and of half B, on which it is measured."""


@dataclass(frozen=True, kw_only=True)
class FirstStep(JsonForm):
    """What sets that are chosen in one way gain in a first step, per image, for ε or a rate of 1."""

    name: str
    norm: str
    k: tuple[int, ...]
    """Channels that are read in a block of each stage, at most where its blocks differ."""
    predicted: float
    """In-sample: step, choice and gain all on all images, the gradients of both heads added."""
    held_out: float
    """On the other half; mean over all halvings, both ways."""
    lowest: float
    highest: float
    """The range of these, which share images: no interval."""
    relative_to_best: float
    """Its held-out gain over that of the best R and S found on A; NaN where the best gains nothing."""
    relative_lowest: float
    relative_highest: float
    """The range of that ratio within halvings; NaN where the best gains nothing in one of them."""
    regret: float
    """1 − `relative_to_best`."""
    halvings: int


def predicted_decrease(
    gradients: AdapterGradients, selection: Selection, norm: str = "unit"
) -> float:
    """How much a first step of length 1, or of 1 in each weight, lowers the loss per image, in-sample.

    Raises InputError for a selection of another site or other blocks, and for gradients without a choice.
    """
    value = sum(
        terms_of(gradient, norm).value(one.indices, one.written)
        for gradient, one in chosen_blocks(gradients, selection)
    )
    return float(np.sqrt(value) if norm == "unit" else value) / gradients.count(gradients.parts)


def first_steps(
    gradients: AdapterGradients,
    sets: Mapping[str, Selection],
    selectors: Sequence[str],
    *,
    site: str | None = None,
    k: int | Sequence[int] | None = None,
    ratio: float | None = None,
    energy: ChannelScores | None = None,
    norm: str = "unit",
) -> list[FirstStep]:
    """One row for each of `sets`, which are fixed, and of `selectors`, which choose on the half of the step.

    A selector is `random` (the mean of 5 draws), or one of `ict.selection.by_gradient`; scores for
    `energy_read_gradient_write` are of all images. Raises InputError for sets of other blocks, gradients of
    one part, parts without images, and what `select_by_gradient` refuses.
    """
    choosers = Choosers(gradients, site=site, k=k, ratio=ratio, energy=energy)
    if alike := sets.keys() & {*selectors, BEST}:
        raise InputError(f"a set is called {min(alike)}, as a selector is: give it another name")
    candidates = {name: [_fixed(one, choosers)] for name, one in sets.items()}
    for name in selectors:
        candidates[name] = _draws(choosers) if name == RANDOM else [choosers.of(name)]
    gains = _gains(choosers, {BEST: [choosers.of(BEST)], **candidates}, norm)
    ks = {name: _widths_read(one) for name, one in sets.items()}
    return [
        _row(name, norm, ks.get(name, choosers.ks), gains[name], gains[BEST]) for name in candidates
    ]


def _fixed(selection: Selection, choosers: Choosers) -> Chooser:
    """What gives the sets of `selection`, whatever the gradient."""
    widths = [width for count, width in choosers.stages for _ in range(count)]
    sets = {
        one.block: (np.asarray(one.indices), np.asarray(one.written)) for one in selection.blocks
    }
    same = [(one.block, one.width) for one in selection.blocks] == list(enumerate(widths))
    if not same or selection.site != choosers.site:
        raise InputError(
            f"{selection.criterion or 'a selection'} has {len(sets)} blocks at {selection.site}, not the "
            f"{len(widths)} of the gradients at {choosers.site}: choose in all blocks of one backbone"
        )
    return lambda block, terms, k: sets[block]


def _draws(choosers: Choosers) -> list[Chooser]:
    meta = choosers.gradients.meta
    drawn = (
        select_random(
            choosers.stages, site=choosers.site, ks=choosers.ks, blocks=None, seed=seed,
            task=meta.get("task"),
        )
        for seed in range(DRAWS)
    )  # fmt: skip
    return [_fixed(one, choosers) for one in drawn]


def _widths_read(selection: Selection) -> tuple[int, ...]:
    """How many channels are read in a block of each stage, at most."""
    most: dict[int, int] = {}
    for one in selection.blocks:
        most[one.stage] = max(most.get(one.stage, 0), len(one.indices))
    return tuple(most.values())


def _row(
    name: str, norm: str, k: tuple[int, ...], gains: np.ndarray, best: np.ndarray
) -> FirstStep:
    """The row of a candidate's gains, the first of which is in-sample."""
    held_out, of_best = gains[1:], best[1:]
    mean = float(held_out.mean() / of_best.mean()) if of_best.mean() > 0 else np.nan
    nothing = np.full(len(of_best), np.nan)
    relative = np.divide(held_out, of_best, out=nothing, where=of_best > 0)
    return FirstStep(
        name=name,
        norm=norm,
        k=k,
        predicted=float(gains[0]),
        held_out=float(held_out.mean()),
        lowest=float(held_out.min()),
        highest=float(held_out.max()),
        relative_to_best=mean,
        relative_lowest=float(relative.min()),
        relative_highest=float(relative.max()),
        regret=1 - mean,
        halvings=len(held_out) // 2,
    )


def _both_ways(gradients: AdapterGradients) -> list[Halves]:
    """All images as A and as B, which is in-sample; then (A, B) and (B, A) of each halving."""
    halves = [pair for a, b in gradients.halvings() for pair in ((a, b), (b, a))]
    if not all(gradients.count(one) for pair in halves for one in pair):
        raise InputError("a half of the gradients has no images; score more images")
    return [(gradients.parts, gradients.parts), *halves]


def _gains(
    choosers: Choosers, candidates: Mapping[str, list[Chooser]], norm: str
) -> dict[str, np.ndarray]:
    """The gain per image of each candidate on each pair of halves, the mean of its draws."""
    gradients = choosers.gradients
    halves = _both_ways(gradients)
    sums = {name: np.zeros((2, len(drawn), len(halves))) for name, drawn in candidates.items()}
    for at, ours, theirs in _blocks_of_halves(gradients, choosers.site, halves):
        terms, k = terms_of(ours, norm), choosers.ks[ours.stage]
        for name, drawn in candidates.items():
            for draw, choose in enumerate(drawn):
                reads, writes = choose(ours.block, terms, k)
                sums[name][:, draw, at] += _products(ours, theirs, norm, (reads, writes))
    images = np.array([gradients.count(b) for _, b in halves])
    return {
        name: (_per_step(both[0], both[1], norm) / images).mean(axis=0)
        for name, both in sums.items()
    }


def _blocks_of_halves(
    gradients: AdapterGradients, site: str, halves: Sequence[Halves]
) -> Iterator[tuple[int, BlockGradient, BlockGradient]]:
    """Each block and pair of halves: the pair's place, and the sums over A and B; one block is held."""
    for parts in zip(
        *(gradients.each_block(site, [part]) for part in gradients.parts), strict=True
    ):
        for at, (a, b) in enumerate(halves):
            yield at, _sum([parts[i] for i in a]), _sum([parts[i] for i in b])


def _sum(parts: Sequence[BlockGradient]) -> BlockGradient:
    weight = sum(one.weight for one in parts)
    bias = sum(one.bias for one in parts)
    return replace(parts[0], weight=np.asarray(weight), bias=np.asarray(bias))


def _products(
    ours: BlockGradient, theirs: BlockGradient, norm: str, sets: Sets
) -> tuple[float, float]:
    """⟨step of A, gradient of B⟩ on the chosen pairs, before the step has length 1, and its ‖·‖²."""
    reads, writes = sets
    a, b = (
        np.column_stack([one.weight[np.ix_(writes, reads)], one.bias[writes]])
        for one in (ours, theirs)
    )
    step = a if norm == "unit" else np.sign(a)
    return float((step * b).sum()), float((a * a).sum())


def _per_step(products: np.ndarray, squares: np.ndarray, norm: str) -> np.ndarray:
    """The gain of the step itself: of length 1 where that is its norm. A step of length 0 gains nothing."""
    if norm == "sign":
        return products
    lengths = np.sqrt(squares)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
