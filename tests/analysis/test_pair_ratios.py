"""What a pair shares over all blocks, and whether its interval lies below the noise ceiling."""

from dataclasses import fields

import pytest

from ict.analysis.overlap_row import CeilingRow, OverlapRow, shared_in_block
from ict.analysis.pair_ratios import pair_ratios
from ict.figures import findings


def row(pair: tuple[str, str], block: int, overlap: int) -> OverlapRow:
    return shared_in_block(pair, stage=0, block=block, k=24, channels=192, overlap=overlap)


def with_ceiling(plain: OverlapRow, ratio: float, low: float, high: float) -> CeilingRow:
    own = {one.name: getattr(plain, one.name) for one in fields(OverlapRow)}
    more = dict.fromkeys({one.name for one in fields(CeilingRow)} - own.keys())
    totals = {"total_ratio": ratio, "total_ratio_low": low, "total_ratio_high": high}
    return CeilingRow(**{**own, **more, **totals})


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.7, 0.9, "different, below it"), (0.9, 1.1, "not told by these data"), (1.1, 1.2, "different, above it")],
)  # fmt: skip
def test_a_pair_is_below_the_ceiling_only_by_its_interval(
    low: float, high: float, verdict: str
) -> None:
    (told,) = pair_ratios([with_ceiling(row(("a", "b"), 0, 10), (low + high) / 2, low, high)])
    assert told.verdict == verdict
    assert findings.of_pair(told).endswith(
        f"[{low:.2f} to {high:.2f}] of the noise ceiling: {verdict}"
    )


def test_what_is_said_of_a_pair_agrees_with_what_is_said_of_all() -> None:
    rows = [with_ceiling(row(("a", "b"), block, 10), 0.8, 0.7, 0.9) for block in range(3)]
    rows += [with_ceiling(row(("a", "c"), block, 20), 0.97, 0.9, 1.05) for block in range(3)]
    said = findings.of_overlap(rows)
    assert "0.80 to 0.97 of the noise ceiling: 1 of 2 pairs lie below it" in said
    assert [one.verdict.endswith("below it") for one in pair_ratios(rows)] == [True, False]
    assert [one.overlap for one in pair_ratios(rows)] == [10, 20]


def test_without_a_ceiling_nothing_is_said_of_noise() -> None:
    (told,) = pair_ratios([row(("a", "b"), 0, 3)])
    assert told.ratio is None
    assert findings.of_pair(told) == (
        "over all blocks Kuncheva's index is 0.00 (0 is chance), and no noise ceiling is known"
    )
