"""ICT's own work against what it is made of: ratios in one process, alternatives by turns.

    python -m bench.speed [--backbone NAME] [--batch 8] [--rounds 5] [--threads 1] [--quick] [--json]

Random weights of ViT-B/16 (or `--backbone`), K = 12.5 %; CPU seconds on a CPU, events on a GPU;
medians. `--quick` takes ict_tiny and three rounds. Rows: scoring against a plain forward pass (it
stops behind the last site), and training steps of ICT against a forward pass, a step of full
fine-tuning and a step of LoRA (rank 8 on q and v, HF PEFT).
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import ict
from ict.catalogue import BUNDLED, RATIO, SITE
from ict.criteria import CRITERION, Request, get_criterion
from ict.machine import choose_device
from ict.model.backbones import load_backbone, use_fastest_attention
from ict.model.timm_types import timm_model
from ict.resolve import resolve
from ict.training import halve_frozen_layers
from ict.training.methods import prepare
from ict.training.step import autocast, make_step

CLASSES = 100
TARGETS = {  # ratio: (numerator, denominator, at most)
    "scoring / forward": ("scoring", "forward", 1.0),
    "ICT step / forward": ("ict step", "forward", 2.0),
    "ICT step / full step": ("ict step", "full step", 0.67),
    "ICT step / LoRA step": ("ict step", "lora step", 0.9),
}


def measure(
    backbone: str, *, batch: int, rounds: int, device: str, precision: str
) -> dict[str, Any]:
    """Median seconds of each alternative and the ratios of `TARGETS`."""
    size = timm_model(load(backbone, device)).patch_embed.img_size[0]
    images = torch.randn(batch, 3, size, size, device=device)
    labels = torch.arange(batch, device=device) % CLASSES
    alternatives = {
        "forward": forward(load(backbone, device), images, precision),
        "scoring": scoring(load(backbone, device), images, labels),
        **{
            f"{method} step": step(
                backbone, method, images, labels, device=device, precision=precision
            )
            for method in ("ict", "full", "lora")
        },
    }
    if precision != "fp32":  # scores are made in fp32, so their forward pass is too
        alternatives["fp32 forward"] = forward(load(backbone, device), images, "fp32")
    for work in alternatives.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, work in alternatives.items():
            seconds[name].append(timed(work, device))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rows = []
    for name, (above, below, limit) in TARGETS.items():
        base = "fp32 forward" if above == "scoring" and precision != "fp32" else below
        ratios = [a / b for a, b in zip(seconds[above], seconds[base], strict=True)]
        rows.append({"what": name, "ratio": statistics.median(ratios), "target": limit})
    return {
        "backbone": backbone,
        "batch": batch,
        "rounds": rounds,
        "device": device,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "seconds": medians,
        "ratios": rows,
    }


def load(
    backbone: str, device: str, *, precision: str = "fp32", classes: int = CLASSES
) -> nn.Module:
    model = load_backbone(backbone, weights="none", weights_file=None, classes=classes)
    use_fastest_attention(model, device, precision)
    return model.to(device)


def forward(model: nn.Module, images: torch.Tensor, precision: str) -> Callable[[], None]:
    use_fastest_attention(model, images.device.type, precision)

    @torch.inference_mode()
    def work() -> None:
        with autocast(images.device, precision):
            model(images)

    return work


def scoring(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    request = Request(sites=(SITE,), classes=CLASSES, images=len(images))
    return lambda: _ignore(
        get_criterion(CRITERION).compute(model, lambda: [(images, labels)], request)
    )


def step(
    backbone: str,
    method: str,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    device: str,
    precision: str,
) -> Callable[[], None]:
    """One optimiser step of a method as a run prepares it."""
    fields: dict[str, Any] = {"task": "digits", "backbone": backbone, "method": method}
    fields |= {"lora_rank": 8} if method == "lora" else {}
    config = resolve(fields, weights="none", fetch=False).config
    model = load(backbone, "cpu")
    selection = None
    if method == "ict":
        scores = ict.score(model, [(images.cpu(), labels.cpu())])
        selection = ict.select(scores, ratio=RATIO)
    prepare(model, config, selection).to(device)
    use_fastest_attention(model, device, precision)
    if precision == "bf16":
        halve_frozen_layers(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=device.startswith("cuda"))
    gradients = make_step(
        model.train(), images.device, precision=precision, label_smoothing=0.0, threads=1
    )

    def work() -> None:
        gradients(images, labels)
        optimizer.step()

    return work


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds of the device: CPU time of this process, or events around the work."""
    if device.startswith("cuda"):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1000
    started = time.process_time()
    work()
    return time.process_time() - started


def _ignore(_value: object) -> None:
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    quick = options.quick
    report = measure(
        options.backbone or (BUNDLED if quick else "vit_base_patch16_224.orig_in21k"),
        batch=options.batch or (32 if quick else 8),
        rounds=options.rounds or (3 if quick else 5),
        device=choose_device(None),
        precision=options.precision,
    )
    if options.json:
        print(json.dumps(report))
        return
    print(
        f"{report['backbone']}, batch {report['batch']}, {report['device']}, {report['precision']}"
    )
    for row in report["ratios"]:
        print(f"  {row['what']:24} {row['ratio']:.2f}   (target ≤ {row['target']})")


if __name__ == "__main__":
    main()
