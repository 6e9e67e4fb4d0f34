"""Makes `assets/example_store`, which the app shows while a store is empty.

    python -m bench.example [--keep STORE]

Runs `assets/studies/example.toml` and what the pages show besides, by our own commands, in a store
of its own (`--keep` names one that may hold results already), and copies what pages read. Adapters
above 24 channels, predictions, logs and per-image sums stay behind: the example is to be looked at.
What was made of the sums (noise ceilings, stability, energy) is copied.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench.own_store import own_store
from ict.files import atomic_write_bytes, atomic_write_json
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store import Run, Store
from ict.store.names import ADAPTER, CONFIG, EXECUTION, PROGRESS, RESULT, SELECTION, meta_file

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "assets" / "example_store"
TASKS = ("digits", "sprites_loc", "sprites_ori")
SHARES = ("0.015625", "0.03125", "0.0625", "0.25", "0.5")  # besides the default eighth
CRITERIA = ("l2", "variance", "taylor", "anova_f")
READ = (CONFIG, RESULT, PROGRESS, SELECTION, EXECUTION)
MOST_BYTES = 8_000_000


def ict(*arguments: str) -> None:
    quiet = subprocess.DEVNULL if "overlap" in arguments else None
    subprocess.run([sys.executable, "-m", "ict", *arguments], check=True, stdout=quiet)


def compute() -> None:
    """What the example shows, by the commands that users have."""
    ict("study", "run", str(ROOT / "assets" / "studies" / "example.toml"))
    for criterion in CRITERIA:
        ict("score", "digits", "--criterion", criterion, "--split", "train800")
    ict("overlap", *TASKS, "--split", "train800")
    for share in SHARES:
        ict("overlap", *TASKS, "--split", "train800", "--ratio", share, "--permutations", "0")
    ict("stability", *TASKS, "--split", "train800")
    ict("energy", *TASKS, "--split", "train800")
    few = [word for share in ("0.125", "0.25", "0.5", "0.75") for word in ("--fraction", share)]
    few += ["--random-draws", "3", "--scatter", "3", "--limit", "200"]
    ict("causal", "digits", "--criterion", "class_l2", "--criterion", "taylor", *few)
    for task in ("sprites_ori", "digits"):
        ict("inspect", task, "--limit", "300")


def copy(source: Store, target: Store) -> None:
    """The files that pages read, and nothing that is large."""
    if target.root.exists():
        shutil.rmtree(target.root)
    for run in source.runs():
        if run.status() != "done":
            continue
        folder = target.runs_dir / run.id
        folder.mkdir(parents=True)
        small = (run.config.get("k") or [99])[0] <= 24
        for name in (*READ, *([ADAPTER] if small else [])):
            if (run.path / name).is_file():
                shutil.copy(run.path / name, folder / name)
        _forget_paths(Run(folder))
    for name in ("scores", "studies", "analysis", "causal", "inspect"):
        if (source.root / name).is_dir():
            shutil.copytree(source.root / name, target.root / name)
    for meta in target.scores():
        _leave_sums(Path(meta["path"]))


def _leave_sums(path: Path) -> None:
    """The score file without its per-image sums."""
    scores = load_scores(path, kinds=("", "per_class"))
    meta = {**scores.meta, "keep_images": False}
    atomic_write_bytes(path, to_bytes(ChannelScores(scores.arrays, meta)))
    atomic_write_json(meta_file(path.parent), meta)


def _forget_paths(run: Run) -> None:
    """Where weights and data lay, and the name of the machine, are nobody's business."""
    record = json.loads(run.config_path.read_text())
    record["sources"] = dict.fromkeys(record.get("sources", {}))
    record["command"] = "python -m bench.example"
    atomic_write_json(run.config_path, record)
    execution = json.loads(run.execution_path.read_text())
    kept = {name: execution[name] for name in execution if name not in ("host", "pid")}
    atomic_write_json(run.execution_path, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a store to compute in, and to keep")
    chosen = parser.parse_args()
    with own_store(chosen.keep) as store:
        compute()
        copy(store, Store(EXAMPLE))
    size = sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file())
    print(f"{EXAMPLE}: {size / 1e6:.1f} MB")
    if size > MOST_BYTES:
        raise SystemExit(f"the example is larger than {MOST_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
