"""The time of a VTAB-1K task by phase: measured from what a run wrote, or computed from tasks like it.

Phases of a run, which add up to its seconds: `start` (from the end of the run before it until the run
knows its data: process, imports, digests of the files), `load` (decoding what is kept in memory),
`score`, `train`, `test` (with decoding, where the test set is streamed), `rest` (the model, writing).
"""

import datetime
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bench.vtab_images import NATIVE, counts
from ict.store import Run
from ict.store.run_result import RunResult
from ict.tasks.vtab import recipe


@dataclass(frozen=True, kw_only=True)
class Phases:
    """Seconds."""

    start: float
    load: float
    score: float
    train: float
    test: float
    rest: float

    @property
    def total(self) -> float:
        return sum(vars(self).values())


NAMES = tuple(field.name for field in fields(Phases))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One task. `measured` is False where its phases were computed."""

    task: str
    train_images: int
    test_images: int
    streamed: bool
    measured: bool
    phases: Phases

    @property
    def loaded(self) -> int:
        """Images decoded before training."""
        return self.train_images + (0 if self.streamed else self.test_images)

    def to_dict(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("task", "train_images", "test_images")}
        seconds = {f"{name}_seconds": getattr(self.phases, name) for name in (*NAMES, "total")}
        return {**own, "native": str(NATIVE[self.task]), "measured": self.measured, **seconds}


def size_of(task: str, scale: float, *, side: int, keep_bytes: int) -> dict[str, Any]:
    """Images of a task, and whether its test set is too large to be kept at `side` pixels."""
    of = counts(task, scale)
    streamed = of["test"] * 3 * side**2 > keep_bytes
    train = of["train800"] + of["val200"]
    return {"task": task, "train_images": train, "test_images": of["test"], "streamed": streamed}


def measured_phases(run: Run, begun: datetime.datetime) -> Phases:
    """Of a finished run; `begun` is when the run before it ended, or the study began."""
    result = run.result()
    if result is None:
        raise ValueError(f"{run.id} is not done")
    whole = (ended(result) - begun).total_seconds()
    parts = {name: _seconds(result, name) for name in ("load", "score", "train", "test")}
    known = _first_line(run)
    start = 0.0 if known is None else (known - begun).total_seconds()
    return Phases(start=start, **parts, rest=whole - start - sum(parts.values()))


def ended(result: RunResult) -> datetime.datetime:
    return datetime.datetime.fromisoformat(str(result.finished_at))


def _seconds(result: RunResult, phase: str) -> float:
    value = getattr(result, f"{phase}_seconds")
    return 0.0 if value is None else float(value)


def _first_line(run: Run) -> datetime.datetime | None:
    """When the run, knowing its data, wrote the device into its log."""
    for line in run.log_tail(1000).splitlines():
        moment, _, words = line.partition(" ")
        if words.startswith(f"{run.id} on "):
            return datetime.datetime.fromisoformat(moment)
    return None


def computed_row(size: dict[str, Any], measured: Sequence[Row]) -> Row:
    """A row by the measured time an image: of the task whose files are most like its own.

    Training and scoring: the median of tasks with the same augmentation (else of all), an image.
    Reading and testing: of the task with the nearest number of pixels a file among those whose test
    set is kept, or streamed, alike. Start and rest: the straight line over the number of files.
    """
    like = min(measured, key=lambda row: _distance(size, row))
    same = [row for row in measured if _augments(row.task) == _augments(size["task"])] or measured
    row = Row(**size, measured=False, phases=like.phases)
    images = row.train_images + row.test_images

    def an_image(phase: str) -> float:
        return statistics.median(getattr(one.phases, phase) / one.train_images for one in same)

    return Row(
        **size,
        measured=False,
        phases=Phases(
            start=_on_the_line("start", images, measured),
            load=like.phases.load / like.loaded * row.loaded,
            score=an_image("score") * row.train_images,
            train=an_image("train") * row.train_images,
            test=like.phases.test / like.test_images * row.test_images,
            rest=_on_the_line("rest", images, measured),
        ),
    )


def _distance(size: dict[str, Any], row: Row) -> tuple[bool, float]:
    mine, other = NATIVE[size["task"]], NATIVE[row.task]
    return size["streamed"] != row.streamed, abs(math.log(mine.pixels / other.pixels))


def _augments(task: str) -> bool:
    return bool((recipe(task) or {}).get("augment"))


def _on_the_line(phase: str, images: int, measured: Sequence[Row]) -> float:
    """Seconds for `images` files by least squares; the median where there is no rising line."""
    files = [row.train_images + row.test_images for row in measured]
    seconds = [float(getattr(row.phases, phase)) for row in measured]
    if len(set(files)) > 1:
        slope, constant = np.polyfit(files, seconds, 1)
        if slope > 0:
            return max(0.0, float(constant + slope * images))
    return statistics.median(seconds)


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: a row a task, and the sums."""
    head = ["task", "files", "training images", "test images", *NAMES, "total", ""]
    lines = ["| " + " | ".join(head) + " |", "|---" * 2 + "|---:" * (len(head) - 3) + "|---|"]
    for row in rows:
        seconds = [_short(getattr(row.phases, name)) for name in (*NAMES, "total")]
        own = [row.task, str(NATIVE[row.task]), f"{row.train_images:,}", f"{row.test_images:,}"]
        said = "measured" if row.measured else "computed"
        lines.append("| " + " | ".join([*own, *seconds, said]) + " |")
    sums = [_short(sum(getattr(row.phases, name) for row in rows)) for name in (*NAMES, "total")]
    told = "measured" if all(row.measured for row in rows) else "computed"
    images = [
        f"{sum(getattr(row, f'{kind}_images') for row in rows):,}" for kind in ("train", "test")
    ]
    return [*lines, "| " + " | ".join([f"**{len(rows)} tasks**", "", *images, *sums, told]) + " |"]


def _short(seconds: float) -> str:
    return f"{seconds:.1f}"
