"""Two methods, their seeds and test images, simulated with closed forms for the truth.

Every experiment trains two methods on S seeds and looks at I test images. Image i is answered rightly
by method m, seed s (and draw r of the second method's random channels) if

    μ_m + difficulty_i + own_mi + seed_ms (+ draw_sr) + noise > 0,

all of them normal: closed forms give the true difference, on these images over new seeds and draws,
and over new images too. No estimator of the library is part of it.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from ict.analysis.power import Spread
from ict.analysis.verdicts import MARGIN

DIFFICULTY, OWN, SEED = 2.0, 0.4, 0.05  # standard deviations beside a noise of 1
SCALES = (0.5, 1.0, 2.0)  # of a task's seeds and draws


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One design. `crossed`: every draw is trained with every seed, instead of five of its own."""

    seeds: int
    images: int
    accuracy: float
    draws: int = 1
    ratio: float = 0.0
    """Standard deviation of a draw over that of a seed."""
    crossed: bool = False
    scales: tuple[float, ...] = SCALES


@dataclass(frozen=True)
class World:
    """A batch of experiments: who is right, (batch, S, I) and (batch, S, R, I), with its truths."""

    a: np.ndarray
    b: np.ndarray
    gap: np.ndarray
    on_these: np.ndarray
    of_first: np.ndarray
    """Difference over all images of the first model of each method."""


def simulate(cell: Cell, count: int, generator: np.random.Generator) -> World:
    """`count` experiments of a cell."""

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal((count, *shape), dtype=np.float32)

    scale = generator.choice(cell.scales, count).astype(np.float32)
    seed, draw = SEED * scale, SEED * cell.ratio * scale
    gap = np.where(np.arange(count) % 2, MARGIN, 0.0)
    start_a = _start(cell.accuracy, seed**2)
    start_b = _start(cell.accuracy - gap, seed**2 + draw**2)
    difficulty = DIFFICULTY * normal(cell.images)
    of_a = start_a[:, None] + difficulty + OWN * normal(cell.images)
    of_b = start_b[:, None] + difficulty + OWN * normal(cell.images)
    draws = normal(1 if cell.crossed else cell.seeds, cell.draws)
    shift_a = seed[:, None] * normal(cell.seeds)
    shift_b = seed[:, None, None] * normal(cell.seeds, 1) + draw[:, None, None] * draws
    a = of_a[:, None, :] + shift_a[..., None] + normal(cell.seeds, cell.images) > 0
    noise = normal(cell.seeds, cell.draws, cell.images)
    b = of_b[:, None, None, :] + shift_b[..., None] + noise > 0
    wide_a, wide_b = np.sqrt(1 + seed**2), np.sqrt(1 + seed**2 + draw**2)
    on_these = special.ndtr(of_a / wide_a[:, None]) - special.ndtr(of_b / wide_b[:, None])
    wide = math.sqrt(1 + DIFFICULTY**2 + OWN**2)
    firsts = [(start_a, shift_a[:, 0]), (start_b, shift_b[:, 0, 0])]
    one, other = (special.ndtr((start + shift) / wide) for start, shift in firsts)
    return World(a, b, gap, on_these.mean(axis=1), one - other)


def _start(accuracy: float | np.ndarray, variance: np.ndarray) -> np.ndarray:
    """μ with which images, seeds and noise together give `accuracy`."""
    mean = special.ndtri(accuracy) * np.sqrt(1 + DIFFICULTY**2 + OWN**2 + variance)
    return np.asarray(mean, dtype=np.float32)


def true_spread(cell: Cell, samples: int = 1_000_000) -> Spread:
    """Of seeds, images and the rest, integrated over the model itself where both are as accurate."""
    (scale,) = cell.scales
    generator, sd = np.random.default_rng(3), SEED * scale
    start = float(_start(cell.accuracy, np.asarray(sd**2)))
    seed, common, *own = generator.standard_normal((4, samples))
    seeds = 2 * np.var(special.ndtr((start + sd * seed) / math.sqrt(1 + DIFFICULTY**2 + OWN**2)))
    of_image = [start + DIFFICULTY * common + OWN * one for one in own]
    a, b = (special.ndtr(value / math.sqrt(1 + sd**2)) for value in of_image)
    total, images = np.mean(a + b - 2 * a * b), np.var(a - b)
    return Spread(
        seed=float(seeds), image=float(images), rest=float(total - seeds - images), seeds=99
    )
