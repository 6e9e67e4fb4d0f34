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
from ict.analysis.sides import Side
from ict.store.predictions import Predictions
from ict.store.run_rows import RunRow

ONE_SEED: Final = "these images, one seed, new draws"


def of_seeds(
    a: Side, b: Side, accuracies: tuple[Mapping[Seed, float], Mapping[Seed, float]], images: int
) -> tuple[Difference, list[str]]:
    """The difference on these images, by what was repeated, with notes on what it leaves open."""
    pairs = paired_by_seed(*accuracies)
    if len(pairs) > 1:
        notes = _left_out(*accuracies, len(pairs))
        crossed = _crossed(a, b)
        if crossed is None:
            return over_seeds(pairs, images), notes + _shared(a, b)
        notes.append(
            "Seeds share their random draws: seeds and draws are crossed, and so is the interval."
        )
        return over_seeds_and_draws(crossed, images), notes
    notes = _shared(a, b)
    if max(map(len, accuracies)) > 1:
        notes.append(
            f"{len(pairs)} seeds are shared, so nothing is paired: the interval is Welch's of two samples."
        )
        one, other = (list(values.values()) for values in accuracies)
        return unpaired(one, other, images), notes
    return _of_one_seed(a, b, pairs, images, notes)


def _of_one_seed(
    a: Side, b: Side, pairs: Sequence[float], images: int, notes: list[str]
) -> tuple[Difference, list[str]]:
    values = [_by_draw(side) for side in (a, b)]
    if max(map(len, values)) > 1:
        difference = unpaired(values[0], values[1], images)
        notes.append(
            "One training seed: the interval speaks of other draws of random channels alone."
        )
        return replace(difference, seeds=1, over=ONE_SEED), notes
    seedless = all(groups.seed_of(row) is None for row in (*a.rows, *b.rows))
    notes.append(
        "Neither reads a seed: there is no spread over seeds to tell."
        if seedless
        else "One seed each: nothing is told about other seeds; train at least two of each, better five."
    )
    return over_seeds(pairs or [_single(a) - _single(b)], images), notes


def _accuracy(row: RunRow) -> float:
    return math.nan if row.test_accuracy is None else float(row.test_accuracy)


def _single(side: Side) -> float:
    return _accuracy(side.rows[0])


def _by_draw(side: Side) -> list[float]:
    draws: dict[int | None, list[float]] = defaultdict(list)
    for row in side.rows:
        draws[groups.draw_of(row)].append(_accuracy(row))
    return [math.fsum(values) / len(values) for values in draws.values()]


def _shared(a: Side, b: Side) -> list[str]:
    """A sentence where seeds of a side stand on the same random channels."""
    return [words for side in (a, b) if (words := shared_draw_words(side.rows))]


def _left_out(a: Mapping[Seed, float], b: Mapping[Seed, float], pairs: int) -> list[str]:
    if None in a or None in b or len(a) == len(b) == pairs:
        return []
    return [f"Paired on the {pairs} seeds that both have, of {len(a)} and {len(b)}."]


def _crossed(a: Side, b: Side) -> np.ndarray | None:
    """Differences (S, R) where one side trained every one of its R draws with every common seed."""
    tables = [draws_by_seed(side) for side in (a, b)]
    crossing = [set.intersection(*map(set, t.values())) if t else set() for t in tables]
    wide = [i for i in (0, 1) if len(crossing[i]) > 1 and None not in tables[i]]
    if len(wide) != 1:
        return None
    side, plain = tables[wide[0]], groups.by_seed((a, b)[1 - wide[0]].rows)
    seeds = [seed for seed in side if seed in plain or None in plain]
    draws = sorted(crossing[wide[0]])
    if len(seeds) < 2 or any(set(side[seed]) != set(draws) for seed in seeds):
        return None
    own = np.array([[side[seed][draw] for draw in draws] for seed in seeds])
    other = np.array([[plain.get(seed, plain.get(None))] for seed in seeds], dtype=float)
    return own - other if wide[0] == 0 else other - own


def draws_by_seed(side: Side) -> dict[Seed, dict[int, float]]:
    """Accuracy by seed and draw; nothing of a side without draws."""
    by_seed: dict[Seed, dict[int, float]] = defaultdict(dict)
    for row in side.rows:
        if (draw := groups.draw_of(row)) is not None:
            by_seed[groups.seed_of(row)][draw] = _accuracy(row)
    return dict(by_seed)


def gains(a: Side, b: Side, answers: Mapping[str, Predictions]) -> np.ndarray | None:
    """d (S, I): right under A minus right under B, by seed and image, draws averaged."""
    pairs = paired_by_seed(_right(a, answers), _right(b, answers))
    return np.stack(pairs) if len(pairs) > 1 else None


def _right(side: Side, answers: Mapping[str, Predictions]) -> dict[Seed, np.ndarray]:
    by_seed: dict[Seed, list[np.ndarray]] = defaultdict(list)
    for row in side.rows:
        said = answers[row.run_id]
        by_seed[groups.seed_of(row)].append(said.predictions == said.labels)
    return {seed: np.asarray(np.mean(rights, axis=0)) for seed, rights in by_seed.items()}
