"""Runs that differ in their seeds alone, as one group: the one place that says what n is.

Settings are the fields of `RunConfig` without the two seeds, whatever a result adds. What is
independent is the training seed: draws of random channels are averaged within it. With one seed and
several draws n counts draws, and the group says so. A method that reads no seed gives the same
numbers however often it is run: n = 1, and no interval.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from ict.analysis.columns import column, keys
from ict.analysis.intervals import Interval, sampling_half_width, t_interval
from ict.analysis.setting_words import (
    APART,
    DERIVED,
    FIRST,
    SETTINGS,
    key,
    number_of,
    told,
    words,
)
from ict.catalogue import known
from ict.methods.registry import find_method
from ict.store.run_rows import RunRow, as_rows

__all__ = [
    "APART", "DERIVED", "EXPLORATORY", "SETTINGS", "Group", "Seed", "by_seed", "draw_of", "has_epochs", "key",
    "over_seeds", "replicates", "seed_of", "telling", "told_apart", "varying", "varying_within", "words",
]  # fmt: skip
Seed = int | str | None
EXPLORATORY: Final = 3
_MEANS = ("adapter_parameters", "trainable_parameters", "train_seconds", "peak_memory_bytes")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of one setting. Accuracies are fractions; None where there is no value to tell."""

    setting: Mapping[str, Any]
    run_ids: tuple[str, ...]
    done: int
    seeds: tuple[int | str, ...]
    """Training seeds that were read: none for a method that reads none."""
    over: str | None
    """What n counts: `seeds`, `draws` (of random channels, at one seed), or None."""
    interval: Interval
    best: float | None
    sampling: float | None
    """Half the interval that the number of test images allows; seeds do not contain it."""
    means: Mapping[str, float | None]
    """Of parameters, seconds and memory."""

    @property
    def n(self) -> int:
        return self.interval.n

    def to_dict(self) -> dict[str, Any]:
        """One flat row: the settings, runs, done, n, over, mean, std, low, high, best, …"""
        interval = self.interval
        return {
            **self.setting,
            "runs": len(self.run_ids),
            "done": self.done,
            "n": interval.n,
            "over": self.over,
            "mean": told(interval.mean),
            "std": told(interval.sd),
            "low": told(interval.low),
            "high": told(interval.high),
            "best": self.best,
            "sampling": self.sampling,
            "exploratory": interval.n <= EXPLORATORY,
            **self.means,
            "seeds": list(self.seeds),
            "run_ids": list(self.run_ids),
        }


def over_seeds(
    rows: Iterable[RunRow],
    *,
    by: Sequence[str] = SETTINGS,
    value: str = "test_accuracy",
    ends: tuple[float, float] | None = None,
) -> list[Group]:
    """Groups of runs that agree in `by`, in the order of their first rows.

    `by` is every setting unless the caller has put settings into words of its own (a series of a
    figure). Runs without a `value` are counted and listed, nothing more. Intervals stop at `ends`, those
    of accuracies that are fractions at 0 and 1.
    """
    if ends is None and value.endswith("accuracy"):
        ends = 0.0, 1.0
    groups: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    members = as_rows(rows)
    for row, of in zip(members, keys(members, by, key), strict=True):
        groups[of].append(row)
    return [_group(members, by, value, ends) for members in groups.values()]


def seed_of(row: RunRow) -> Seed:
    """The training seed that a run read; None where its method reads none, whatever its folder says.

    An imported one may be a name, and of an imported method it is not known what it reads.
    """
    if row.source.startswith("imported"):
        return row.seed if isinstance(row.seed, str) else _whole(row.seed)
    method = find_method(row.method)
    return _whole(row.seed) if method is None or method.draws else None


def has_epochs(row: RunRow) -> bool:
    """Whether a run trains over epochs. A converged probe does not: its lines are values of C."""
    method = find_method(row.method)
    return method is None or method.trains_in_steps


def draw_of(row: RunRow) -> int | None:
    """The seed of the random choice of channels; None where there is nothing to choose."""
    if row.criterion != "random" or _all_channels(row):
        return None
    return _whole(row.selection_seed)


def by_seed(rows: Iterable[RunRow], value: str = "test_accuracy") -> dict[Seed, float]:
    """The mean of each seed's draws. The key None is that of runs that read no seed."""
    values: dict[Seed, list[float]] = defaultdict(list)
    for row in rows:
        if (number := number_of(row.get(value))) is not None:
            values[seed_of(row)].append(number)
    return {seed: math.fsum(of_seed) / len(of_seed) for seed, of_seed in values.items()}


