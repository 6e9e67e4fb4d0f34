"""Is A better than B? A difference with an interval that names what it generalises over.

The unit of replication is the training seed: S seeds, each with the difference d_s of two accuracies,
or of two losses (`ict.analysis.outcomes`), on the same I test images. Draws of random channels are
nested in the seed and averaged there.

- `over_seeds`: *these images, new seeds*. A paired t interval of the d_s.
- `over_seeds_and_images`: *new images too*. From d[s, i] in [−1, 1], two crossed random factors with
  one value a cell (Scheffé 1959, ch. 7.4): Var(mean) = (MS_S + MS_I − MS_E) / (S I), never less than
  the larger of MS_S and MS_I over S I, with degrees of freedom by the share of each.
- `over_seeds_and_draws`: *these images, new seeds and draws*. The same, of differences by seed and
  draw, for studies whose draws were crossed with the seeds.
- `over_images`: *these two models, new images*. Paired proportions, half an image added to each cell
  of the table of right and wrong (Agresti and Min 2005).
- `over_tasks`: the mean of several fixed tasks, their variances added (Satterthwaite 1946).

A spread that a test set cannot show is not taken for none: of accuracies a standard deviation over
seeds is at least half an image, and over images at least what one image that differs gives. Closed
forms only; `python -m bench.coverage` simulates how often they hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from scipy import special

from ict.analysis.outcomes import ACCURACY, Outcome
from ict.errors import InputError

SEEDS: Final = "these images, new seeds"
DRAWS: Final = "these images, new seeds and new draws"
IMAGES: Final = "new seeds and new images"
MODELS: Final = "these two trained models, new images"
EXPLORATORY_BELOW: Final = 5
"""Fewer seeds than these are a look, whatever they say."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean of A − B, its standard error, and what an interval of it speaks about."""

    mean: float
    standard_error: float
    """NaN where nothing was repeated, so that there is no interval."""
    degrees: float
    """Of freedom, of Student's t."""
    seeds: int
    images: int
    over: str
    """SEEDS, DRAWS, IMAGES or MODELS."""
    tasks: int = 1
    outcome: Outcome = ACCURACY
    """Of what: its numbers are fractions, or nats."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided t interval, cut at what no difference passes: −1 and 1 of accuracies."""
        if math.isnan(self.standard_error):
            return math.nan, math.nan
        half = float(special.stdtrit(self.degrees, (1 + level) / 2)) * self.standard_error
        most = self.outcome.most
        return max(-most, self.mean - half), min(most, self.mean + half)

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference; NaN without an interval."""
        if math.isnan(self.standard_error):
            return math.nan
        if self.standard_error == 0:  # every pair differs alike
            return float(self.mean == 0)
        return float(2 * special.stdtr(self.degrees, -abs(self.mean) / self.standard_error))

    @property
    def exploratory(self) -> bool:
        return self.seeds < EXPLORATORY_BELOW

    def to_dict(self) -> dict[str, Any]:
        """Everything that a file or `--json` tells, None for what could not be told."""
        low, high = self.interval()
        form: dict[str, float | str | None] = {
            "difference": self.mean,
            "low": low,
            "high": high,
            "standard_error": self.standard_error,
            "degrees": None if math.isinf(self.degrees) else self.degrees,
            "p": self.p,
            "seeds": self.seeds,
            "images": self.images,
            "tasks": self.tasks,
            "over": self.over,
        }
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in form.items()
        }


Value = TypeVar("Value", float, np.ndarray)


def paired_by_seed(a: Mapping[Any, Value], b: Mapping[Any, Value]) -> list[Value]:
    """a − b of every seed that both have (keys: `groups.by_seed`), of numbers or of arrays.

    What reads no seed (key None) is the same at every seed of the other, so that it pairs with each.
    """
    if a.keys() == {None}:
        a = dict.fromkeys(b, a[None])
    elif b.keys() == {None}:
        b = dict.fromkeys(a, b[None])
    return [a[seed] - b[seed] for seed in a if seed in b]


def over_seeds(
    differences: Sequence[float], images: int, outcome: Outcome = ACCURACY
) -> Difference:
    """Of S paired differences on `images` test images; one seed has no interval.

    Raises InputError without any.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) == 0:
        raise InputError("the two have no seed in common: nothing can be paired")
    return Difference(
        mean=float(values.mean()),
        standard_error=_spread(values, images, outcome) / math.sqrt(len(values)),
        degrees=len(values) - 1 if len(values) > 1 else math.nan,
        seeds=len(values),
        images=images,
        over=SEEDS,
        outcome=outcome,
    )


