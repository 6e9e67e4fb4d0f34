"""Steps with compiled blocks against plain ones, and against compiled LoRA: ratios in one process, by turns.

    python -m bench.compiled [--backbone NAME] [--batch 64] [--rounds 7] [--quick] [--json]

Random weights of ViT-B/16 (or `--backbone`), K = 12.5 %; on a GPU bf16 and CUDA events, on a CPU fp32
and CPU seconds; medians. `--quick` takes four blocks of ict_tiny's width, batch 8 and ICT and LoRA alone.
What needs a GPU is "not measured" on a CPU. Compile seconds are those of the first step of two fresh
processes, the first with an empty cache, the second with what the first left.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import ict
from bench.speed import CLASSES, timed
from ict.catalogue import RATIO, SITE
from ict.criteria import CRITERION, Request, get_criterion
from ict.machine import choose_device
from ict.model.architecture import TINY, build_architecture
from ict.model.backbones import add_head, use_fastest_attention
from ict.model.timm_types import timm_model
from ict.resolve import resolve
from ict.training import halve_frozen_layers, make_repeatable, make_step, prepare
from ict.training.settings import Compile

QUICK = "four blocks of ict_tiny"
METHODS = ("ict", "lora", "full", "bitfit")
SCORED_BATCHES = 64
STEP_MS = 15.5  # of ICT, ViT-B/16, batch 64, on an H200
TARGETS = {"compiled ICT / compiled LoRA": 0.95, "scoring / forward": 1.1}
Prepared = tuple[nn.Module, Callable[[], Tensor]]


def backbone(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name != QUICK:
        model = build_architecture(name, classes=0)
    else:
        from timm.models.vision_transformer import VisionTransformer

        shape: dict[str, Any] = {**TINY, "depth": 4, "num_classes": 0}
        model = VisionTransformer(**shape)
    add_head(model, CLASSES, seed=0)
    return model


def example(name: str, batch: int, device: str) -> tuple[Tensor, Tensor]:
    size = timm_model(backbone(name)).patch_embed.img_size[0]
    images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))
    return images.to(device), (torch.arange(batch) % CLASSES).to(device)


def prepared(name: str, method: str, device: str, precision: str) -> nn.Module:
    """The model as a run prepares it for `method`, in training mode."""
    fields: dict[str, Any] = {"task": "digits", "method": method}
    fields |= {"lora_rank": 8} if method == "lora" else {}
    config = resolve(fields, weights="none", fetch=False).config
    model, selection = backbone(name), None
    if method == "ict":
        selection = ict.select(ict.score(model, [example(name, 8, "cpu")]), ratio=RATIO)
    prepare(model, config, selection).to(device)
    use_fastest_attention(model, device, precision)
    if precision == "bf16":
        halve_frozen_layers(model)
    return model.train()


def step(
    model: nn.Module, batch: tuple[Tensor, Tensor], precision: str, how: Compile
) -> Callable[[], Tensor]:
    """One optimiser step; gives the loss before it."""
    device = batch[0].device
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=device.type == "cuda")
    gradients = make_step(
        model, device, precision=precision, label_smoothing=0.0, threads=1, compile_blocks=how
    )

    def work() -> Tensor:
        loss, _ = gradients(*batch)
        optimizer.step()
        return loss

    return work


def step_seconds(options: argparse.Namespace) -> dict[str, float]:
    """Median seconds of a step, by method, compiled and not; alternatives by turns."""
    batch = example(options.backbone, options.batch, options.device)
    alternatives = {
        f"{kind} {method}": step(
            prepared(options.backbone, method, options.device, options.precision),
            batch,
            options.precision,
            how,
        )
        for method in options.methods
        for kind, how in (("plain", Compile.NO), ("compiled", Compile.MUST))
    }
    for work in alternatives.values():
        work()
        work()
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(options.rounds):
        for name, work in alternatives.items():
            seconds[name].append(timed(work, options.device))
    return {name: statistics.median(values) for name, values in seconds.items()}


def trained_logits(options: argparse.Namespace, how: Compile, steps: int = 3) -> tuple[Tensor, str]:
    """Logits of the model after `steps` steps, and a digest of the trained parameters."""
    import hashlib

    model = prepared(options.backbone, "ict", options.device, options.precision)
    batch = example(options.backbone, options.batch, options.device)
    work = step(model, batch, options.precision, how)
    for _ in range(steps):
        work()
    trained = [p.detach().cpu().contiguous() for p in model.parameters() if p.requires_grad]
    digest = hashlib.sha256(b"".join(p.numpy().tobytes() for p in trained)).hexdigest()
    with torch.inference_mode():
        return model.eval().float()(batch[0]).cpu(), digest


def one_start(options: argparse.Namespace) -> dict[str, Any]:
    """What a fresh process does: seconds of the first compiled step beyond those of a later one."""
    model = prepared(options.backbone, "ict", options.device, options.precision)
    work = step(
        model,
        example(options.backbone, options.batch, options.device),
        options.precision,
        Compile.MUST,
    )
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        float(work())
        seconds.append(time.perf_counter() - started)
    return {
        "compile_seconds": seconds[0] - seconds[1],
        "digest": trained_logits(options, Compile.MUST)[1],
    }


def two_starts(options: argparse.Namespace) -> dict[str, Any]:
    """Fresh processes on one cache, empty at first: seconds of compiling, and whether they agree."""
    words = ["--start", "--backbone", options.backbone, "--batch", str(options.batch)]
    cold, warm = (
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "bench.compiled", *words],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(2)
    )
    return {
        "compile_seconds_cold": cold["compile_seconds"],
        "compile_seconds_warm": warm["compile_seconds"],
        "two_starts_agree": cold["digest"] == warm["digest"],
    }


def scoring_ratio(options: argparse.Namespace) -> float:
    """Seconds of scoring SCORED_BATCHES batches over those of as many fp32 forward passes, the median."""
    model = backbone(options.backbone).to(options.device).eval()
    images, labels = example(options.backbone, options.batch, options.device)
    count = SCORED_BATCHES * len(images)
    request = Request(sites=(SITE,), classes=CLASSES, images=count)

    def scoring() -> None:
        data = [(images, labels)] * SCORED_BATCHES
        get_criterion(CRITERION).compute(model, lambda: data, request)

    @torch.inference_mode()
    def forwards() -> None:
        for _ in range(SCORED_BATCHES):
            model(images)

    scoring()
    pairs = [(timed(scoring, options.device), timed(forwards, options.device)) for _ in range(3)]
    return statistics.median(a / b for a, b in pairs)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rows. Ratios of what a GPU alone can show are None on a CPU."""
    on_gpu = options.device.startswith("cuda")
    starts = two_starts(options)  # first: on an empty cache
    seconds = step_seconds(options)
    plain, compiled = (trained_logits(options, how)[0] for how in (Compile.NO, Compile.MUST))
    return {
        "backbone": options.backbone,
        "batch": options.batch,
        "rounds": options.rounds,
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "precision": options.precision,
        "torch": torch.__version__,
        "step_seconds": seconds,
        "compiled ICT / compiled LoRA": seconds["compiled ict"] / seconds["compiled lora"],
        "compiled / plain": {
            m: seconds[f"compiled {m}"] / seconds[f"plain {m}"] for m in options.methods
        },
        "scoring / forward": scoring_ratio(options) if on_gpu else None,
        "largest_logit_difference": float((plain - compiled).abs().max()),
        "answers_that_differ": float((plain.argmax(1) != compiled.argmax(1)).float().mean()),
        **starts,
    }