def replicates(
    rows: Sequence[RunRow], value: str = "test_accuracy"
) -> tuple[list[float], str | None]:
    """Independent values of runs of one setting, and what they are: `seeds`, `draws` or None."""
    seeds = by_seed(rows, value)
    if len(seeds) > 1:
        return list(seeds.values()), "seeds"
    draws: dict[int | None, list[float]] = defaultdict(list)
    for row in rows:
        if (number := number_of(row.get(value))) is not None:
            draws[draw_of(row)].append(number)
    if len(draws) > 1:
        return [math.fsum(of_draw) / len(of_draw) for of_draw in draws.values()], "draws"
    return list(seeds.values()), None if None in seeds else "seeds" if seeds else None


def varying(rows: Sequence[RunRow], names: Sequence[str] = SETTINGS) -> list[str]:
    """Settings that take more than one value in `rows`."""
    return [name for name in names if len(set(column(rows, name, key))) > 1]


def telling(rows: Sequence[RunRow], names: Sequence[str] = SETTINGS) -> list[str]:
    """The fewest of the varying settings that tell these rows' settings apart, plain ones first.

    What says nothing beyond those before it is left out: a rate that follows from K, a criterion
    that is none where K is none.
    """
    order = (*FIRST, *(n for n in names if n not in FIRST and n not in DERIVED), *DERIVED)
    kept: list[str] = []
    parts, count = [0] * len(rows), 1
    for name in varying(rows, [n for n in order if n in names]):
        numbers: dict[tuple[int, str], int] = {}
        finer = [
            numbers.setdefault(pair, len(numbers))
            for pair in zip(parts, column(rows, name, key), strict=True)
        ]
        if len(numbers) > count:
            kept.append(name)
            parts, count = finer, len(numbers)
    return kept


def varying_within(rows: Sequence[RunRow], cell: Sequence[str]) -> list[str]:
    """Settings that differ between rows which agree in `cell`: means over a cell would mix them."""
    cells: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    for row, of in zip(rows, keys(rows, cell, key), strict=True):
        cells[of].append(row)
    differing = {name for part in cells.values() for name in telling(part) if name not in cell}
    return [name for name in SETTINGS if name in differing]


def told_apart(rows: Sequence[RunRow], label: Callable[[RunRow], str]) -> list[str]:
    """`label` of each row; where one names two settings, what they differ in is added."""
    named: dict[str, list[RunRow]] = defaultdict(list)
    for row in rows:
        named[label(row)].append(row)
    differing = {text: telling(members) for text, members in named.items()}
    return [
        ", ".join(
            [
                text,
                *(words(n, row.get(n)) for n in differing[text] if told(row.get(n)) is not None),
            ]
        )
        for row, text in ((row, label(row)) for row in rows)
    ]


def _group(
    members: Sequence[RunRow], by: Sequence[str], value: str, ends: tuple[float, float] | None
) -> Group:
    values, over = replicates(members, value)
    numbers = [number for row in members if (number := number_of(row.get(value))) is not None]
    seeds = {seed for row in members if (seed := seed_of(row)) is not None}
    images = [n for row in members if (n := number_of(row.test_images))]
    seen = 0.5 / max(images) if value == "test_accuracy" and images else 0.0
    interval = t_interval(values, least_sd=seen)
    interval = interval.within(*ends) if ends else interval
    sampling = None
    if value == "test_accuracy" and images and interval.n:
        sampling = sampling_half_width(interval.mean, int(max(images)))
    return Group(
        setting={name: told(members[0].get(name)) for name in by},
        run_ids=tuple(row.run_id for row in members if row.run_id),
        done=sum(row.done for row in members),
        seeds=tuple(sorted(seeds, key=lambda seed: (isinstance(seed, str), seed))),
        over=over,
        interval=interval,
        best=max(numbers, default=None),
        sampling=sampling,
        means={name: _mean(members, name) for name in _MEANS},
    )


def _mean(members: Sequence[RunRow], name: str) -> float | None:
    values = [number for row in members if (number := number_of(row.get(name))) is not None]
    return math.fsum(values) / len(values) if values else None


def _all_channels(row: RunRow) -> bool:
    """Whether K is the whole width of every stage, so that random channels are always the same."""
    widths = _widths().get(str(row.backbone), ())
    text = f"{row.k:g}" if isinstance(row.k, Real) else str(row.k)
    return text == ", ".join(map(str, widths))


@functools.cache
def _widths() -> dict[str, tuple[int, ...]]:
    return {backbone.name: tuple(backbone.widths) for backbone in known()}


def _whole(value: Any) -> int | None:
    number = number_of(value)
    return None if number is None else int(number)
