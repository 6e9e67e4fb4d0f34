"""Where a channel stands among those of its block, in one score file, in two, in many."""

from dataclasses import dataclass

import numpy as np

from ict.documents.score_record import ScoreRecord
from ict.scores import ranked


@dataclass(frozen=True, kw_only=True)
class SharedChannel:
    """A channel that two rankings have among their first K, with its rank (from 1) in both."""

    channel: int
    a: int
    b: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a channel stands by one score file."""

    score_id: str
    task: str | None
    criterion: str | None
    rank: int
    score: float
    images: int | None
    stronger_than: float
    """The share of the other channels that it outranks: 1 for the strongest, 0 for the weakest."""


def rank_of(scores: np.ndarray, channel: int) -> int:
    """Rank of a channel by scores (D,): 1 is the highest, and equal scores share the better rank."""
    return int((scores > scores[channel]).sum()) + 1


def standing(scores: np.ndarray, channel: int, record: ScoreRecord) -> Standing:
    """Where a channel stands by scores (D,) of the file of `record`."""
    rank = rank_of(scores, channel)
    return Standing(
        score_id=record.score_id,
        task=record.task,
        criterion=record.criterion,
        rank=rank,
        score=float(scores[channel]),
        images=record.images,
        stronger_than=(len(scores) - rank) / max(len(scores) - 1, 1),
    )


def shared_channels(a: np.ndarray, b: np.ndarray, k: int) -> list[SharedChannel]:
    """Channels among the top K of two score vectors (D,), in the order of the first."""
    ranks_a, ranks_b = _ranks(a), _ranks(b)
    shared = [
        SharedChannel(channel=int(channel), a=int(ranks_a[channel]), b=int(ranks_b[channel]))
        for channel in np.flatnonzero((ranks_a <= k) & (ranks_b <= k))
    ]
    return sorted(shared, key=lambda one: one.a)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks (D,) from 1; a tie goes to the lower index, as the choice of channels does."""
    ranks = np.empty(len(scores), dtype=int)
    ranks[ranked(scores)] = np.arange(1, len(scores) + 1)
    return ranks
