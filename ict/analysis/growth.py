"""Does the choice of two tasks still come closer with more images? Kept in the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from ict.analysis.cache import cached, kept
from ict.analysis.ceiling import GrowthRow, overlap_against_n
from ict.analysis.sources import Source, key_of
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.selection import resolve_k
from ict.store.store import Store

PARTS = (16, 8, 4, 2)  # shares of the images on which overlap is measured as their number grows


@dataclass(frozen=True, kw_only=True)
class GrowthSettings(JsonForm):
    """All that the growth of one pair's overlap depends on: what it is kept under."""

    scores: Sequence[str]
    ratio: float
    parts: Sequence[int] = PARTS


def growth_rows(
    a: Source, b: Source, *, ratio: float, store: Store | None = None
) -> list[GrowthRow]:
    """Overlap of two tasks scored on a sixteenth to a half of their images, kept in the store."""

    def compute() -> list[GrowthRow]:
        ks = resolve_k([s.shape[1] for s in a.scores()], k=None, ratio=ratio)
        fewest = min(len(a.labels), len(b.labels))
        sizes = [size for part in PARTS if (size := fewest // part) >= 2]
        return overlap_against_n(a.read(), b.read(), ks, sizes=sizes)

    settings = GrowthSettings(scores=[a.key, b.key], ratio=ratio)
    return cached(store, "growth", settings, compute, GrowthRow)


def kept_growth_rows(
    scores: Sequence[ScoreRecord], *, site: str, ratio: float, store: Store
) -> list[GrowthRow] | None:
    """What `growth_rows` gave for two score files; None if it never did."""
    settings = GrowthSettings(scores=[key_of(one, site) for one in scores], ratio=ratio)
    return kept(store, "growth", settings, GrowthRow)