def unpaired(
    a: Sequence[float], b: Sequence[float], images: int, outcome: Outcome = ACCURACY
) -> Difference:
    """Of values whose seeds are not shared (Welch 1947).

    One value has no spread of its own: against several it takes theirs, so that 1/1 + 1/n of it is
    the variance; against one there is no interval.
    """
    sides = [np.asarray(values, dtype=float) for values in (a, b)]
    if not all(map(len, sides)):
        raise InputError("one of the two has no result: there is nothing to compare")
    spreads = [_spread(values, images, outcome) for values in sides]
    with_spread = [i for i, spread in enumerate(spreads) if not math.isnan(spread)]
    spreads = [
        spreads[i] if i in with_spread else spreads[with_spread[0]] if with_spread else math.nan
        for i in (0, 1)
    ]
    variances = [spread**2 / len(values) for spread, values in zip(spreads, sides, strict=True)]
    freedoms = [max(len(values), 1) - 1 for values in sides]
    if len(with_spread) == 2:
        degrees = _satterthwaite(variances, freedoms)
    else:
        degrees = float(max(freedoms)) if with_spread else math.nan
    return Difference(
        mean=float(sides[0].mean() - sides[1].mean()),
        standard_error=math.sqrt(sum(variances)),
        degrees=degrees,
        seeds=min(map(len, sides)),
        images=images,
        over=SEEDS,
        outcome=outcome,
    )


def over_seeds_and_images(d: np.ndarray, outcome: Outcome = ACCURACY) -> Difference:
    """Of d (S, I): what seed s of A gains over that of B on image i, draws averaged.

    For which outcomes it holds says `Outcome.new_images`. Raises InputError for one seed, or one image.
    """
    if d.ndim != 2 or min(d.shape) < 2:
        raise InputError(
            "new seeds and new images need at least two seeds and two test images; "
            f"these are {' × '.join(map(str, d.shape))}"
        )
    images = d.shape[1]
    found = _crossed(d, *outcome.least_spreads(images))
    return replace(found, images=images, over=IMAGES, outcome=outcome)


def over_seeds_and_draws(d: np.ndarray, images: int, outcome: Outcome = ACCURACY) -> Difference:
    """Of d (S, R): A of seed s minus B of seed s with draw r, all pairs trained."""
    if d.ndim != 2 or min(d.shape) < 2:
        raise InputError("crossed draws need at least two seeds and two draws")
    least, _ = outcome.least_spreads(images)
    return replace(_crossed(d, least, least), images=images, over=DRAWS, outcome=outcome)


def over_images(lost: int, gained: int, images: int) -> Difference:
    """Of one model of A and one of B: `lost` images are right under A alone, `gained` under B alone."""
    if images < 1 or lost + gained > images:
        raise InputError(
            f"{lost} + {gained} images that differ among {images}: no table of two models"
        )
    mean, all_of = (lost - gained) / images, images + 2
    centre = (lost - gained) / all_of
    variance = ((lost + gained + 1) / all_of - centre**2) / all_of
    return Difference(
        mean=mean,
        standard_error=math.sqrt(variance),
        degrees=math.inf,
        seeds=1,
        images=images,
        over=MODELS,
    )


