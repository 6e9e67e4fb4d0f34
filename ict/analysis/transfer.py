"""Does task B lose when it is tuned on the channels that A chooses? Differences on the same seeds.

An overlap says which channels two tasks share; only training on the other's channels says whether
it matters. A run counts against one that differs in nothing but whose channels it tunes; controls
(chance, the lowest of the own scores) stand beside, because a loss means little if chance loses none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from ict.analysis.summary import paired_difference
from ict.config import FIELDS
from ict.criteria import choice, is_control
from ict.documents.json_form import JsonForm
from ict.methods.registry import chooses_channels
from ict.store.run_rows import RunRow, as_rows
from ict.tasks.others import is_generic
from ict.tasks.task import NOISE, OTHERS

WHOSE: Final = ("seed", "selection_seed", "draws_by_task", "score_task", "score_data")
_SCORES: Final = ("criterion", "tokens", "score_site", "score_split")  # what chance does not read


@dataclass(frozen=True, kw_only=True)
class TransferRow(JsonForm):
    """A task on the channels of a source minus on its own, over the seeds that both have."""

    task: str
    source: str
    """A task, `random`, `lowest`, `noise`, `others`; the latter by their names where a task has several such sets."""
    control: bool
    difference: float
    """Mean over seeds of accuracy there minus accuracy on its own, in percentage points."""
    low: float
    high: float
    """The 95 % paired t interval; NaN for n = 1."""
    n: int
    excludes_zero: bool
    accuracy: float
    """The mean there, a fraction."""
    own: float
    """The mean on its own channels."""
    seeds: list[Any]
    run_ids: list[str]
    run: RunRow
    """One of those on the own channels: its settings are those that the two share."""

    def to_dict(self) -> dict[str, Any]:
        """With the settings that the two share in place of the run."""
        form = super().to_dict()
        run: RunRow = form.pop("run")
        return form | {name: run.get(name) for name in FIELDS if name not in (*WHOSE, "task")}


def transfer_table(rows: Iterable[RunRow]) -> list[TransferRow]:
    """One row for each task, setting and foreign source of channels.

    Several draws of one seed count as their mean. Sources without a seed in common with the task's
    own runs are left out.
    """
    own, foreign, chance = _sorted_runs(rows)
    table = []
    for key, ours in own.items():
        sources = dict(foreign.get(key, {}))
        if drawn := chance.get(_key(ours[0], (*WHOSE, *_SCORES))):
            sources["random"] = drawn
        sets = {row.score_task for theirs in sources.values() for row in theirs}
        several = len([one for one in sets if is_generic(one)]) > 1
        for source, theirs in sources.items():
            named = source if several else _without_names(source, theirs[0])
            table += [row] if (row := _cell(named, theirs, ours)) else []
    return sorted(table, key=lambda row: (row.control, row.task, row.source))


def without_partner(rows: Iterable[RunRow], table: Sequence[TransferRow]) -> list[str]:
    """Ids of finished runs on another task's channels that no row of `table` holds."""
    paired = {run_id for row in table for run_id in row.run_ids}
    return [
        row.run_id
        for row in as_rows(rows)
        if _usable(row) and _source(row) is not None and not _is_control(row)
        if row.run_id not in paired
    ]  # fmt: skip


def _sorted_runs(
    rows: Iterable[RunRow],
) -> tuple[dict[Any, list[RunRow]], dict[Any, dict[str, list[RunRow]]], dict[Any, list[RunRow]]]:
    """Runs on the own channels, on those of a source, and on chance, by what they must share."""
    own: dict[Any, list[RunRow]] = defaultdict(list)
    foreign: dict[Any, dict[str, list[RunRow]]] = defaultdict(lambda: defaultdict(list))
    chance: dict[Any, list[RunRow]] = defaultdict(list)
    for row in as_rows(rows):
        if not _usable(row):
            continue
        source = _source(row)
        if source is None:
            own[_key(row, WHOSE)].append(row)
        elif source == "random":
            chance[_key(row, (*WHOSE, *_SCORES))].append(row)
        else:
            foreign[_key(row, WHOSE)][source].append(row)
    return own, foreign, chance


def _usable(row: RunRow) -> bool:
    return row.done and chooses_channels(row.method) and row.test_accuracy is not None


def _is_control(row: RunRow) -> bool:
    return is_control(row.criterion)


def _is_control_set(score_task: str | None) -> bool:
    """Whether channels are those of all other tasks, or of noise, and no single task's."""
    return is_generic(score_task) or score_task == NOISE


def _source(row: RunRow) -> str | None:
    """Whose channels a run tunes: a task, `others/A/B`, `random`, `lowest`; None for the task's own."""
    kind = choice(row.criterion).selector
    other = row.score_task if row.foreign else None
    if kind == "random":
        return kind
    if kind == "lowest":
        return f"lowest of {other}" if other else kind
    return other


def _without_names(source: str, row: RunRow) -> str:
    return source.replace(str(row.score_task), OTHERS) if is_generic(row.score_task) else source


def _key(row: RunRow, apart: Sequence[str]) -> tuple[str, ...]:
    """The configuration without the fields `apart`; `lowest:taylor` is a choice by taylor."""
    return tuple(
        _ranked_by(row) if name == "criterion" else str(row.get(name))
        for name in FIELDS
        if name not in apart
    )


def _ranked_by(row: RunRow) -> str:
    """The criterion; one that a gradient selector reads ranks nothing alone, and is a setting of its own."""
    one = choice(row.criterion)
    return str(row.criterion if one.reads_gradient else one.criterion)


def _cell(source: str, theirs: Sequence[RunRow], ours: Sequence[RunRow]) -> TransferRow | None:
    """One row of the table; None without a common seed."""
    on_theirs, on_own = _by_seed(theirs), _by_seed(ours)
    seeds = sorted(set(on_theirs) & set(on_own))
    if not seeds:
        return None
    paired = paired_difference(on_theirs, on_own)
    return TransferRow(
        task=str(ours[0].task),
        source=source,
        control=_is_control(theirs[0]) or _is_control_set(theirs[0].score_task),
        difference=paired.mean,
        low=paired.low,
        high=paired.high,
        n=paired.n,
        excludes_zero=bool(paired.low > 0 or paired.high < 0),
        accuracy=fmean(on_theirs[seed] for seed in seeds) / 100,
        own=fmean(on_own[seed] for seed in seeds) / 100,
        seeds=seeds,
        run_ids=[row.run_id for row in (*theirs, *ours) if row.seed in seeds],
        run=ours[0],
    )


def _by_seed(rows: Sequence[RunRow]) -> dict[Any, float]:
    """Mean accuracy of each seed, in percent."""
    values: dict[Any, list[float]] = defaultdict(list)
    for row in rows:
        values[row.seed].append(100 * float(row.get("test_accuracy")))
    return {seed: fmean(accuracies) for seed, accuracies in values.items()}
