"""Scores at one site with the choice that is marked on them: what maps, profiles and pages draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ict.catalogue import RATIO
from ict.criteria import CRITERION
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import Selection, resolve_k, select

MARKER_LIMIT = 4000  # beyond it a browser takes longer to draw marks than a slider may
MOST_COLUMNS = 200  # of a class map; more would be thinner than a pixel on a narrow screen


@dataclass(frozen=True, kw_only=True)
class Source:
    """Scores at one site with where they come from; `own` is the choice of a run."""

    scores: ChannelScores
    site: str
    record: ScoreRecord
    """What the score file says, with its score_id."""
    own: Selection | None = None

    @property
    def stages(self) -> list[np.ndarray]:
        return self.scores.site(self.site)

    @property
    def widths(self) -> list[int]:
        return [stage.shape[1] for stage in self.stages]

    @property
    def blocks(self) -> int:
        return sum(len(stage) for stage in self.stages)

    @property
    def task(self) -> str:
        return self.record.task or "?"

    @property
    def criterion(self) -> str:
        return self.record.criterion or "score"

    @property
    def class_unit(self) -> str:
        """What a score for single classes is, in words."""
        norm = self.criterion == CRITERION
        return "L2 norm over the class" if norm else f"{self.criterion} of the class"

    def own_ks(self) -> tuple[int, ...] | None:
        """K of each stage as the run chose; None for a score file, where blocks were left out, or differ."""
        if self.own is None or len(self.own.blocks) != self.blocks:
            return None
        return self.own.stage_ks()

    def place(self, block: int) -> tuple[int, int]:
        """Stage, and block within the stage, of a block that is counted over all stages."""
        if block >= 0:
            within = block
            for stage, rows in enumerate(self.stages):
                if within < len(rows):
                    return stage, within
                within -= len(rows)
        raise InputError(f"block {block}: there are blocks 0 to {self.blocks - 1}")

    def row(self, block: int) -> np.ndarray:
        """Scores (D,) of a block."""
        stage, within = self.place(block)
        return np.asarray(self.stages[stage][within])

    def by_class(self, block: int) -> np.ndarray | None:
        """Scores (C, D) of a block for each class; None where the criterion has none."""
        stage, within = self.place(block)
        values = self.scores.arrays.get(f"{self.site}.{stage}.per_class")
        return None if values is None else np.asarray(values[within])


def chosen(source: Source, ks: Sequence[int], order: str) -> Selection:
    """The run's own choice when it has those K, else what `order` would choose."""
    if order == "own" and source.own is not None and source.own_ks() in (None, tuple(ks)):
        return source.own
    return select(
        source.scores, site=source.site, k=list(ks), order="top" if order == "own" else order
    )


def default_ks(source: Source, ratio: float = RATIO) -> tuple[int, ...]:
    """K of the run, or a share of the channels, an eighth by default."""
    return source.own_ks() or resolve_k(source.widths, k=None, ratio=ratio)


def by_stage(
    source: Source, selection: Selection, *, written: bool = False
) -> list[list[list[int]]]:
    """Indices by stage and block of the stage; empty for blocks that are left out.

    `written` gives what is written, where that is another set than what is read, and [] elsewhere.
    """
    chosen_by_block = {
        block.block: list((block.writes or ()) if written else block.indices)
        for block in selection.blocks
    }
    result, block = [], 0
    for rows in source.stages:
        result.append([chosen_by_block.get(block + i, []) for i in range(len(rows))])
        block += len(rows)
    return result


def marks(
    source: Source, selection: Selection, *, written: bool = False
) -> list[list[list[int]]] | None:
    """What a map marks: the chosen channels, read or `written`; None where they are more than can be seen."""
    stages = by_stage(source, selection, written=written)
    return stages if sum(len(b) for stage in stages for b in stage) <= MARKER_LIMIT else None


def chosen_in_block(selection: Selection, block: int) -> list[int]:
    return next((list(b.indices) for b in selection.blocks if b.block == block), [])


def ranked_in_block(source: Source, selection: Selection, block: int) -> list[int]:
    """The chosen channels of a block, the highest score first, as many as a class map shows."""
    scores = source.row(block)
    return sorted(chosen_in_block(selection, block), key=lambda c: -scores[c])[:MOST_COLUMNS]


def comparable(a: Source, b: Source) -> str | None:
    """Why the channels of two sources cannot be compared one by one; None if they can."""
    for name in ("backbone", "weights"):
        if getattr(a.record, name) != getattr(b.record, name):
            return f"They are of different {name}: a channel's number means nothing across them."
    if a.site != b.site:
        return f"They are of different sites ({a.site}, {b.site})."
    return None
