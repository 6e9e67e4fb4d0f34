"""Which score files can be held against each other: tasks by one criterion, criteria on one task."""

from collections.abc import Iterable, Sequence

from ict.catalogue import SITE
from ict.criteria import ADAPTER_GRADIENT, choice
from ict.documents.score_record import ScoreRecord

_SAME_IMAGES = (
    "task", "backbone", "weights", "split", "images", "data", "pixel_normalisation", "image_size",
)  # fmt: skip


def of_tasks(records: Iterable[ScoreRecord]) -> dict[str, list[ScoreRecord]]:
    """Score files of two tasks or more, one a task, by what they have in common.

    Of several of one task the one with per-image sums is taken, then that of most images.
    """
    families: dict[str, dict[str, ScoreRecord]] = {}
    for record in records:
        tasks = families.setdefault(_criterion_family(record), {})
        task = str(record.task)
        if task not in tasks or _richness(record) > _richness(tasks[task]):
            tasks[task] = record
    return {name: list(tasks.values()) for name, tasks in families.items() if len(tasks) > 1}


def of_criteria(records: Iterable[ScoreRecord]) -> dict[str, list[ScoreRecord]]:
    """Score files of two criteria or more on the same images, by what they have in common.

    Gradients of adapters are no ranking of channels.
    """
    families: dict[tuple[str, ...], list[ScoreRecord]] = {}
    for record in records:
        reversed_ = choice(record.criterion).selector == "lowest"  # the same ranking
        if not reversed_ and record.criterion != ADAPTER_GRADIENT:
            families.setdefault(_same(record), []).append(record)
    several = [own for own in families.values() if len({one.criterion for one in own}) > 1]
    return {_task_family(own[0]): own for own in several}


def beside(record: ScoreRecord, records: Iterable[ScoreRecord], site: str) -> list[ScoreRecord]:
    """Rankings at `site` of the images, backbone and weights that gradients of adapters are of."""
    own = (*_same(record), *_part(record))
    return [
        other
        for other in records
        if (*_same(other), *_part(other)) == own
        and site in (other.sites or (SITE,))
        and choice(other.criterion).selector == "top"
        and other.criterion != ADAPTER_GRADIENT
    ]


def gradients_of(records: Iterable[ScoreRecord]) -> list[ScoreRecord]:
    """The score files with gradients of adapters beside them."""
    return [record for record in records if record.criterion == ADAPTER_GRADIENT]


def criterion_name(record: ScoreRecord, records: Sequence[ScoreRecord]) -> str:
    """The criterion, with the tokens and the end of the id where it stands for several files."""
    name = str(record.criterion)
    alike = [other for other in records if other.criterion == record.criterion]
    if len(alike) > 1:
        name += f", {record.tokens} tokens"
    if len([other for other in alike if other.tokens == record.tokens]) > 1:
        name += f", {record.score_id[-6:]}"
    return name


def _same(record: ScoreRecord) -> tuple[str, ...]:
    return tuple(str(getattr(record, name)) for name in _SAME_IMAGES)


def _part(record: ScoreRecord) -> tuple[str, ...]:
    """Which part of the split's images was taken."""
    return tuple(str(record.said.get(name)) for name in ("limit", "shots", "shot_seed"))


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
