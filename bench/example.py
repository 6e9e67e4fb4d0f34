"""Makes `assets/example_store`, which the app shows while a store is empty.

    ICT_VTAB_ROOT=../shared/vtab-1k python -m bench.example [--keep STORE]

Runs the example's two studies and what the pages show besides, by our own commands, in a store of its own
(`--keep` names one that may hold results already), and copies what pages read: `digits` with the bundled
backbone at 48 pixels, and four tasks of photographs with real weights at 98. Of photographs there are
numbers, scores and first steps; no image, no class norms, no gradients, which would take 28 MB a task.
Adapters above 24 channels, logs and per-image sums stay behind, as does what cannot be read without them;
what was made of the sums is copied. Gradients on digits are copied in half precision, in half as many
parts.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.own_store import own_store
from bench.selectors import REAL, WEIGHTS
from ict.adapter_gradients import AdapterGradients
from ict.criteria import ADAPTER_GRADIENT, CRITERION
from ict.documents.score_record import ScoreRecord
from ict.files import atomic_write_bytes, atomic_write_json
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store import Run, Store
from ict.store.names import (
    ADAPTER,
    CONFIG,
    EXECUTION,
    PREDICTIONS,
    PROGRESS,
    RESULT,
    SELECTION,
    gradient_file,
    meta_file,
)
from ict.tasks import find_folder, get_task

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "assets" / "example_store"
STUDIES = ("example_photographs", "example")  # pages begin with the newest run: digits
DRAWN = ("digits", "sprites_loc", "sprites_ori")
PHOTOGRAPHS = ("caltech101", "cifar", "kitti", "oxford_iiit_pet")
SHARES = ("0.015625", "0.03125", "0.0625", "0.125", "0.25", "0.5")
FEW_SHARES = ("0.03125", "0.125")  # of what takes a minute each
OF_DIGITS = ("l2", "variance", "taylor", "anova_f", ADAPTER_GRADIENT)
OF_PHOTOGRAPHS = ("l2", "taylor", ADAPTER_GRADIENT)
PIXELS = ("--split", "train800", "--image-size", "48")  # what the recipe trains digits at
REAL_PIXELS = (
    "--split",
    "train800",
    "--image-size",
    "98",
    "--backbone",
    REAL,
    "--weights",
    WEIGHTS,
)
READ = (CONFIG, RESULT, PROGRESS, SELECTION, EXECUTION, PREDICTIONS)
FEW_CHANNELS = 24
FEW_CLASSES = 10
PARTS_OF_HEAD = 2
MOST_BYTES = 15_000_000


def ict(*arguments: str) -> None:
    """A command, on the store of $ICT_STORE."""
    print("ict", *arguments, file=sys.stderr)
    command = [sys.executable, "-m", "ict", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def compute(store: Store) -> None:
    """What the example shows, by the commands that users have."""
    for name in STUDIES:
        ict("study", "run", str(ROOT / "assets" / "studies" / f"{name}.toml"))
    _of_tasks(DRAWN, PIXELS)
    _of_tasks(PHOTOGRAPHS, REAL_PIXELS)
    for criterion in OF_DIGITS:
        ict("score", "digits", "--criterion", criterion, *PIXELS)
    for task in PHOTOGRAPHS:
        for criterion in OF_PHOTOGRAPHS:
            ict("score", task, "--criterion", criterion, *REAL_PIXELS)
    few = [word for share in ("0.125", "0.25", "0.5", "0.75") for word in ("--fraction", share)]
    few += ["--random-draws", "3", "--scatter", "3", "--limit", "200", "--image-size", "48"]
    ict("causal", "digits", "--criterion", CRITERION, "--criterion", "taylor", *few)
    for task in ("sprites_ori", "digits"):
        ict("inspect", task, "--limit", "300", "--image-size", "48")
    _kept_for_pages(store)


def _of_tasks(tasks: tuple[str, ...], how: tuple[str, ...]) -> None:
    """Overlap with its ceiling at every K/D, stability, energy, and scores of class tokens."""
    for share in SHARES:
        halves = () if share == "0.125" else ("--permutations", "0")
        ict("overlap", *tasks, *how, "--ratio", share, *halves)
    ict("stability", *tasks, *how)
    ict("energy", *tasks, *how)
    for task in tasks:
        ict("score", task, "--tokens", "cls", *how)


def _kept_for_pages(store: Store) -> None:
    """What is made of sums and gradients, which stay behind, at the K/D that the pages offer."""
    records = [ScoreRecord.of(meta) for meta in store.scores()]
    records = [one for one in records if one.tokens in ("patch", "all")]
    figures = {CRITERION: "made-of", ADAPTER_GRADIENT: "first-step"}
    with tempfile.TemporaryDirectory() as folder:
        out = ("--out", str(Path(folder) / "rows.json"), "--force")
        for one in records:
            if name := figures.get(str(one.criterion)):
                slow = name == "first-step" and one.task in PHOTOGRAPHS
                for share in FEW_SHARES if slow else SHARES:
                    ict("figure", name, "--from", str(one.score_id), "--ratio", share, *out)


def copy(source: Store, target: Store) -> None:
    """The files that pages read, and nothing that is large."""
    if target.root.exists():
        shutil.rmtree(target.root)
    for run in source.runs():
        if run.status() != "done":
            continue
        folder = target.runs_dir / run.id
        folder.mkdir(parents=True)
        small = (run.config.get("k") or [99])[0] <= FEW_CHANNELS
        for name in (*READ, *([ADAPTER] if small else [])):
            if (run.path / name).is_file():
                shutil.copy(run.path / name, folder / name)
        _forget_paths(Run(folder))
    for name in ("scores", "studies", "analysis", "causal", "inspect"):
        if (source.root / name).is_dir():
            shutil.copytree(source.root / name, target.root / name)
    for meta in target.scores():
        _leave_behind(ScoreRecord.of(meta), Path(meta["path"]))


def _leave_behind(record: ScoreRecord, path: Path) -> None:
    """The score file without per-image sums, nor class norms of many classes; gradients made small."""
    few = len(record.images_per_class or ()) <= FEW_CLASSES
    scores = load_scores(path, kinds=("", "read", "write", *(["per_class"] if few else [])))
    meta = {**scores.meta, "keep_images": False}
    atomic_write_bytes(path, to_bytes(ChannelScores(scores.arrays, meta)))
    atomic_write_json(meta_file(path.parent), meta)
    gradients = gradient_file(path.parent)
    if gradients.is_file() and record.task in PHOTOGRAPHS:
        gradients.unlink()
    elif gradients.is_file():
        _halve(gradients)


def _halve(path: Path) -> None:
    """Fewer parts, in half precision: 3.6 MB instead of 14."""
    small = AdapterGradients.load(path).merged(PARTS_OF_HEAD)
    halves = {name: array.astype(np.float16) for name, array in small.arrays.items()}
    if not all(np.isfinite(array).all() for array in halves.values()):
        raise SystemExit(f"{path}: gradients too large for half precision")
    atomic_write_bytes(path, replace(small, arrays=halves).to_bytes())


def _forget_paths(run: Run) -> None:
    """Where weights and data lay, and the name of the machine, are nobody's business."""
    record = json.loads(run.config_path.read_text())
    record["sources"] = dict.fromkeys(record.get("sources", {}))
    record["command"] = "python -m bench.example"
    atomic_write_json(run.config_path, record)
    execution = json.loads(run.execution_path.read_text())
    kept = {name: execution[name] for name in execution if name not in ("host", "pid")}
    atomic_write_json(run.execution_path, kept)


def check_data() -> None:
    """Refuses before hours are spent. Raises InputError for photographs that are not here."""
    for task in PHOTOGRAPHS:
        find_folder(get_task(task))
    if not Path(WEIGHTS).is_file():
        raise SystemExit(f"{WEIGHTS} is not here; the example needs these weights")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a store to compute in, and to keep")
    chosen = parser.parse_args()
    check_data()
    started = time.monotonic()
    with own_store(chosen.keep) as store:
        compute(store)
        copy(store, Store(EXAMPLE))
    size = sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file())
    print(f"{EXAMPLE}: {size / 1e6:.1f} MB in {(time.monotonic() - started) / 60:.0f} minutes")
    if size > MOST_BYTES:
        raise SystemExit(f"the example is larger than {MOST_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
