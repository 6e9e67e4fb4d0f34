"""What n seeds on m test images can find.

From d[s, i], what seed s of A gains over that of B on image i, come three spreads: of seeds, of images,
and the rest (Scheffé 1959, ch. 7.4). They say how wide an interval of other n and m will be, and with
the noncentral t how often a true difference is found. From three seeds the spread of seeds is known
within 0.5 to 6.3 times: so what is needed is a range.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy import special

from ict.analysis.differences import IMAGES, SEEDS, mean_squares, two_way
from ict.analysis.outcomes import ACCURACY, Outcome
from ict.errors import InputError

POWER: Final = 0.8
LEVEL: Final = 0.05
MOST_SEEDS: Final = 1000
ONE_NUMBER_FROM: Final = 10
"""Seeds below which n is told as a range."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variances of d[s, i] (fractions or nats, squared): of seeds, of images, of their interaction with noise."""

    seed: float
    image: float
    rest: float
    seeds: int
    """That they were found from."""
    outcome: Outcome = ACCURACY

    def expected_squares(self, n: int, images: int) -> tuple[float, float, float]:
        """Expected mean squares of n seeds, of `images` images and of the rest."""
        return (
            images * self.seed + self.rest,
            n * self.image + self.rest,
            self.rest,
        )

    def scaled(self, factor: float) -> "Spread":
        """With the variance over seeds, noise included, `factor` times as large."""
        return replace(self, seed=self.seed * factor, rest=self.rest * factor)


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Seeds that find `difference` with 80 %: a range where few seeds told the spread.

    None: no number of seeds up to 1,000; with `smallest`, what the test set lets be found at best.
    """

    difference: float
    images: int
    over: str
    low: int | None
    high: int | None
    expected: int | None
    """Only where ten seeds or more told the spread."""
    smallest: float
    """What any number of seeds could find on these images; 0 over seeds alone."""
    outcome: Outcome = ACCURACY

    @property
    def sentence(self) -> str:
        sought = self.outcome.said(self.difference)
        question = f"{sought} on {self.images:,} test images ({self.over})"
        if self.smallest > self.difference:
            return (
                f"no number of seeds finds {question}: the test set is too small, it shows "
                f"{self.outcome.said(self.smallest, '.2g')} at best"
            )
        if self.low is None:
            return f"over {MOST_SEEDS:,} seeds would be needed to find {question} with 80 %"
        if self.expected is not None:
            return f"about {self.expected} seeds find {question} with 80 %"
        high = f"over {MOST_SEEDS:,}" if self.high is None else str(self.high)
        return f"between {self.low} and {high} seeds find {question} with 80 %"

    def to_dict(self) -> dict[str, Any]:
        names = ("difference", "images", "over", "low", "high", "expected", "smallest", "sentence")
        return {**{name: getattr(self, name) for name in names}, "outcome": self.outcome.name}


def spread(d: np.ndarray, outcome: Outcome = ACCURACY) -> Spread:
    """The three spreads of d (S, I). Raises InputError for one seed."""
    if d.ndim != 2 or min(d.shape) < 2:
        raise InputError("the spread of seeds needs two seeds at least")
    rows, columns = d.shape
    of_rows, of_columns, rest = mean_squares(d)
    return Spread(
        seed=max(0.0, of_rows - rest) / columns,
        image=max(0.0, of_columns - rest) / rows,
        rest=rest,
        seeds=rows,
        outcome=outcome,
    )


def power(difference: float, n: int, images: int, found: Spread, over: str = SEEDS) -> float:
    """The chance that the 95 % interval of n seeds on `images` images leaves out 0."""
    if n < 2:
        return 0.0
    if over == IMAGES:
        return _power_of_two_way(abs(difference), n, images, found)
    variance = (found.seed + found.rest / images) / n
    if variance == 0:
        return float(difference != 0)
    t = float(special.stdtrit(n - 1, 1 - LEVEL / 2))
    shift = abs(difference) / math.sqrt(variance)
    return 1 - _noncentral(n - 1, shift, t) + _noncentral(n - 1, shift, -t)


def _power_of_two_way(difference: float, n: int, images: int, found: Spread) -> float:
    """The interval's width follows from mean squares that vary as χ², its degrees and its floor too.

    So it is averaged over quantiles of those of seeds and of images; the rest has so many degrees of
    freedom that its expectation stands for it.
    """
    if images < 2:
        return 0.0
    expected = found.expected_squares(n, images)
    true = (expected[0] + expected[1] - expected[2]) / (n * images)
    if true <= 0:
        return float(difference != 0)
    least_seed, least_image = found.outcome.least_spreads(images)
    of_rows = expected[0] * _mean_square_quantiles(n - 1, 256)[:, None]
    of_columns = expected[1] * _mean_square_quantiles(images - 1, 16)[None, :]
    of_rows = np.maximum(of_rows, images * least_seed**2)
    of_columns = np.maximum(of_columns, n * least_image**2)
    variance, degrees = two_way(
        of_rows, of_columns, np.asarray(expected[2]), rows=n, columns=images
    )
    half = special.stdtrit(degrees, 1 - LEVEL / 2) * np.sqrt(variance)
    away = (np.array([difference, -difference])[:, None, None] - half) / math.sqrt(true)
    return float(special.ndtr(away).sum(axis=0).mean())


def _mean_square_quantiles(degrees: int, count: int) -> np.ndarray:
    """Equally likely values of a mean square over its expectation: χ² over its degrees of freedom."""
    upper = 1 - (np.arange(count) + 0.5) / count
    return np.asarray(special.chdtri(degrees, upper)) / degrees


def detectable(n: int, images: int, found: Spread, over: str = SEEDS) -> float:
    """The difference that n seeds find with 80 %; what no difference passes where none below is."""
    low, high, most = 0.0, 1.0, found.outcome.most
    if n < 2:
        return most
    while power(high, n, images, found, over) < POWER:
        if high >= most:
            return most
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        below = power(middle, n, images, found, over) < POWER
        low, high = (middle, high) if below else (low, middle)
    return high


def seeds_needed(difference: float, images: int, found: Spread, over: str = SEEDS) -> Needed:
    """How many seeds find `difference` (a fraction, or nats) on `images` test images with 80 %.

    Raises InputError unless the difference is above 0 and at most what one can be.
    """
    outcome = found.outcome
    if not 0 < difference <= outcome.most:
        upto = "" if math.isinf(outcome.most) else f" and up to {outcome.number(outcome.most, 'g')}"
        raise InputError(f"{outcome.said(difference)}: name a difference above 0{upto}")
    least, most = variance_factors(found.seeds)
    expected = _fewest(difference, images, found, over)
    smallest = 0.0
    if over == IMAGES:
        z = float(special.ndtri(1 - LEVEL / 2) + special.ndtri(POWER))
        smallest = z * math.sqrt(found.image / images)
    return Needed(
        difference=difference,
        images=images,
        over=over,
        low=_fewest(difference, images, found.scaled(least), over),
        high=_fewest(difference, images, found.scaled(most), over),
        expected=expected if found.seeds >= ONE_NUMBER_FROM else None,
        smallest=smallest,
        outcome=outcome,
    )


def variance_factors(seeds: int, level: float = 0.95) -> tuple[float, float]:
    """Between which multiples of the variance found from `seeds` values the true one lies (χ²)."""
    degrees = seeds - 1
    tails = ((1 - level) / 2, (1 + level) / 2)  # of the upper tail
    low, high = (degrees / float(special.chdtri(degrees, tail)) for tail in tails)
    return low, high


def _fewest(difference: float, images: int, found: Spread, over: str) -> int | None:
    if power(difference, MOST_SEEDS, images, found, over) < POWER:
        return None
    low, high = 1, MOST_SEEDS  # power at low is too small, at high enough
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(difference, middle, images, found, over) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def _noncentral(degrees: float, shift: float, t: float) -> float:
    """P(T ≤ t) of the noncentral t; by the normal where SciPy's series gives nothing (large shifts)."""
    below = float(special.nctdtr(degrees, shift, t))
    if math.isnan(below) or degrees > 1e4:
        scale = math.sqrt(1 + t * t / (2 * degrees))
        return float(special.ndtr((t * (1 - 1 / (4 * degrees)) - shift) / scale))
    return below
