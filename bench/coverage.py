"""How often the intervals of `ict.analysis` hold, how often its verdicts are wrong, and its power.

    OMP_NUM_THREADS=1 python -m bench.coverage [--quick] [--experiments 10000] [--json]

The experiments are those of `bench.coverage_world` (accuracies) and `bench.coverage_losses`: no
estimator of the library is part of them. Tasks differ in how much their seeds spread (by 0.5, 1, 2). Half of the experiments have no true
difference (*different* is false), half one of the margin, one point (*equivalent* is false); over fixed
images their own rest of a difference is taken off first.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from statistics import NormalDist
from typing import Any

import numpy as np

from bench.coverage_kinds import KINDS
from bench.coverage_losses import LossCell, loss_cells, simulate_losses
from bench.coverage_world import Cell, simulate, true_spread
from ict.analysis.differences import IMAGES, MODELS, SEEDS, Difference, over_tasks
from ict.analysis.power import Spread, power
from ict.analysis.verdicts import judge

TASKS = (1, 4, 19)
BATCH = 100
LEAST, MOST_FALSE, SHRINK = 0.93, 0.06, 1.4
MOST_FALSE_OF_LOSSES = 0.07  # what is left by a coverage of 93 %, where losses are skewed


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One estimate, and the truth that it speaks about."""

    found: Difference
    truth: float
    gap: float
    """0 or the margin: the difference over all images."""


def trials(
    cell: Cell | LossCell, kinds: tuple[str, ...], count: int, seed: int
) -> dict[str, list[Trial]]:
    """Estimates of `count` experiments, kind by kind."""
    generator = np.random.default_rng([seed, cell.seeds, cell.images, cell.draws])
    by_kind: dict[str, list[Trial]] = {kind: [] for kind in kinds}
    for begun in range(0, count, BATCH):
        batch = min(BATCH, count - begun)
        if isinstance(cell, LossCell):
            world = simulate_losses(cell, batch, generator)
        else:
            world = simulate(cell, batch, generator)
        for i, gap in enumerate(world.gap):
            for kind in kinds:
                truth = float(
                    {IMAGES: world.gap, MODELS: world.of_first}.get(kind, world.on_these)[i]
                )
                estimate = KINDS[kind](world.a[i], world.b[i])
                by_kind[kind].append(Trial(found=estimate, truth=truth, gap=float(gap)))
    return by_kind


def together(pool: list[Trial], tasks: int, seed: int) -> Iterator[Trial]:
    """Each experiment with `tasks` − 1 others of the same gap, as one study of several tasks."""
    if tasks == 1:
        yield from pool
        return
    generator = np.random.default_rng([seed, tasks])
    for gap in sorted({trial.gap for trial in pool}):
        same = [trial for trial in pool if trial.gap == gap]
        orders = [generator.permutation(len(same)) for _ in range(tasks)]
        for chosen in zip(*orders, strict=True):
            parts = [same[i] for i in chosen]
            truth = math.fsum(part.truth for part in parts) / tasks
            yield Trial(found=over_tasks([p.found for p in parts]), truth=truth, gap=gap)


def row(cell: Cell | LossCell, kind: str, tasks: int, pool: list[Trial]) -> dict[str, Any]:
    """Coverage, coverage of the shrunk interval, mean half width and false verdicts of one cell."""
    held = shrunk = count = 0
    width, false = 0.0, {True: 0, False: 0}
    for trial in together(pool, tasks, seed=1):
        low, high = trial.found.interval()
        off, half = abs(trial.found.mean - trial.truth), (high - low) / 2
        held, shrunk, count = held + (off <= half), shrunk + (off <= half / SHRINK), count + 1
        width += half
        verdict = judge(replace(trial.found, mean=trial.found.mean - trial.truth + trial.gap))
        false[trial.gap > 0] += verdict.equivalent if trial.gap else verdict.different
    shape = "tail" if isinstance(cell, LossCell) else "accuracy"
    return {
        "over": kind,
        **{n: getattr(cell, n) for n in ("seeds", "images", shape, "draws", "ratio")},
        "tasks": tasks,
        "experiments": count,
        "coverage": held / count,
        "coverage_shrunk": shrunk / count,
        "half_width": width / count,
        "false_different": 2 * false[False] / count,
        "false_equivalent": 2 * false[True] / count,
    }


def cells(*, quick: bool) -> Iterator[tuple[Cell, tuple[str, ...], tuple[int, ...]]]:
    """Designs with the kinds of interval and the numbers of tasks that are tried on them."""
    designs = product((3, 5), (200, 2000), (0.75, 0.97), (1, 5), (0.0, 1.0, 3.0))
    for seeds, images, accuracy, draws, ratio in designs:
        if quick and (images, draws) != (200, 5):
            continue
        cell = Cell(seeds=seeds, images=images, accuracy=accuracy, draws=draws, ratio=ratio)
        yield cell, (SEEDS, IMAGES), TASKS
        if draws == 5:
            yield replace(cell, crossed=True), ("crossed draws",), (1,)
        elif ratio == 0:
            yield cell, ("unpaired seeds", MODELS), (1,)


