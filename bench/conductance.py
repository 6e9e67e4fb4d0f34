"""Peak memory of `conductance` on ViT-B/16: 50 images on the CPU, target under 4 GiB.

    python -m bench.conductance [--images 50] [--steps 10] [--threads 1] [--json]

Random weights unless ViT-B/16's own are on this machine (memory and time do not depend on them).
One pass along the path serves all 12 blocks; captum alone would take one pass a block.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch

from ict.catalogue import get_backbone
from ict.data import batches, load_set
from ict.model.backbones import load_backbone
from ict.scoring import peak_memory_bytes, score
from ict.tasks import load_split
from ict.weights import find, on_this_machine

BACKBONE = "vit_base_patch16_224.orig_in21k"
LIMIT_BYTES = 4 * 2**30


def measure(*, images: int, steps: int, threads: int) -> dict[str, Any]:
    """One row: images, steps, seconds, peak_memory_bytes and whether it stayed under the limit."""
    torch.set_num_threads(threads)
    backbone = get_backbone(BACKBONE)
    weights = find(backbone, None if on_this_machine(backbone) else "none", fetch=False)
    model = load_backbone(BACKBONE, weights=weights.identity, weights_file=weights.path, classes=0)
    data = load_set(load_split("digits", "train800"), backbone.image_size, limit=images)
    started = time.perf_counter()

    def again() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return batches(data, 16, mean=backbone.mean, std=backbone.std)

    def progress(done: int, total: int) -> None:
        seconds = time.perf_counter() - started
        print(f"{done}/{total} images, {seconds:.0f} s", file=sys.stderr, flush=True)

    scores = score(
        model, again, criterion="conductance", classes=data.classes, steps=steps, progress=progress
    )
    peak = peak_memory_bytes("cpu")
    return {
        "backbone": BACKBONE,
        "weights": weights.identity,
        "images": images,
        "steps": steps,
        "threads": threads,
        "images_at_once": scores.meta["images_at_once"],
        "seconds": round(time.perf_counter() - started, 1),
        "peak_memory_bytes": peak,
        "under_4_gib": peak < LIMIT_BYTES,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    row = measure(images=options.images, steps=options.steps, threads=options.threads)
    print(
        json.dumps(row, indent=1)
        if options.json
        else "\n".join(f"{k:20} {v}" for k, v in row.items())
    )


if __name__ == "__main__":
    main()
