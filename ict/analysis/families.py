"""Which score files can be held against each other: tasks by one criterion, criteria on one task."""

from collections.abc import Iterable

from ict.criteria import choice, is_ranking
from ict.documents.score_record import ScoreRecord

_SAME_IMAGES = (
    "task", "backbone", "weights", "split", "images", "data", "pixel_normalisation", "image_size",
)  # fmt: skip


def of_tasks(records: Iterable[ScoreRecord]) -> dict[str, list[ScoreRecord]]:
    """Score files of two tasks or more, one a task, by what they have in common; rankings alone.

    Of several of one task the one with per-image sums is taken, then that of most images.
    """
    families: dict[str, dict[str, ScoreRecord]] = {}
    for record in filter(_ranks, records):
        tasks = families.setdefault(_criterion_family(record), {})
        task = str(record.task)
        if task not in tasks or _richness(record) > _richness(tasks[task]):
            tasks[task] = record
    return {name: list(tasks.values()) for name, tasks in families.items() if len(tasks) > 1}


def of_criteria(records: Iterable[ScoreRecord]) -> dict[str, list[ScoreRecord]]:
    """Score files of two criteria or more on the same images, by what they have in common; rankings alone."""
    families: dict[tuple[str, ...], list[ScoreRecord]] = {}
    for record in filter(_ranks, records):
        if choice(record.criterion).selector != "lowest":  # the same ranking, reversed
            same = tuple(str(getattr(record, name)) for name in _SAME_IMAGES)
            families.setdefault(same, []).append(record)
    several = [own for own in families.values() if len({one.criterion for one in own}) > 1]
    return {_task_family(own[0]): own for own in several}


def _ranks(record: ScoreRecord) -> bool:
    return is_ranking(record.criterion)


def _richness(record: ScoreRecord) -> tuple[bool, int]:
    return record.keep_images, record.images or 0


def _criterion_family(record: ScoreRecord) -> str:
    name = " · ".join(part for part in (record.backbone, record.criterion) if part)
    name += " · random weights" if record.is_random else ""
    return name + (f" · {record.tokens} tokens" if record.tokens not in (None, "patch") else "")


def _task_family(record: ScoreRecord) -> str:
    parts = [record.task, record.backbone, record.split, f"{record.images} images"]
    parts += ["random weights"] if record.is_random else []
    return " · ".join(part for part in parts if part)
