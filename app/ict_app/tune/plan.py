"""What the form of *Train* asks for: a grid of runs, what they train, how long they may take.

Nothing here knows streamlit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ict.documents.bounded import fraction
from ict.documents.number_words import number_words
from ict.errors import InputError, quoted
from ict.resolve import Resolved, resolve
from ict.store import run_times
from ict.store.paces import Expected, Where, expected_here
from ict.store.run_rows import RunRow
from ict.store.study_grid import product

SHARES = ("1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1")
SEEDS = (42, 44, 82, 100, 800)
MOST_RUNS = 300  # that the form starts at once: each is resolved anew at every change of a field


@dataclass(frozen=True)
class Plan:
    """Runs that could be started, and the first sentence on why the others cannot."""

    runs: tuple[Resolved, ...]
    trouble: str | None = None


@dataclass(frozen=True)
class Field:
    """A field of a configuration with the values that the form asks for, one run each."""

    name: str
    values: Sequence[Any]


@dataclass(frozen=True)
class Wish:
    """One run as the form asks for it: the fields that it names; the others are the recipe's."""

    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Wishes:
    """All that the form asks for."""

    asked: tuple[Wish, ...]
    recipe: str
    weights: str | None
    """None: the backbone's own."""


def share_of(text: str) -> float:
    """`1/8` or `0.125` as a number; InputError for anything else."""
    value = fraction(text)
    if value is None:
        raise InputError(f"{quoted(text)} is no share of the channels; write 1/8 or 0.125")
    if not 0 < value <= 1:
        raise InputError(f"{quoted(text)}: choose a share above 0 and at most 1")
    return value


def grid(fields: Sequence[Field]) -> list[Wish]:
    """Every combination of the values of the fields.

    Raises InputError for more than MOST_RUNS, before any is made.
    """
    count = math.prod(len(field.values) for field in fields)
    if count > MOST_RUNS:
        axes = [field for field in fields if len(field.values) > 1]
        factors = " × ".join(f"{len(axis.values)} {axis.name}" for axis in axes)
        raise InputError(
            f"{factors} are {count:,} runs, and the form starts at most {MOST_RUNS}; choose fewer, or "
            "write a study and run it with `ict study run`"
        )
    return [Wish(values) for values in product({one.name: one.values for one in fields})]


def plan(wishes: Wishes, *, fetch: bool) -> Plan:
    """Resolves each wish; equal ones (a linear probe at every K) count once."""
    by_id: dict[str, Resolved] = {}
    for wish in wishes.asked:
        try:
            resolved = resolve(
                wish.fields, recipe=wishes.recipe, weights=wishes.weights, fetch=fetch
            )
        except InputError as error:
            return Plan(tuple(by_id.values()), str(error))
        by_id.setdefault(resolved.run_id, resolved)
    return Plan(tuple(by_id.values()))


def trainable_parameters(run: Resolved) -> int:
    """Adapter and head, from the architecture alone."""
    return run.counts()["trainable_parameters"]


@dataclass(frozen=True)
class Time:
    """How long a plan takes, run after run, and what says so."""

    seconds: float | None
    """Of the runs whose time is known; None without any."""
    known: int
    source: str
    unmeasured: Resolved | None
    """A run whose kind neither finished runs nor a calibration of this machine tell."""


def expected_time(runs: Sequence[Resolved], rows: Sequence[RunRow]) -> Time:
    """From finished runs (`rows`, none of another machine) or a calibration of this one, for each run.

    Where neither tells, finished runs with other threads do, and the run counts as unmeasured.
    """
    done = [row for row in rows if row.done]
    where = Where.here()
    total, known, start, sources, unmeasured = 0.0, 0, 0.0, dict[str, None](), None
    for run in runs:
        config = run.config.to_dict()
        found = expected_here(config, done, run.tasks[str(run.config.task)], where)
        if found is None:
            unmeasured = unmeasured or run
            if (seconds := run_times.expected_seconds(config, done)) is None:
                continue
            found = Expected(seconds, 0)
        total, known = total + found.seconds, known + 1
        start = max(start, found.start_seconds)  # of the process; the runs after the first share it
        sources[_source(found)] = None
    return Time(total + start if known else None, known, "; ".join(sources), unmeasured)


def _source(found: Expected) -> str:
    if found.runs is None:
        return "by a two-second calibration on this machine"
    if not found.runs:
        return "from finished runs with other threads or on another machine"
    return f"from {found.runs} finished run{'' if found.runs == 1 else 's'} like it"


def recipe_words(*runs: Resolved) -> str:
    """What the recipe set, as `epochs 20, lr 0.005`; all values where the runs differ."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        fields = run.config.to_dict()
        for name in run.recipe_fields:
            values.setdefault(name, {})[_value(fields[name])] = None
    return ", ".join(f"{name} {' or '.join(spellings)}" for name, spellings in values.items())


def _value(value: Any) -> str:
    return number_words(value) if isinstance(value, float) else str(value)
