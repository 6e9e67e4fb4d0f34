"""Each pair of tasks over all blocks: its index, and which share of the noise ceiling it reaches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ict.analysis.overlap_row import CeilingRow, OverlapRow, mean_index
from ict.analysis.verdicts import DIFFERENT, UNTOLD


@dataclass(frozen=True, kw_only=True)
class PairRatio:
    """What two tasks share over all blocks. None: no noise ceiling is known, or it has no interval."""

    pair: tuple[str, str]
    overlap: float
    """Shared channels, mean over blocks."""
    kuncheva: float
    """NaN where a block chose all channels."""
    ratio: float | None
    """To the noise ceiling, both on halves of the images; its 95 % interval is over splits into halves."""
    low: float | None
    high: float | None

    @property
    def verdict(self) -> str:
        """Whether the pair lies below (or above) the noise ceiling by its interval."""
        if self.low is None or self.high is None:
            return UNTOLD
        if self.low <= 1 <= self.high:
            return UNTOLD
        return f"{DIFFERENT}, {'below' if self.high < 1 else 'above'} it"


def pair_ratios(rows: Sequence[OverlapRow]) -> list[PairRatio]:
    """One a pair, in the order of their first rows."""
    by_pair: dict[tuple[str, str], list[OverlapRow]] = {}
    for row in rows:
        by_pair.setdefault(row.pair, []).append(row)
    return [_of_pair(pair, own) for pair, own in by_pair.items()]


def _of_pair(pair: tuple[str, str], rows: Sequence[OverlapRow]) -> PairRatio:
    known = next((row for row in rows if isinstance(row, CeilingRow)), None)
    return PairRatio(
        pair=pair,
        overlap=float(np.mean([row.overlap for row in rows])),
        kuncheva=mean_index(rows),
        ratio=None if known is None else known.total_ratio,
        low=None if known is None else known.total_ratio_low,
        high=None if known is None else known.total_ratio_high,
    )
