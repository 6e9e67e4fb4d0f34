"""Power against SciPy's noncentral t, against simulation, and the sentences of what is needed."""

import math

import numpy as np
import pytest
from scipy import stats

from ict.analysis.differences import IMAGES, SEEDS, over_seeds, over_seeds_and_images
from ict.analysis.power import Spread, detectable, power, seeds_needed, spread, variance_factors
from ict.errors import InputError

SOME = Spread(seed=0.005**2, image=0.05, rest=0.03, seeds=3)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
def test_power_over_seeds_is_the_noncentral_t(n: int):
    sd = math.sqrt(SOME.seed + SOME.rest / 1000)
    t, shift = stats.t.ppf(0.975, n - 1), 0.01 / (sd / math.sqrt(n))
    expected = stats.nct.sf(t, n - 1, shift) + stats.nct.cdf(-t, n - 1, shift)
    assert power(0.01, n, 1000, SOME) == pytest.approx(expected, abs=1e-6)


def test_power_is_what_a_simulation_finds():
    generator, sd, n = np.random.default_rng(0), 0.007, 5
    found = Spread(seed=sd**2, image=0, rest=0, seeds=99)
    draws = generator.normal(0.01, sd, (4000, n))
    seen = np.mean([over_seeds(draw, 10**6).p < 0.05 for draw in draws])
    assert power(0.01, n, 10**6, found) == pytest.approx(seen, abs=0.025)


@pytest.mark.parametrize("difference", [0.03, 0.05])
def test_power_over_images_is_what_the_interval_itself_finds(difference: float):
    """Three seeds: the width varies with the mean squares, and often lies at its floor."""
    generator, n, images, count = np.random.default_rng(0), 3, 60, 3000
    found = Spread(seed=0.004**2, image=0.001, rest=0.02, seeds=99)
    seeds, of_images, rest = (
        generator.normal(0, math.sqrt(variance), (count, *shape)).astype(np.float32)
        for variance, shape in (
            (found.seed, (n, 1)),
            (found.image, (1, images)),
            (found.rest, (n, images)),
        )
    )
    seen = np.mean(
        [over_seeds_and_images(d).p < 0.05 for d in difference + seeds + of_images + rest]
    )
    assert 0.15 < seen < 0.9
    assert power(difference, n, images, found, IMAGES) == pytest.approx(seen, abs=0.03)


def test_spreads_are_found_again():
    """Of d = seed + image + noise with known variances, 200 × 2,000."""
    generator = np.random.default_rng(1)
    d = (
        generator.normal(0, 0.1, (200, 1))
        + generator.normal(0, 0.3, (1, 2000))
        + generator.normal(0, 0.5, (200, 2000))
    )
    found = spread(d)
    assert found.seed == pytest.approx(0.01, rel=0.25)
    assert found.image == pytest.approx(0.09, rel=0.1)
    assert found.rest == pytest.approx(0.25, rel=0.02)
    assert found.seeds == 200


def test_three_seeds_know_the_spread_within_half_and_six_times():
    low, high = map(math.sqrt, variance_factors(3))
    assert (low, high) == pytest.approx((0.521, 6.285), abs=1e-3)
    sds = np.random.default_rng(2).normal(0, 1, (4000, 3)).std(axis=1, ddof=1)
    assert np.mean((low * sds < 1) & (high * sds > 1)) == pytest.approx(0.95, abs=0.012)


def test_what_is_needed_is_a_range_below_ten_seeds():
    found = seeds_needed(0.01, 1000, SOME)
    assert found.expected is None
    assert found.low < found.high
    assert power(0.01, found.low, 1000, Spread(seed=SOME.seed * variance_factors(3)[0],
        image=0.05, rest=SOME.rest * variance_factors(3)[0], seeds=3)) >= 0.8  # fmt: skip
    assert found.sentence.startswith(f"between {found.low} and {found.high} seeds find 1 points")


def test_ten_seeds_tell_one_number_and_one_seed_fewer_does_not_do():
    ten = Spread(seed=SOME.seed, image=SOME.image, rest=SOME.rest, seeds=10)
    found = seeds_needed(0.01, 1000, ten)
    assert (
        power(0.01, found.expected, 1000, ten) >= 0.8 > power(0.01, found.expected - 1, 1000, ten)
    )
    assert found.sentence.startswith(f"about {found.expected} seeds")


def test_a_test_set_that_is_too_small_is_told():
    found = seeds_needed(0.005, 1000, SOME, IMAGES)
    assert found.smallest == pytest.approx(2.8016 * math.sqrt(0.05 / 1000), rel=1e-4)
    assert found.sentence.startswith("no number of seeds finds 0.5 points on 1,000 test images")
    assert seeds_needed(0.005, 1000, SOME, SEEDS).high is not None


@pytest.mark.parametrize("over", [SEEDS, IMAGES])
def test_what_is_detectable_is_found_with_80_percent(over: str):
    found = detectable(5, 1000, SOME, over)
    assert power(found, 5, 1000, SOME, over) == pytest.approx(0.8, abs=1e-6)
    assert detectable(10, 1000, SOME, over) < found


def test_odd_questions_are_sentences():
    for odd in (0, -1, 1.5, math.nan):
        with pytest.raises(InputError, match="above 0"):
            seeds_needed(odd, 100, SOME)
    with pytest.raises(InputError, match="two seeds"):
        spread(np.zeros((1, 10)))
    assert power(0.1, 1, 100, SOME) == 0