def show(report: dict[str, Any]) -> None:
    print(", ".join(f"{report[name]}" for name in ("backbone", "device", "precision", "torch")))
    for name, seconds in report["step_seconds"].items():
        target = f"   (target ≤ {STEP_MS} on an H200)" if name == "compiled ict" else ""
        print(f"  {name + ' step':30} {1000 * seconds:.1f} ms{target}")
    for name, most in TARGETS.items():
        value = "not measured" if report[name] is None else f"{report[name]:.2f}"
        print(f"  {name:30} {value}   (target ≤ {most})")
    for name in ("compile_seconds_cold", "compile_seconds_warm", "two_starts_agree"):
        print(f"  {name:30} {report[name]}")
    for name in ("largest_logit_difference", "answers_that_differ"):
        print(f"  {name:30} {report[name]:.3g}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--start", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.device = choose_device(None)
    small = options.quick
    options.precision = "bf16" if options.device.startswith("cuda") else "fp32"
    options.backbone = options.backbone or (QUICK if small else "vit_base_patch16_224.orig_in21k")
    options.batch = options.batch or (8 if small else 64)
    options.rounds = options.rounds or (3 if small else 7)
    options.methods = METHODS[:2] if small else METHODS
    make_repeatable(options.device)
    if options.start:
        print(json.dumps(one_start(options)))
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"TORCHINDUCTOR_CACHE_DIR": place, "TRITON_CACHE_DIR": f"{place}/triton"}
        report = measure(options)
    print(json.dumps(report)) if options.json else show(report)


if __name__ == "__main__":
    main()