def coverage(experiments: int, *, quick: bool) -> list[dict[str, Any]]:
    """A row of each cell, kind and number of tasks."""
    rows = []
    for cell, kinds, tasks in cells(quick=quick):
        pools = trials(cell, kinds, experiments, seed=0)
        for kind, pool in pools.items():
            rows += [row(cell, kind, n, pool) for n in tasks]
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def losses(experiments: int, *, quick: bool) -> list[dict[str, Any]]:
    """The same of losses; over new images too, which for the coverage that it has is not told of them."""
    rows, of_seeds = [], TASKS[:2] if quick else TASKS  # 19 of a small pool share too many
    for cell, kinds in loss_cells(quick=quick):
        for kind, pool in trials(cell, kinds, experiments, seed=5).items():
            rows += [row(cell, kind, n, pool) for n in (of_seeds if kind == SEEDS else (1,))]
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def predicted_power(experiments: int) -> list[dict[str, Any]]:
    """Power as predicted from the true spreads, beside how often *different* was found."""
    rows = []
    for seeds, images, over in product((3, 5, 10), (200, 2000), (SEEDS, IMAGES)):
        cell = Cell(seeds=seeds, images=images, accuracy=0.75, scales=(1.0,))
        spread = true_spread(cell)
        differences = [x / 1000 for x in range(2, 200)]
        for power_wanted in (0.5, 0.8):
            gap = min(
                differences, key=lambda g: abs(power(g, seeds, images, spread, over) - power_wanted)
            )
            rows.append(_power_row(cell, over, gap, spread, experiments))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def _power_row(
    cell: Cell, over: str, gap: float, found: Spread, experiments: int
) -> dict[str, Any]:
    generator = np.random.default_rng([2, cell.seeds, cell.images])
    seen = 0
    for begun in range(0, experiments, BATCH):
        world = simulate(cell, min(BATCH, experiments - begun), generator)
        for i, own in enumerate(world.gap):
            estimate = KINDS[over](world.a[i], world.b[i])
            off = own if over == IMAGES else world.on_these[i]
            seen += judge(replace(estimate, mean=estimate.mean - float(off) + gap)).different
    return {
        "over": over,
        "seeds": cell.seeds,
        "images": cell.images,
        "difference": gap,
        "predicted": power(gap, cell.seeds, cell.images, found, over),
        "found": seen / experiments,
    }


def bootstraps(experiments: int, resamples: int = 500) -> list[dict[str, Any]]:
    """What is not printed by the library: percentile bootstraps of seeds, and of seeds and images, beside
    its closed forms on the same experiments."""
    rows = []
    for seeds, images in product((3, 5), (200, 2000)):
        cell = Cell(seeds=seeds, images=images, accuracy=0.75)
        generator = np.random.default_rng([4, seeds, images])
        held = {over: [0, 0] for over in (SEEDS, IMAGES)}
        for begun in range(0, experiments, BATCH):
            world = simulate(cell, min(BATCH, experiments - begun), generator)
            for i, own in enumerate(world.gap):
                d = world.a[i] - world.b[i].mean(axis=1, dtype=np.float32)
                of_seeds = generator.multinomial(seeds, [1 / seeds] * seeds, resamples) / seeds
                by_image = of_seeds @ d
                of_images = generator.multinomial(images, [1 / images] * images, resamples)
                for over, truth, means in (
                    (SEEDS, world.on_these[i], by_image.mean(axis=1)),
                    (IMAGES, own, (by_image * of_images).sum(axis=1) / images),
                ):
                    low, high = np.quantile(means, (0.025, 0.975))
                    closed = KINDS[over](world.a[i], world.b[i]).interval()
                    held[over][0] += int(low <= truth <= high)
                    held[over][1] += int(closed[0] <= truth <= closed[1])
        for over, (boot, closed_form) in held.items():
            rows.append(
                {
                    "over": over,
                    "seeds": seeds,
                    "images": images,
                    "coverage_bootstrap": boot / experiments,
                    "coverage": closed_form / experiments,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def failures(found: dict[str, Any]) -> list[str]:
    """What does not hold: intervals that are too narrow or too wide, false verdicts, wrong power."""
    slack = 2 * NormalDist().inv_cdf(0.999) * math.sqrt(0.05 * 0.95 / found["experiments"]) / 2
    said = []
    for one in [*found["cells"], *(one for one in found["losses"] if one["over"] != IMAGES)]:
        name = " ".join(f"{n}={one[n]}" for n in list(one)[:7])
        if one["coverage"] < LEAST - slack:
            said.append(f"{name}: covers {one['coverage']:.3f}")
        if one["coverage_shrunk"] >= 0.95:
            said.append(f"{name}: shrunk by {SHRINK} it covers {one['coverage_shrunk']:.3f}")
        most = MOST_FALSE_OF_LOSSES if "tail" in one else MOST_FALSE
        for verdict in ("false_different", "false_equivalent"):
            if one[verdict] > most + slack:
                said.append(f"{name}: {verdict} {one[verdict]:.3f}")
    for one in found["power"]:
        if abs(one["predicted"] - one["found"]) > 0.03 + slack:
            said.append(f"power {one}")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the cells")
    parser.add_argument("--experiments", type=int, help="of a cell (10,000; quick: 1,000)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    experiments = options.experiments or (1_000 if options.quick else 10_000)
    begun = time.perf_counter()
    report: dict[str, Any] = {
        "experiments": experiments,
        "cells": coverage(experiments, quick=options.quick),
        "losses": losses(experiments // 2, quick=options.quick),
        "power": predicted_power(experiments // 2),
        "bootstraps": bootstraps(experiments // 20),
    }
    report["failures"] = failures(report)
    report["seconds"] = time.perf_counter() - begun
    if options.json:
        print(json.dumps(report))
    else:
        print("\n".join(report["failures"]) or "every interval holds, and none is needlessly wide")
    return int(bool(report["failures"]))


if __name__ == "__main__":
    raise SystemExit(main())
