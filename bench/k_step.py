"""Which rule keeps the step alike over K: constant, ∝ 1/K, or ∝ 1/Σ rms of the chosen channels?

    OMP_NUM_THREADS=1 python -m bench.k_step [--quick] [--task T] [--json]

Under Adam every weight moves by about the rate in a step, so an adapter's output moves with the rate
times the sum of what it reads. A rule that ignores it makes the curve over K one over step size. Every
rule is 0.02 at K = 24 (the rate of recipe `quick`, searched there); what is compared is the loss on
val200 after equally many steps at other K: adapters in all 12 blocks of ict_tiny, class_l2, seed 42.
The flattest rule has the smallest range of the loss over K, in the mean over tasks. `--quick`: digits
alone, fewer images; it says how, not which.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ict import weights as weight_files
from ict.catalogue import BUNDLED, SITE, get_backbone
from ict.criteria import CRITERION
from ict.data import ImageSet, batches, load_set
from ict.errors import DivergedError
from ict.model.adapters import attach
from ict.model.backbones import load_backbone
from ict.scores import ChannelScores
from ict.scoring import score
from ict.selection import select
from ict.tasks import load_split
from ict.training.evaluation import evaluate
from ict.training.loop import Trainer
from ict.training.settings import Settings

TASKS = ("digits", "count")
KS = (24, 3, 96)
RATE, K_OF_RATE, SEED = 0.02, 24, 42
CONSTANT, BY_K, BY_RMS = "constant", "1/K", "1/Σ rms"


@dataclass(frozen=True)
class Size:
    """How much one training is."""

    tasks: tuple[str, ...]
    images: int
    epochs: int
    batch: int = 16


FULL = Size(TASKS, images=256, epochs=3)
QUICK = Size(TASKS[:1], images=48, epochs=1)


@dataclass(frozen=True)
class Data:
    """One task: training and held-out images, and the scores of the former."""

    name: str
    train: ImageSet
    val: ImageSet
    scores: ChannelScores
    rms: list[np.ndarray]
    """Of each block, (D,): the root mean square of every channel over images and tokens."""


def rates(sums: Mapping[int, float]) -> dict[str, dict[int, float]]:
    """The rate of every rule at every K; `sums` has Σ rms over the chosen channels by K."""
    return {
        CONSTANT: dict.fromkeys(sums, RATE),
        BY_K: {k: RATE * K_OF_RATE / k for k in sums},
        BY_RMS: {k: RATE * sums[K_OF_RATE] / sums[k] for k in sums},
    }


def flattest(losses: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """The rule with the smallest range over K, in the mean over tasks; `losses` by rule, task, K."""

    def spread(rule: str) -> float:
        return statistics.fmean(max(task) - min(task) for task in losses[rule])

    return min(losses, key=spread)


def load(task: str, size: Size) -> Data:
    backbone = get_backbone(BUNDLED)
    train = load_set(load_split(task, "train800"), backbone.image_size, limit=size.images)
    val = load_set(load_split(task, "val200"), backbone.image_size)
    model = _model(classes=0)

    def again() -> Any:
        return batches(train, 64, mean=backbone.mean, std=backbone.std)

    classes = train.classes
    scores = score(model, again, criterion=CRITERION, site=SITE, classes=classes)
    norms = score(model, again, criterion="l2", site=SITE, classes=classes)
    tokens = (backbone.image_size // 8) ** 2
    rms = [np.asarray(row) / np.sqrt(len(train) * tokens) for row in norms.site(SITE)[0]]
    return Data(task, train, val, scores, rms)


def sum_of_rms(data: Data, k: int) -> float:
    """Σ rms over the K chosen channels of a block, in the mean over blocks."""
    chosen = select(data.scores, site=SITE, k=k).blocks
    return statistics.fmean(float(data.rms[one.block][list(one.indices)].sum()) for one in chosen)


def val_loss(data: Data, k: int, lr: float, size: Size) -> float:
    """Loss on val200 (nats) after training at `lr`; infinite where it diverged."""
    backbone = get_backbone(BUNDLED)
    model = attach(
        _model(classes=data.train.classes), select(data.scores, site=SITE, k=k), seed=SEED
    )
    settings = Settings(
        precision="fp32", mean=backbone.mean, std=backbone.std, threads=1, epochs=size.epochs,
        batch_size=size.batch, lr=lr, weight_decay=1e-4, warmup_epochs=1, label_smoothing=0.0,
        seed=SEED,
    )  # fmt: skip
    trainer = Trainer(model, data.train, settings)
    try:
        for epoch in range(1, size.epochs + 1):
            trainer.epoch(epoch)
        return evaluate(model, data.val, settings).loss
    except DivergedError:
        return float("inf")


def _model(*, classes: int) -> torch.nn.Module:
    weights = weight_files.find(get_backbone(BUNDLED), None, fetch=False)
    return load_backbone(
        BUNDLED, weights=weights.identity, weights_file=weights.path, classes=classes, seed=SEED
    )


def compare(data: Data, size: Size) -> list[dict[str, Any]]:
    """One row a rule and K: sum_of_rms, lr, val_loss, seconds. Equal rates are trained once."""
    sums = {k: sum_of_rms(data, k) for k in KS}
    done: dict[tuple[int, float], tuple[float, float]] = {}
    rows = []
    for k in KS:
        for rule, by_k in rates(sums).items():
            at = k, by_k[k]
            if at not in done:
                started = time.perf_counter()
                done[at] = val_loss(data, *at, size), time.perf_counter() - started
                print(f"{data.name} K = {k} lr {by_k[k]:.4f}: {done[at][0]:.3f}", file=sys.stderr)
            rows.append(
                {"task": data.name, "rule": rule, "k": k, "sum_of_rms": sums[k], "lr": by_k[k],
                 "val_loss": done[at][0], "seconds": done[at][1]}
            )  # fmt: skip
    return rows


def measure(size: Size) -> dict[str, Any]:
    """Rows of every task, the range of the loss over K by rule and task, and the flattest rule."""
    rows = [row for task in size.tasks for row in compare(load(task, size), size)]
    losses = {
        rule: [[r["val_loss"] for r in rows if (r["rule"], r["task"]) == (rule, task)]
               for task in size.tasks]
        for rule in (CONSTANT, BY_K, BY_RMS)
    }  # fmt: skip
    return {
        "backbone": BUNDLED, "images": size.images, "epochs": size.epochs, "batch": size.batch,
        "seeds": 1, "threads": torch.get_num_threads(), "rows": rows,
        "range": {rule: [max(t) - min(t) for t in by_task] for rule, by_task in losses.items()},
        "flattest": flattest(losses),
    }  # fmt: skip


def table(found: Mapping[str, Any]) -> str:
    """Loss on val200 by task and rule, one column a K."""
    lines = [
        f"{'task':8} {'rule':9} " + " ".join(f"{f'K = {k}':>16}" for k in sorted(KS)) + "  range"
    ]
    for task in dict.fromkeys(row["task"] for row in found["rows"]):
        for rule in found["range"]:
            own = [r for r in found["rows"] if (r["task"], r["rule"]) == (task, rule)]
            cells = sorted(own, key=lambda row: row["k"])
            losses = [row["val_loss"] for row in cells]
            shown = " ".join(f"{r['val_loss']:7.3f} ({r['lr']:.4f})" for r in cells)
            lines.append(f"{task:8} {rule:9} {shown}  {max(losses) - min(losses):.3f}")
    return "\n".join([*lines, f"flattest: {found['flattest']}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits alone, fewer images")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--task", choices=TASKS, help="this one alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    size = QUICK if options.quick else FULL
    report = measure(replace(size, tasks=(options.task,)) if options.task else size)
    print(json.dumps(report, indent=1) if options.json else table(report))


if __name__ == "__main__":
    main()
