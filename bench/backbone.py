"""What the bundled backbone's features are worth, each row measured now.

    python -m bench.backbone [--quick] [--json]         the table
    python -m bench.backbone --curve FOLDER/snapshots   linear probe of each snapshot of a pre-training

Linear probe: standardised features, logistic regression, its C chosen on val200, accuracy on test.
Features: the class token next to the mean of the patch tokens, after the last norm; or raw pixels.
`random` is the same architecture with random weights of seed 0. Two cores: probes about two
minutes, with fine-tuning about half an hour; `--quick` probes four tasks and fine-tunes on digits.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import load_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from bench.own_store import own_store
from ict.catalogue import BUNDLED, BUNDLED_WEIGHTS
from ict.data import load_set, normalise
from ict.errors import InputError
from ict.machine import prefers_bf16
from ict.model.backbones import build_architecture
from ict.model.timm_types import timm_model
from ict.tasks import find_folder, load_split

BUNDLED_TASKS = ("digits", "sprites_loc", "sprites_ori", "count")
REAL_TASKS = ("caltech101", "cifar")
SPLITS = ("train800", "val200", "test")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
SIDE = 64
Sets = dict[str, tuple[Tensor, np.ndarray]]


def available_tasks() -> list[str]:
    """The bundled tasks, then those of REAL_TASKS that $ICT_VTAB_ROOT has."""
    return [*BUNDLED_TASKS, *(task for task in REAL_TASKS if _is_here(task))]


def _is_here(task: str) -> bool:
    try:
        return find_folder(task).is_dir()
    except InputError:
        return False


def load_task(task: str) -> Sets:
    """Images uint8 (N, 3, 64, 64) and labels (N,) of each of SPLITS."""
    sets = {split: load_set(load_split(task, split), SIDE) for split in SPLITS}
    return {split: (s.images, s.labels.numpy()) for split, s in sets.items()}


def backbone_with(weights: Path | None) -> nn.Module:
    """The bundled architecture with the weights of a file, or random ones of seed 0."""
    torch.manual_seed(0)
    model = build_architecture(BUNDLED).eval()
    if weights is not None:
        model.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    return model


@torch.inference_mode()
def features(model: nn.Module, images: Tensor) -> np.ndarray:
    """(N, 2D): the class token next to the mean of the patch tokens, after the last norm.

    In bf16, a third of the time of fp32, where the processor has it.
    """
    parts = []
    for batch in images.split(128):
        pixels = normalise(batch, [0.5] * 3, [0.5] * 3, torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=prefers_bf16("cpu")):
            tokens = timm_model(model).forward_features(pixels).float()
        parts.append(torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1))
    return torch.cat(parts).numpy()


def probe(inputs: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, float]:
    """Test and val200 accuracy, and C, of the logistic regression that is best on val200."""
    scaler = StandardScaler().fit(inputs["train800"])
    scaled = {split: scaler.transform(values) for split, values in inputs.items()}
    best = {"val_accuracy": -1.0}
    for strength in STRENGTHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = LogisticRegression(C=strength, max_iter=500, tol=1e-3)
            fitted.fit(scaled["train800"], labels["train800"])
        value = fitted.score(scaled["val200"], labels["val200"])
        if value > best["val_accuracy"]:
            test = fitted.score(scaled["test"], labels["test"])
            best = {"val_accuracy": value, "test_accuracy": test, "c": strength}
    return best


def probe_row(task: str, sets: Sets, backbone: str, weights: Path | None) -> dict[str, Any]:
    """One row of the table; `backbone` is random, ict_tiny, a snapshot's name, or pixels."""
    started = time.monotonic()
    if backbone == "pixels":
        inputs = {split: images.flatten(1).float().numpy() for split, (images, _) in sets.items()}
    else:
        model = backbone_with(weights)
        inputs = {split: features(model, images) for split, (images, _) in sets.items()}
    fitted = probe(inputs, {split: labels for split, (_, labels) in sets.items()})
    seconds = round(time.monotonic() - started, 1)
    return {"task": task, "backbone": backbone, "method": "probe", **fitted, "seconds": seconds}


def tuned_row(task: str, method: str, weights: Path, settings: list[str]) -> dict[str, Any]:
    """The row of `ict train` with the recipe `quick`, in a process of its own."""
    command = [sys.executable, "-m", "ict", "train", task, "--method", method, "--wait", "--json"]
    command += ["--weights", str(weights), *(f"--set={setting}" for setting in settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{' '.join(command)}: {done.stdout or done.stderr}")
    result = json.loads(done.stdout)
    return {
        "task": task,
        "backbone": BUNDLED,
        "method": method,
        "val_accuracy": result["val_accuracy"],
        "test_accuracy": result["test_accuracy"],
        "trainable_parameters": result["trainable_parameters"],
        "seconds": round(result["train_seconds"], 1),
    }


def table(
    weights: Path, *, tasks: list[str], tuned: list[str], settings: list[str]
) -> Iterator[dict[str, Any]]:
    """Probe rows of every task, then ICT, linear and full fine-tuning on `tuned`."""
    for task in tasks:
        sets = load_task(task)
        yield probe_row(task, sets, "random", None)
        yield probe_row(task, sets, BUNDLED, weights)
        yield probe_row(task, sets, "pixels", None)
    for method in ("ict", "full", "linear"):
        for task in tuned:
            yield tuned_row(task, method, weights, settings)


def curve(snapshots: Path, *, tasks: list[str]) -> Iterator[dict[str, Any]]:
    """Probe rows of every snapshot, whose file names are the images seen."""
    sets = {task: load_task(task) for task in tasks}
    for path in sorted(snapshots.glob("*.safetensors")):
        for task in tasks:
            yield {"images": int(path.stem), **probe_row(task, sets[task], path.stem, path)}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.backbone", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--quick", action="store_true", help="fine-tune on digits only")
    parser.add_argument("--probe-only", action="store_true", help="no fine-tuning")
    parser.add_argument("--tasks", nargs="+", help="these tasks instead of all that are here")
    parser.add_argument("--weights", type=Path, default=BUNDLED_WEIGHTS)
    parser.add_argument("--curve", type=Path, help="a folder of snapshots")
    parser.add_argument("--set", action="append", default=[], help="FIELD=VALUE for `ict train`")
    options = parser.parse_args()
    timm.layers.set_fused_attn(False)
    if not options.weights.is_file():
        print(f"--weights {options.weights}: no such file", file=sys.stderr)
        return 2
    tasks = options.tasks or available_tasks()
    tuned = [task for task in tasks if task in BUNDLED_TASKS]
    tuned = [] if options.probe_only else [t for t in tuned if t == "digits" or not options.quick]
    with own_store():
        rows = []
        source = (
            curve(options.curve, tasks=tasks)
            if options.curve
            else table(options.weights, tasks=tasks, tuned=tuned, settings=options.set)
        )
        for row in source:
            rows.append(row)
            print(_line(row), file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        device = {"device": "cpu", "threads": torch.get_num_threads(), "cores": os.cpu_count()}
        print(json.dumps({"weights": options.weights.name, **device, "rows": rows}))
    return 0


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['task']:12s} {row['backbone']:10s} {row['method']:7s} "
        f"test {row['test_accuracy']:.3f}  {row['seconds']:7.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
