"""What *Channels* shows: a run's scores with its choice, or a score file. Nothing draws here."""

import os
from dataclasses import dataclass
from typing import Any

from ict.figures.sources import Source as Scored
from ict.figures.sources import (
    by_stage,
    chosen,
    comparable,
    default_ks,
    marks,
    overlap_rows,
    ranked_in_block,
)
from ict.store import Store
from ict.store.names import meta_file
from ict_app.common import readers, words

__all__ = [
    "RATIOS", "Source", "boxed", "by_stage", "chosen", "comparable", "default_ks", "marks",
    "open_source", "options", "overlap_rows", "ranked_in_block",
]  # fmt: skip
RATIOS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0)


@dataclass(frozen=True, kw_only=True)
class Source(Scored):
    """Scores that a page shows: by which key of `options`, under which label, from which file."""

    key: str
    label: str
    stamp: readers.Stamp

    def origin(self) -> str:
        """Which images the scores came from: task, split, images, classes, tokens, weights."""
        meta = self.meta
        per_class = meta.get("images_per_class") or []
        span = dict.fromkeys((min(per_class), max(per_class))) if per_class else {}
        each = f", {' to '.join(map(str, span))} images each" if span else ""
        words_ = f"{self.criterion} of {words.count(meta.get('images'))} images of {self.task}"
        words_ += f" ({meta.get('split')}; {words.count(meta.get('classes'))} classes{each})"
        words_ += f", {meta.get('tokens', 'patch')} tokens, site {self.site}"
        return words_ + (", random weights" if meta.get("weights") == "none" else "")


def options(shown: Store) -> dict[str, str]:
    """Keys and labels of all that can be shown: finished runs with scores first, then score files."""
    metas = {meta["score_id"]: meta for meta in readers.scores_of(shown)}
    runs = {
        row.run_id: "run   " + words.run_label(row)
        for row in readers.run_rows(shown)
        if row.score_id in metas
    }
    files = {score_id: "scores   " + words.score_label(meta) for score_id, meta in metas.items()}
    return runs | files


def open_source(shown: Store, key: str, site: str | None = None) -> Source:
    """The scores behind a key of `options`; InputError if they cannot be read."""
    own, score_id, wanted = None, key, site
    label = key
    if not os.path.isfile(meta_file(shown.score_dir(key))):
        run = shown.run(key)
        result = run.result()
        score_id = str(result.score_id if result else None)
        own = readers.selection(run)
        wanted = site or run.config.get("score_site")
        label = run.id
    scores = readers.channel_scores(shown, score_id)
    site_ = wanted if wanted in scores.sites else scores.sites[0]
    folder = shown.score_file(score_id)
    meta = {**scores.meta, "score_id": score_id}
    return Source(
        key=key,
        label=label,
        scores=scores,
        site=site_,
        meta=meta,
        stamp=readers.stamp(folder),
        own=own,
    )


def boxed(
    source: Source, box: dict[str, Any], picked: set[tuple[int, int]]
) -> list[dict[str, Any]]:
    """The channels inside a box drawn on the map, best first within each block."""
    low, high = sorted(box["x"])
    first, last = sorted(box["y"])
    rows = []
    start = 0
    for stage, scores in enumerate(source.stages):
        if _axis(stage) == box.get("yref", "y"):
            for i, row in enumerate(scores):
                block = start + i
                for channel in range(len(row)):
                    if first <= block <= last and low <= channel <= high:
                        rows.append(
                            {"block": block, "channel": channel, "score": float(row[channel]),
                             "chosen": (block, channel) in picked}
                        )  # fmt: skip
        start += len(scores)
    return sorted(rows, key=lambda row: (row["block"], -row["score"]))


def _axis(stage: int) -> str:
    return "y" if stage == 0 else f"y{stage + 1}"
