"""One training step of ICT on several threads: the batch in parts, or every operation in parts.

    OMP_WAIT_POLICY=PASSIVE python -m bench.replicas [--backbone NAME] [--threads N] [--quick] [--json]

Wall-clock seconds on idle cores, by turns, medians; random weights, K = 12.5 %, the precision that a
run takes. `ratio` is a step with replicas (`ict.training.replicas`) over one with torch's own
threads, which sleep while they wait, as in every run.
"""

import argparse
import json
import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

import ict
from bench.speed import load
from ict.catalogue import BUNDLED, RATIO
from ict.data import ImageSet
from ict.machine import cores, prefers_bf16
from ict.model.backbones import use_fastest_attention
from ict.model.timm_types import timm_model
from ict.resolve import resolve
from ict.training import Settings, Trainer
from ict.training.methods import prepare

CLASSES = 10


def measure(backbone: str, *, threads: int, batch: int, rounds: int) -> dict[str, Any]:
    """Median seconds of an epoch of one batch, with one replica and with `threads`, and their ratio."""
    precision = "bf16" if prefers_bf16("cpu") else "fp32"
    model = adapted(backbone, precision)
    size = timm_model(load(backbone, "cpu")).patch_embed.img_size[0]
    data = ImageSet(
        torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8),
        torch.arange(batch) % CLASSES,
        CLASSES,
    )
    trainers = {
        name: Trainer(model, data, settings(batch, precision, replicas))
        for name, replicas in (("operations", 1), ("replicas", threads))
    }
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for turn in range(rounds + 1):
        for name, trainer in trainers.items():
            started = time.perf_counter()
            trainer.epoch(1)
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - started)
    pairs = zip(seconds["replicas"], seconds["operations"], strict=True)
    return {
        "backbone": backbone,
        "batch": batch,
        "threads": threads,
        "precision": precision,
        "seconds": {name: statistics.median(values) for name, values in seconds.items()},
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def adapted(backbone: str, precision: str) -> nn.Module:
    """The backbone as a run of method `ict` on the CPU prepares it."""
    fields = {"task": "digits", "backbone": backbone, "method": "ict"}
    config = resolve(fields, weights="none", fetch=False).config
    model = load(backbone, "cpu", classes=CLASSES)
    images: list[tuple[Tensor, Tensor]] = [
        (torch.randn(4, 3, *timm_model(model).patch_embed.img_size), torch.arange(4) % 2)
    ]
    selection = ict.select(ict.score(model, images), ratio=RATIO)
    use_fastest_attention(model, "cpu", precision)
    return prepare(model, config, selection)


def settings(batch: int, precision: str, threads: int) -> Settings:
    return Settings(
        epochs=1,
        batch_size=batch,
        lr=1e-4,
        weight_decay=0.0,
        warmup_epochs=0,
        label_smoothing=0.0,
        seed=0,
        precision=precision,
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        threads=threads,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone", default=BUNDLED)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rounds = options.rounds or (3 if options.quick else 7)
    rates = measure(options.backbone, threads=options.threads, batch=options.batch, rounds=rounds)
    if options.json:
        print(json.dumps(rates))
    else:
        print(f"{rates['backbone']}, {rates['threads']} threads: {rates['ratio']:.2f}")


if __name__ == "__main__":
    main()