def over_tasks(parts: Sequence[Difference]) -> Difference:
    """The mean over fixed tasks, as sure as its parts are; they must be of one outcome, over the same.

    Raises InputError otherwise, or without any.
    """
    if len({(part.over, part.outcome.name) for part in parts}) != 1:
        raise InputError("differences of several tasks must generalise over the same")
    variances = [part.standard_error**2 / len(parts) ** 2 for part in parts]
    return Difference(
        mean=math.fsum(part.mean for part in parts) / len(parts),
        standard_error=math.sqrt(math.fsum(variances)),
        degrees=_satterthwaite(variances, [part.degrees for part in parts]),
        seeds=min(part.seeds for part in parts),
        images=sum(part.images for part in parts),
        over=parts[0].over,
        tasks=sum(part.tasks for part in parts),
        outcome=parts[0].outcome,
    )


def _spread(values: np.ndarray, images: int, outcome: Outcome) -> float:
    """Standard deviation (n − 1) over seeds, at least what can be seen; NaN for one value."""
    least, _ = outcome.least_spreads(images)
    return max(float(values.std(ddof=1)), least) if len(values) > 1 else math.nan


def mean_squares(d: np.ndarray) -> tuple[float, float, float]:
    """Of rows, columns and the rest of d (S, I), two crossed factors with one value a cell."""
    rows, columns = d.shape
    of_rows, of_columns = d.mean(axis=1), d.mean(axis=0)
    rest = d - of_rows[:, None] - of_columns[None, :] + d.mean()
    return (
        columns * float(of_rows.var(ddof=1)),
        rows * float(of_columns.var(ddof=1)),
        float((rest**2).sum()) / ((rows - 1) * (columns - 1)),
    )


def _crossed(d: np.ndarray, least_row: float, least_column: float) -> Difference:
    """Two crossed random factors; the least standard deviations are of a row's, a column's mean."""
    rows, columns = d.shape
    of_rows, of_columns, rest = mean_squares(d)
    squares = max(of_rows, columns * least_row**2), max(of_columns, rows * least_column**2), rest
    variance, degrees = two_way(*map(np.asarray, squares), rows=rows, columns=columns)
    return Difference(
        mean=float(d.mean()),
        standard_error=math.sqrt(variance),
        degrees=float(degrees),
        seeds=rows,
        images=columns,
        over=DRAWS,
    )


def two_way(
    of_rows: np.ndarray, of_columns: np.ndarray, rest: np.ndarray, *, rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the mean of all cells, and its degrees of freedom, from mean squares (any shape).

    MS_rows + MS_columns − MS_rest over the number of cells (Scheffé 1959, ch. 7.4), never below the larger
    of the first two. The degrees are a factor's own over its share of the variance, the fewer of the two;
    of both mean squares, and no more than the larger's, where the variance is that of the larger.
    Satterthwaite's formula has squares of these shares, which are too small too often where three seeds
    agree by chance (3 seeds on 2,000 images: 6.8 % false differences at 5 %).
    """
    rows_ms, columns_ms, rest_ms = np.broadcast_arrays(of_rows, of_columns, rest)
    both, larger = rows_ms + columns_ms, np.maximum(rows_ms, columns_ms)
    own = both - rest_ms > larger
    fewest = np.maximum(rows_ms / (rows - 1), columns_ms / (columns - 1))
    by_share = np.where(own, both - rest_ms, both) / np.where(fewest > 0, fewest, 1)
    of_larger = np.where(columns_ms > rows_ms, columns - 1, rows - 1)
    degrees = np.where(own, by_share, np.minimum(by_share, of_larger))
    return np.where(own, both - rest_ms, larger) / (rows * columns), degrees


def _satterthwaite(variances: Sequence[float], degrees: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variance estimates."""
    below = math.fsum(v**2 / df for v, df in zip(variances, degrees, strict=True))
    if math.isnan(below):
        return math.nan
    return math.fsum(variances) ** 2 / below if below > 0 else math.inf
