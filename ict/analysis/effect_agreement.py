"""Does a score order channels by what replacing them does? Spearman's correlation with its interval.

A block of a few channels tells next to nothing alone, so the blocks are pooled too: channels are ranked
within their block, for scores and effects both differ between blocks by orders of size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from ict.documents.json_form import JsonForm
from ict.store.causal_files import ChannelEffect

LEAST = 5
"""Channels of a block from which on its own correlation is told, with its interval."""
THIRDS = 3
"""Early, middle and late blocks, where single ones have too few channels."""


@dataclass(frozen=True, kw_only=True)
class EffectCorrelation(JsonForm):
    """Spearman's correlation of the score by a criterion with the size of the effect."""

    criterion: str
    block: int | None
    """None: all blocks, ranked within each."""
    spearman: float
    low: float
    high: float
    """The 95 % interval; NaN where there are too few channels for one."""
    n: int
    """Channels."""
    last_block: int | None = None
    """Of blocks that follow each other, from `block` on, ranked within each; None for one block."""


def effect_correlations(
    effects: Sequence[ChannelEffect], criteria: Sequence[str]
) -> list[EffectCorrelation]:
    """By criterion: all blocks pooled, and each block that has at least `LEAST` channels.

    Where none has so many, blocks are pooled in early, middle and late ones.
    """
    blocks = sorted({one.block for one in effects})
    rows = []
    for criterion in criteria:
        ranked = [_ranks([one for one in effects if one.block == b], criterion) for b in blocks]
        kept = [(b, pair) for b, pair in zip(blocks, ranked, strict=True) if pair.shape[1] >= 2]
        if not kept:
            continue
        rows.append(_correlation(criterion, None, [pair for _, pair in kept]))
        single = [_correlation(criterion, b, [pair]) for b, pair in kept if pair.shape[1] >= LEAST]
        rows += single or _of_thirds(criterion, kept)
    return rows


def _of_thirds(criterion: str, kept: Sequence[tuple[int, np.ndarray]]) -> list[EffectCorrelation]:
    """Of early, middle and late blocks; none where that leaves single blocks, or no interval."""
    parts = np.array_split(np.arange(len(kept)), THIRDS) if len(kept) >= 2 * THIRDS else []
    rows = [
        _correlation(
            criterion, kept[part[0]][0], [kept[i][1] for i in part], last=kept[part[-1]][0]
        )
        for part in parts
    ]
    return [row for row in rows if math.isfinite(row.low)]


def _ranks(effects: Sequence[ChannelEffect], criterion: str) -> np.ndarray:
    """Ranks (2, n) within a block of scores and effects, centred, each on −1 … 1."""
    pairs = np.array([(one.scores[criterion], one.effect_size) for one in effects], dtype=float)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    ranks = stats.rankdata(pairs, axis=0).T
    return (ranks - ranks.mean(axis=1, keepdims=True)) / max(len(pairs) - 1, 1) * 2


def _correlation(
    criterion: str, block: int | None, ranked: Sequence[np.ndarray], *, last: int | None = None
) -> EffectCorrelation:
    a, b = np.concatenate(ranked, axis=1)
    length = math.sqrt(float(a @ a) * float(b @ b))
    value = float(a @ b) / length if length else math.nan
    low, high = interval(value, n=len(a), groups=len(ranked))
    return EffectCorrelation(
        criterion=criterion, block=block, spearman=value, low=low, high=high, n=len(a),
        last_block=last,
    )  # fmt: skip


def interval(value: float, *, n: int, groups: int = 1, level: float = 0.95) -> tuple[float, float]:
    """Of Spearman's correlation of n pairs: Fisher's z with standard error √((1 + r²/2) / (n − 3)).

    Source: Bonett and Wright 2000. Each group in which ranks are taken, after the first, costs one
    degree more, as a variable that is partialled out does. NaN without a degree left.
    """
    degrees = n - 2 - groups
    if degrees < 1 or not math.isfinite(value):
        return math.nan, math.nan
    if abs(value) >= 1:
        value = math.copysign(1 - 1e-12, value)
    half = float(special.ndtri((1 + level) / 2)) * math.sqrt((1 + value**2 / 2) / degrees)
    z = math.atanh(value)
    return math.tanh(z - half), math.tanh(z + half)
