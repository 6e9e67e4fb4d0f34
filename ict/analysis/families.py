"""Which score files can be held against each other: tasks by one criterion, criteria on one task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ict.catalogue import SITE
from ict.criteria import ADAPTER_GRADIENT, CRITERION, choice, is_ranking
from ict.documents.identity import REQUESTS
from ict.documents.score_record import ScoreRecord

_SAME_IMAGES = (
    "task", "backbone", "weights", "split", "images", "data", "pixel_normalisation", "image_size",
)  # fmt: skip
_SAME_WAY = ("backbone", "weights", "criterion", "image_size", "pixel_normalisation", "options")
_SAME_REQUEST = (
    *_SAME_WAY, "task", "data", "split", "images", "limit", "limit_rule", "shots", "shot_seed",
)  # fmt: skip
_SAME_PART = tuple(name for name in _SAME_REQUEST if name not in ("criterion", "options"))


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What the scores of a task are held against: those of other tasks, and its own of class tokens."""

    tasks: Sequence[ScoreRecord] = ()
    """Scored in the same way, one file a task, in the order of their names."""
    cls: ScoreRecord | None = None
    """The same request with tokens `cls`."""


def beside(own: ScoreRecord, records: Iterable[ScoreRecord], *, site: str) -> Beside:
    """What of `records` the scores `own` can be held against at `site`.

    Of several files of another task that of the same split is taken, then that of most images.
    Random scores are held against nothing: they know no task.
    """
    if choice(own.criterion).criterion is None:
        return Beside()
    there = [one for one in records if site in one.sites and one.score_id != own.score_id]
    tasks: dict[str, ScoreRecord] = {}
    for one in there:
        if one.task in (None, own.task) or not _same(own, one, (*_SAME_WAY, "tokens")):
            continue
        before = tasks.setdefault(str(one.task), one)
        tasks[str(one.task)] = max(before, one, key=lambda each: _nearness(own, each))
    cls = [one for one in there if one.tokens == "cls" and _same(own, one, _SAME_REQUEST)]
    return Beside(
        tasks=tuple(tasks[name] for name in sorted(tasks)),
        cls=min(cls, key=lambda one: one.score_id) if cls and own.tokens != "cls" else None,
    )


def _same(a: ScoreRecord, b: ScoreRecord, names: Sequence[str]) -> bool:
    return all(_said(a, name) == _said(b, name) for name in names)


def _said(record: ScoreRecord, name: str) -> Any:
    """What the file says, or what it means where a version that had no such field wrote it."""
    value = record.said.get(name)
    return value if value not in (None, {}) else REQUESTS.get(name)


def _nearness(own: ScoreRecord, other: ScoreRecord) -> tuple[bool, int, str]:
    return other.split == own.split, other.images or 0, other.score_id


def of_tasks(records: Iterable[ScoreRecord]) -> dict[str, list[ScoreRecord]]:
    """Score files of two tasks or more, one a task, by what they have in common; rankings alone.

    Of several of one task the one with per-image sums is taken, then that of most images, then
    one without a limit. Families of the paper's criterion over its own tokens come first.
    """
    families: dict[str, dict[str, ScoreRecord]] = {}
    for record in filter(_ranks, records):
        tasks = families.setdefault(_criterion_family(record), {})
        task = str(record.task)
        if task not in tasks or _richness(record) > _richness(tasks[task]):
            tasks[task] = record
    several = [(name, [*tasks.values()]) for name, tasks in families.items() if len(tasks) > 1]
    return dict(sorted(several, key=lambda family: not _is_plain(family[1][0])))


def _is_plain(record: ScoreRecord) -> bool:
    return record.criterion == CRITERION and record.tokens in (None, "patch")


def of_criteria(records: Iterable[ScoreRecord]) -> dict[str, list[ScoreRecord]]:
    """Score files of two criteria or more on the same images, by what they have in common; rankings alone."""
    families: dict[tuple[str, ...], list[ScoreRecord]] = {}
    for record in filter(_ranks, records):
        if choice(record.criterion).selector != "lowest":  # the same ranking, reversed
            same = tuple(str(getattr(record, name)) for name in _SAME_IMAGES)
            families.setdefault(same, []).append(record)
    several = [own for own in families.values() if len({one.criterion for one in own}) > 1]
    return {_task_family(own[0]): own for own in several}


def gradients_of(records: Iterable[ScoreRecord]) -> list[ScoreRecord]:
    """The score files with gradients of adapters beside them."""
    return [record for record in records if record.criterion == ADAPTER_GRADIENT]


def rankings_beside(
    gradients: ScoreRecord, records: Iterable[ScoreRecord], *, site: str
) -> list[ScoreRecord]:
    """The rankings at `site` of the images, backbone and weights that gradients of adapters are of."""
    return [
        one
        for one in filter(_ranks, records)
        if choice(one.criterion).selector == "top"
        and site in (one.sites or (SITE,))
        and _same(gradients, one, _SAME_PART)
    ]


def criterion_name(record: ScoreRecord, records: Sequence[ScoreRecord]) -> str:
    """The criterion, with the tokens and the end of the id where it stands for several files."""
    name = str(record.criterion)
    alike = [other for other in records if other.criterion == record.criterion]
    if len(alike) > 1:
        name += f", {record.tokens} tokens"
    if len([other for other in alike if other.tokens == record.tokens]) > 1:
        name += f", {record.score_id[-6:]}"
    return name


def _ranks(record: ScoreRecord) -> bool:
    return is_ranking(record.criterion)


def _richness(record: ScoreRecord) -> tuple[bool, int, bool]:
    return record.keep_images, record.images or 0, record.said.get("limit") is None


def _criterion_family(record: ScoreRecord) -> str:
    name = " · ".join(part for part in (record.backbone, record.criterion) if part)
    name += " · random weights" if record.is_random else ""
    return name + (f" · {record.tokens} tokens" if record.tokens not in (None, "patch") else "")


def _task_family(record: ScoreRecord) -> str:
    parts = [record.task, record.backbone, record.split, f"{record.images} images"]
    parts += ["random weights"] if record.is_random else []
    return " · ".join(part for part in parts if part)
