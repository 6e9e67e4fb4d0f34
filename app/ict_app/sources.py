"""What *Channels* shows: a run's scores with its choice, or a score file. Nothing draws here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ict.analysis.chance import chance
from ict.analysis.overlap import coefficient, count, kuncheva, masks_of
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import Selection, resolve_k, select
from ict.store import Store
from ict_app import readers, words

RATIOS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0)


@dataclass(frozen=True)
class Source:
    """Scores at one site with where they come from; `own` is the choice of a run."""

    key: str
    label: str
    scores: ChannelScores
    site: str
    meta: dict[str, Any]
    stamp: readers.Stamp
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
        return str(self.meta.get("task", "?"))

    @property
    def criterion(self) -> str:
        return str(self.meta.get("criterion", "score"))

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

    def own_ks(self) -> tuple[int, ...] | None:
        """K of each stage as the run chose; None for a score file, or where blocks were left out."""
        if self.own is None or len(self.own.blocks) != self.blocks:
            return None
        by_stage = {block.stage: len(block.indices) for block in self.own.blocks}
        return tuple(by_stage[stage] for stage in sorted(by_stage))

    def place(self, block: int) -> tuple[int, int]:
        """Stage, and block within the stage, of a block that is counted over all stages."""
        for stage, rows in enumerate(self.stages):
            if block < len(rows):
                return stage, block
            block -= len(rows)
        raise InputError(f"there are blocks 0 to {self.blocks - 1}")


def options(shown: Store) -> dict[str, str]:
    """Keys and labels of all that can be shown: finished runs with scores first, then score files."""
    metas = {meta["score_id"]: meta for meta in readers.scores_of(shown)}
    runs = {
        row["run_id"]: "run   " + words.run_label(row)
        for row in readers.run_rows(shown)
        if row.get("score_id") in metas
    }
    files = {score_id: "scores   " + words.score_label(meta) for score_id, meta in metas.items()}
    return runs | files


def open_source(shown: Store, key: str, site: str | None = None) -> Source:
    """The scores behind a key of `options`; InputError if they cannot be read."""
    own, score_id, wanted = None, key, site
    label = key
    if not (shown.score_dir(key) / "meta.json").is_file():
        run = shown.run(key)
        result = run.result()
        score_id = str(result.score_id if result else None)
        record = readers.selection(run)
        own = Selection.from_dict(record) if record else None
        wanted = site or run.config.get("score_site")
        label = run.id
    scores = readers.channel_scores(shown, score_id)
    chosen = wanted if wanted in scores.sites else scores.sites[0]
    folder = shown.score_dir(score_id) / "scores.safetensors"
    meta = {**scores.meta, "score_id": score_id}
    return Source(key, label, scores, chosen, meta, readers.stamp(folder), own)


def chosen(source: Source, ks: Sequence[int], order: str) -> Selection:
    """The run's own choice when it has those K, else what `order` would choose."""
    if order == "own" and source.own is not None and source.own_ks() in (None, tuple(ks)):
        return source.own
    return select(
        source.scores, site=source.site, k=list(ks), order="top" if order == "own" else order
    )


def default_ks(source: Source) -> tuple[int, ...]:
    """K of the run, or an eighth of the channels."""
    return source.own_ks() or resolve_k(source.widths, k=None, ratio=0.125)


def by_stage(source: Source, selection: Selection) -> list[list[list[int]]]:
    """Indices by stage and block of the stage; empty for blocks that are left out."""
    found = {block.block: list(block.indices) for block in selection.blocks}
    result, block = [], 0
    for rows in source.stages:
        result.append([found.get(block + i, []) for i in range(len(rows))])
        block += len(rows)
    return result


def comparable(a: Source, b: Source) -> str | None:
    """Why the channels of two sources cannot be compared one by one; None if they can."""
    for name in ("backbone", "weights"):
        if a.meta.get(name) != b.meta.get(name):
            return f"They are of different {name}: a channel's number means nothing across them."
    if a.site != b.site:
        return f"They are of different sites ({a.site}, {b.site})."
    return None


def overlap_rows(a: Source, b: Source, one: Selection, other: Selection) -> list[dict[str, Any]]:
    """Shared channels of two choices, block by block, with chance: rows for `overlap_lines`."""
    theirs = {block.block: block for block in other.blocks}
    rows = []
    for block in one.blocks:
        twin = theirs.get(block.block)
        if twin is None or twin.width != block.width or len(twin.indices) != len(block.indices):
            continue
        k, width = len(block.indices), block.width
        shared = int(count(masks_of(block.indices, width), masks_of(twin.indices, width)))
        floor = chance(k, width)
        rows.append(
            {
                "task_a": a.task, "task_b": b.task, "block": block.block, "k": k, "channels": width,
                "overlap": shared, "coefficient": float(coefficient(shared, k)),
                "kuncheva": float(kuncheva(shared, k, width)),
                "floor": floor.mean, "floor_low": floor.low, "floor_high": floor.high,
            }
        )  # fmt: skip
    return rows


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
