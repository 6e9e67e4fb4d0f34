"""Two sides on one task as numbers: paired by seed, draws within their seed or crossed with it."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ict.analysis import groups
from ict.analysis.differences import (
    Difference,
    over_seeds,
    over_seeds_and_draws,
    paired_by_seed,
    unpaired,
)
from ict.analysis.draws import shared_draw_words
from ict.analysis.groups import Seed
from ict.analysis.outcomes import ACCURACY, Outcome
from ict.analysis.sides import Side
from ict.store.predictions import Predictions
from ict.store.run_rows import RunRow

ONE_SEED: Final = "these images, one seed, new draws"


def of_seeds(
    a: Side, b: Side, images: int, outcome: Outcome = ACCURACY
) -> tuple[Difference, list[str]]:
    """The difference on these images, by what was repeated, with notes on what it leaves open."""
    by_seed = groups.by_seed(a.rows, outcome.column), groups.by_seed(b.rows, outcome.column)
    pairs = paired_by_seed(*by_seed)
    if len(pairs) > 1:
        notes = _left_out(*by_seed, len(pairs))
        crossed = _crossed(a, b, outcome)
        if crossed is None:
            return over_seeds(pairs, images, outcome), notes + _shared(a, b)
        notes.append(
            "Seeds share their random draws: seeds and draws are crossed, and so is the interval."
        )
        return over_seeds_and_draws(crossed, images, outcome), notes
    notes = _shared(a, b)
    if max(map(len, by_seed)) > 1:
        notes.append(
            f"{_shared_seeds(len(pairs))}, so nothing is paired: the interval is Welch's of two samples."
        )
        one, other = (list(values.values()) for values in by_seed)
        return unpaired(one, other, images, outcome), notes
    found, more = _of_one_seed(a, b, pairs, images, outcome)
    return found, notes + more


def _shared_seeds(pairs: int) -> str:
    return {0: "No seed is shared", 1: "One seed alone is shared"}[pairs]


def _of_one_seed(
    a: Side, b: Side, pairs: Sequence[float], images: int, outcome: Outcome
) -> tuple[Difference, list[str]]:
    values = [_by_draw(side, outcome) for side in (a, b)]
    if max(map(len, values)) > 1:
        difference = unpaired(values[0], values[1], images, outcome)
        note = "One training seed: the interval speaks of other draws of random channels alone."
        return replace(difference, seeds=1, over=ONE_SEED), [note]
    seedless = all(groups.seed_of(row) is None for row in (*a.rows, *b.rows))
    note = (
        "Neither reads a seed: there is no spread over seeds to tell."
        if seedless
        else "One seed each: nothing is told about other seeds; train at least two of each, better five."
    )
    single = _value(a.rows[0], outcome) - _value(b.rows[0], outcome)
    return over_seeds(pairs or [single], images, outcome), [note]


def _value(row: RunRow, outcome: Outcome) -> float:
    value = row.get(outcome.column)
    return math.nan if value is None else float(value)


def _by_draw(side: Side, outcome: Outcome) -> list[float]:
    draws: dict[int | None, list[float]] = defaultdict(list)
    for row in side.rows:
        draws[groups.draw_of(row)].append(_value(row, outcome))
    return [math.fsum(values) / len(values) for values in draws.values()]


def _shared(a: Side, b: Side) -> list[str]:
    """A sentence where seeds of a side stand on the same random channels."""
    return [words for side in (a, b) if (words := shared_draw_words(side.rows))]


def _left_out(a: Mapping[Seed, float], b: Mapping[Seed, float], pairs: int) -> list[str]:
    if None in a or None in b or len(a) == len(b) == pairs:
        return []
    return [f"Paired on the {pairs} seeds that both have, of {len(a)} and {len(b)}."]


def _crossed(a: Side, b: Side, outcome: Outcome) -> np.ndarray | None:
    """Differences (S, R) where one side trained every one of its R draws with every common seed."""
    tables = [draws_by_seed(side, outcome) for side in (a, b)]
    crossing = [set.intersection(*map(set, t.values())) if t else set() for t in tables]
    wide = [i for i in (0, 1) if len(crossing[i]) > 1 and None not in tables[i]]
    if len(wide) != 1:
        return None
    side = tables[wide[0]]
    plain = groups.by_seed((a, b)[1 - wide[0]].rows, outcome.column)
    seeds = [seed for seed in side if seed in plain or None in plain]
    draws = sorted(crossing[wide[0]])
    if len(seeds) < 2 or any(set(side[seed]) != set(draws) for seed in seeds):
        return None
    own = np.array([[side[seed][draw] for draw in draws] for seed in seeds])
    other = np.array([[plain.get(seed, plain.get(None))] for seed in seeds], dtype=float)
    return own - other if wide[0] == 0 else other - own


def draws_by_seed(side: Side, outcome: Outcome = ACCURACY) -> dict[Seed, dict[int, float]]:
    """The outcome by seed and draw; nothing of a side without draws."""
    by_seed: dict[Seed, dict[int, float]] = defaultdict(dict)
    for row in side.rows:
        if (draw := groups.draw_of(row)) is not None:
            by_seed[groups.seed_of(row)][draw] = _value(row, outcome)
    return dict(by_seed)


def gains(
    a: Side, b: Side, answers: Mapping[str, Predictions], outcome: Outcome = ACCURACY
) -> np.ndarray | None:
    """d (S, I): right (or the loss) under A minus under B, by seed and image, draws averaged."""
    pairs = paired_by_seed(_by_image(a, answers, outcome), _by_image(b, answers, outcome))
    return np.stack(pairs) if len(pairs) > 1 else None


def measured(side: Side, answers: Mapping[str, Predictions], outcome: Outcome) -> Side:
    """`side` with each run's outcome from its answers, in the column of the outcome."""
    rows = [
        row.having(**{outcome.column: float(outcome.by_image(answers[row.run_id]).mean())})
        for row in side.rows
    ]
    return Side(side.name, tuple(rows))


def _by_image(
    side: Side, answers: Mapping[str, Predictions], outcome: Outcome
) -> dict[Seed, np.ndarray]:
    by_seed: dict[Seed, list[np.ndarray]] = defaultdict(list)
    for row in side.rows:
        by_seed[groups.seed_of(row)].append(outcome.by_image(answers[row.run_id]))
    return {seed: np.asarray(np.mean(values, axis=0)) for seed, values in by_seed.items()}
