"""The experiments of `bench.coverage_world` with losses: two methods, their seeds and test images.

Method m, seed s (and draw r of the second method's random channels) has on image i the loss

    exp(μ_m + tail (difficulty_i + 0.4 own_mi + 0.25 noise) + seed_ms (+ draw_sr)),

all of them normal. Of 797 test images of `digits` the hundredth with the highest losses carries 8 to 9 %
of the mean loss of a network that was trained with label smoothing, and 35 to 57 % without; seeds move
the logarithm of such a loss by 0.15 to 0.2, and by 0.4 to 0.7. So tail is 1 and 2.5: a tenth and over
half of the mean, moved by 0.25 and 0.6.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from bench.coverage_world import SCALES, World
from bench.coverage_world import SEED as SEED_SD
from ict.analysis.differences import IMAGES, SEEDS
from ict.analysis.outcomes import LOSS

MEAN = 0.3  # nats, of the better method
OWN, NOISE = 0.4, 0.25  # of the tail: how far a method, and one training, move an image


@dataclass(frozen=True, kw_only=True)
class LossCell:
    """One design. `gap`: by how many nats the first method is worse in every other experiment."""

    seeds: int
    images: int
    tail: float
    draws: int = 1
    ratio: float = 0.0
    """Standard deviation of a draw over that of a seed."""
    crossed: bool = False
    gap: float = LOSS.margin


def loss_cells(*, quick: bool) -> Iterator[tuple[LossCell, tuple[str, ...]]]:
    """Designs with the kinds of interval that are tried on them.

    Over new images too where the first method has half as much loss again.
    """
    for seeds, images, tail in product((3, 5), (200, 2000), (1.0, 2.5)):
        if quick and images != 200:
            continue
        cell = LossCell(seeds=seeds, images=images, tail=tail)
        yield cell, (SEEDS, "unpaired seeds")
        several = replace(cell, draws=5, ratio=1.0)
        yield several, (SEEDS,)
        yield replace(several, crossed=True), ("crossed draws",)
        yield replace(cell, gap=MEAN / 2), (IMAGES,)


def simulate_losses(cell: LossCell, count: int, generator: np.random.Generator) -> World:
    """`count` experiments of a cell; losses (batch, S, I) and (batch, S, R, I)."""

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal((count, *shape), dtype=np.float32)

    def centred(sd: np.ndarray | float, *shape: int) -> np.ndarray:
        """Logarithms of factors whose mean is 1."""
        return np.asarray(sd * normal(*shape) - np.square(sd) / 2)

    own, noise = OWN * cell.tail, NOISE * cell.tail
    scale = generator.choice(SCALES, count).astype(np.float32)
    seed, draw = SEED_SD * scale, SEED_SD * cell.ratio * scale
    gap = np.where(np.arange(count) % 2, cell.gap, 0.0)
    difficulty = centred(cell.tail, cell.images)
    of_a = np.log(MEAN + gap)[:, None] + difficulty + centred(own, cell.images)
    of_b = math.log(MEAN) + difficulty + centred(own, cell.images)
    shift_a = centred(seed[:, None], cell.seeds)
    draws = centred(draw[:, None, None], 1 if cell.crossed else cell.seeds, cell.draws)
    shift_b = centred(seed[:, None, None], cell.seeds, 1) + draws
    noise_a = centred(noise, cell.seeds, cell.images)
    noise_b = centred(noise, cell.seeds, cell.draws, cell.images)
    a = np.exp(of_a[:, None, :] + shift_a[..., None] + noise_a)
    b = np.exp(of_b[:, None, None, :] + shift_b[..., None] + noise_b)
    on_these = (np.exp(of_a) - np.exp(of_b)).mean(axis=1)
    return World(a, b, gap, on_these, of_first=gap)
