"""What *Channels* shows: a run's scores with its choice, or a score file. Nothing draws here."""

import os
from dataclasses import dataclass
from fractions import Fraction

from ict.documents.score_record import ScoreRecord
from ict.figures.sources import Source as Scored
from ict.figures.sources import (
    by_stage,
    chosen,
    comparable,
    default_ks,
    marks,
    ranked_in_block,
)
from ict.figures.theme import PlotlyJSON
from ict.selection import Selection
from ict.store import Store
from ict.store.names import meta_file
from ict_app.common import readers, words

__all__ = [
    "RATIOS", "Source", "boxed", "by_stage", "chosen", "comparable", "default_ks", "marks",
    "open_source", "options", "ranked_in_block",
]  # fmt: skip
RATIOS = tuple(map(Fraction, "1/64 1/32 1/16 1/8 3/16 1/4 3/8 1/2 3/4 1".split()))


@dataclass(frozen=True, kw_only=True)
class Source(Scored):
    """Scores that a page shows: by which key of `options`, under which label, from which file."""

    key: str
    label: str
    stamp: readers.Stamp

    def origin(self) -> str:
        """Which images the scores came from: task, split, images, classes, tokens, weights."""
        record, per_class = self.record, self.record.images_per_class
        span = dict.fromkeys((min(per_class), max(per_class))) if per_class else {}
        each = f", {' to '.join(map(str, span))} images each" if span else ""
        words_ = f"{self.criterion} of {words.count(record.images)} images of {self.task}"
        words_ += f" ({record.split}; {words.count(record.classes)} classes{each})"
        words_ += f", {record.tokens or 'patch'} tokens, site {self.site}"
        return words_ + (", random weights" if record.is_random else "")


def options(shown: Store) -> dict[str, str]:
    """Keys and labels of all that can be shown: finished runs with scores first, then score files."""
    records = readers.scores_of(shown)
    scored = readers.score_names(records)
    rows = readers.run_rows(shown)
    names = readers.run_names(rows)
    runs = {row.run_id: "run   " + names[row.run_id] for row in rows if row.score_id in scored}
    files = {score_id: f"scores   {name}" for score_id, name in scored.items()}
    return runs | files


def open_source(shown: Store, key: str, site: str | None = None) -> Source:
    """The scores behind a key of `options`; InputError if they cannot be read."""
    own: Selection | None = None
    score_id, file_site = key, site
    label = key
    if not os.path.isfile(meta_file(shown.score_dir(key))):
        run = shown.run(key)
        result = run.result()
        score_id = str(result.score_id if result else None)
        own = readers.selection(run)
        file_site = site or run.config.get("score_site")
        label = run.id
    scores = readers.channel_scores(shown, score_id)
    site_ = file_site if file_site in scores.sites else scores.sites[0]
    folder = shown.score_file(score_id)
    return Source(
        key=key,
        label=label,
        scores=scores,
        site=site_,
        record=ScoreRecord.of(scores.meta, score_id=score_id),
        stamp=readers.stamp(folder),
        own=own,
    )


@dataclass(frozen=True)
class Boxed:
    """A channel inside a box that was drawn on the map."""

    block: int
    channel: int
    score: float
    chosen: bool


@dataclass(frozen=True)
class Box:
    """A box on the map: blocks and channels from corner to corner, and the axis it was drawn on."""

    channels: tuple[float, float]
    blocks: tuple[float, float]
    axis: str

    @classmethod
    def drawn(cls, box: PlotlyJSON) -> "Box":
        """As Plotly tells of a selection."""
        low, high = sorted(box["x"])
        first, last = sorted(box["y"])
        return cls((low, high), (first, last), str(box.get("yref", "y")))


def boxed(source: Source, box: Box, picked: set[tuple[int, int]]) -> list[Boxed]:
    """The channels inside a box drawn on the map, best first within each block."""
    inside: list[Boxed] = []
    (first, last), (low, high) = box.blocks, box.channels
    start = 0
    for stage, scores in enumerate(source.stages):
        rows = range(len(scores)) if _axis(stage) == box.axis else ()
        for block in (start + i for i in rows if first <= start + i <= last):
            inside += [
                Boxed(block, channel, float(score), (block, channel) in picked)
                for channel, score in enumerate(scores[block - start])
                if low <= channel <= high
            ]
        start += len(scores)
    return sorted(inside, key=lambda one: (one.block, -one.score))


def _axis(stage: int) -> str:
    return "y" if stage == 0 else f"y{stage + 1}"
