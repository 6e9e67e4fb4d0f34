"""What the gradients of dense adapters cost against a plain forward pass, by turns in one process.

    python -m bench.adapter_gradient [--backbone NAME] [--images 24] [--rounds 3] [--threads 1] [--quick] [--json]

Random weights of ViT-B/16 (or `--backbone`), site attn; CPU seconds on a CPU, events on a GPU; medians.
Rows: the pass of G alone, with its look at one image, and with the pass for the head's features; the
head's fit is apart. `--quick` takes ict_tiny, and says how, not which: its blocks are too narrow.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bench.speed import forward, load, timed
from ict.catalogue import BUNDLED, SITE
from ict.criteria import ADAPTER_GRADIENT, Request
from ict.machine import choose_device
from ict.model.timm_types import timm_model
from ict.scoring.adapter_gradient import sum_gradients
from ict.scoring.heads import collect_features, cross_fit
from ict.scoring.reading import Meter

CLASSES = 4
LIMITS = {  # ratio to a forward pass: (its passes, at most)
    f"{ADAPTER_GRADIENT} / forward": (("gradients",), 2.4),
    f"{ADAPTER_GRADIENT} with features / forward": (("features", "gradients"), 3.4),
}


def measure(backbone: str, *, images: int, batch: int, rounds: int, device: str) -> dict[str, Any]:
    """Median seconds of each pass over `images`, and the ratios of `LIMITS`."""
    model = load(backbone, device, classes=0).eval()
    size = timm_model(model).patch_embed.img_size[0]
    pixels = torch.randn(images, 3, size, size, device=device)
    labels = torch.arange(images, device=device) % CLASSES
    batches = list(zip(pixels.split(batch), labels.split(batch), strict=True))
    passes = {
        "forward": _each(forward(model, one, "fp32") for one, _ in batches),
        "features": lambda: _ignore(collect_features(model, lambda: batches, _silent())),
        "gradients": gradients(model, batches, images),
    }
    for work in passes.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(rounds):
        for name, work in passes.items():
            seconds[name].append(timed(work, device))
    rows = []
    for what, (names, limit) in LIMITS.items():
        sums = [sum(values) for values in zip(*(seconds[name] for name in names), strict=True)]
        ratios = [a / b for a, b in zip(sums, seconds["forward"], strict=True)]
        rows.append({"what": what, "ratio": statistics.median(ratios), "target": limit})
    return {
        "backbone": backbone, "images": images, "batch": batch, "rounds": rounds, "device": device,
        "threads": torch.get_num_threads(),
        "seconds": {name: statistics.median(values) for name, values in seconds.items()},
        "ratios": rows,
    }  # fmt: skip


def gradients(model: nn.Module, batches: list[Any], images: int) -> Callable[[], None]:
    """The pass of G under a head that is fitted before."""
    heads = cross_fit(model, lambda: batches, classes=CLASSES, kind="ncm", meter=_silent())
    request = Request(sites=(SITE,), classes=CLASSES, images=images, tokens="all")
    return lambda: _ignore(
        sum_gradients(model, lambda: batches, heads, request=request, meter=_silent())
    )


def _each(works: Any) -> Callable[[], None]:
    kept = list(works)

    def work() -> None:
        for one in kept:
            one()

    return work


def _silent() -> Meter:
    return Meter(None, 0)


def _ignore(_value: object) -> None:
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone")
    parser.add_argument("--images", type=int)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = measure(
        options.backbone or (BUNDLED if options.quick else "vit_base_patch16_224.orig_in21k"),
        images=options.images or (32 if options.quick else 24),
        batch=options.batch,
        rounds=options.rounds,
        device=choose_device(None),
    )
    if options.json:
        print(json.dumps(report))
        return
    print(f"{report['backbone']}, {report['images']} images, {report['device']}")
    for row in report["ratios"]:
        print(f"  {row['what']:42} {row['ratio']:.2f}   (target ≤ {row['target']})")


if __name__ == "__main__":
    main()
