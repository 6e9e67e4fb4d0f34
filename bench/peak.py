"""What a device multiplies at most, and what a training step multiplies: how much of the first the second uses.

    python -m bench.peak [--backbone NAME] [--device cuda:0] [--quick] [--json]

Peak: the product of two square matrices (side 8192 on a GPU, 2048 on a CPU) in the precision that a
run takes, median of 5 rounds of 4. Work: multiplications and additions, counted by PyTorch while
ViT-B/16 (or `--backbone`) with K = 12.5 % makes one step; `--quick` counts ict_tiny.
"""

import argparse
import json
import statistics
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.speed import forward, load, step
from ict.catalogue import BUNDLED, get_backbone
from ict.machine import choose_device, prefers_bf16, thread_limit

VIT_B = "vit_base_patch16_224.orig_in21k"
ROUNDS, REPEATS = 5, 4
_IMAGES = 2


def matrix_peak(device: str, precision: str, *, side: int | None = None) -> float:
    """FLOP a second of one matrix product, with the CPU threads that torch has now."""
    on_gpu = device.startswith("cuda")
    side = side or (8192 if on_gpu else 2048)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    seconds = []
    for turn in range(ROUNDS + 1):
        started = time.perf_counter()
        for _ in range(REPEATS):
            torch.mm(a, b)
        if on_gpu:
            torch.cuda.synchronize(device)
        if turn:  # the first round warms up
            seconds.append((time.perf_counter() - started) / REPEATS)
    return 2 * side**3 / statistics.median(seconds)


def image_flops(backbone: str, method: str = "ict") -> dict[str, float]:
    """FLOP of an image in a forward pass and in a training step, counted on the CPU.

    Products only, 2 for each multiplication with its addition, as the peak is counted. In bf16, where
    attention runs there as the plain products that can be counted.
    """
    size = get_backbone(backbone).image_size
    images = torch.randn(_IMAGES, 3, size, size)
    labels = torch.arange(_IMAGES)
    once = {
        "forward": forward(load(backbone, "cpu"), images, "bf16"),
        "step": step(backbone, method, images, labels, device="cpu", precision="bf16"),
    }
    counted = {}
    for name, work in once.items():
        with FlopCounterMode(display=False) as counter:
            work()
        counted[name] = counter.get_total_flops() / _IMAGES
    return counted


def measure(backbone: str, device: str) -> dict[str, Any]:
    precision = "bf16" if prefers_bf16(device) else "fp32"
    return {
        "device": device,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "peak_flop_per_second": matrix_peak(device, precision),
        "backbone": backbone,
        **{f"{name}_flop": count for name, count in image_flops(backbone).items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone")
    parser.add_argument("--device")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(thread_limit() or torch.get_num_threads())
    backbone = chosen.backbone or (BUNDLED if chosen.quick else VIT_B)
    found = measure(backbone, choose_device(chosen.device))
    if chosen.json:
        print(json.dumps(found))
        return
    print(
        f"{found['device']}, {found['precision']}, {found['threads']} threads: "
        f"{found['peak_flop_per_second'] / 1e12:.3g} TFLOP/s\n"
        f"{backbone}: forward {found['forward_flop'] / 1e9:.1f} GFLOP an image, "
        f"training step {found['step_flop'] / 1e9:.1f}"
    )


if __name__ == "__main__":
    main()
