"""Makes `assets/example_store`, which the app shows while a store is empty.

    python -m bench.example [--keep STORE]

Runs `assets/studies/example.toml` and scores `digits` by two more criteria with our own commands, in
a store of its own (`--keep` names one that may hold runs already), and copies what pages read.
Adapters above 24 channels, predictions and logs stay behind: the example is to be looked at.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ict.store import Store

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "assets" / "example_store"
READ = ("config.json", "result.json", "progress.jsonl", "selection.json", "execution.json")
MOST_BYTES = 6_000_000


def ict(store: Path, *arguments: str) -> None:
    environment = {**os.environ, "ICT_STORE": str(store)}
    subprocess.run([sys.executable, "-m", "ict", *arguments], env=environment, check=True)


def compute(store: Path) -> None:
    """What the example shows, by the commands that users have."""
    ict(store, "study", "run", str(ROOT / "assets" / "studies" / "example.toml"))
    for criterion in ("l2", "taylor"):
        ict(store, "score", "digits", "--criterion", criterion, "--split", "train800")


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
        for name in (*READ, *(["adapter.safetensors"] if small else [])):
            if (run.path / name).is_file():
                shutil.copy(run.path / name, folder / name)
        _forget_paths(folder / "config.json")
    for name in ("scores", "studies"):
        if (source.root / name).is_dir():
            shutil.copytree(source.root / name, target.root / name)


def _forget_paths(path: Path) -> None:
    """Where weights and data lay on the machine that made the example is nobody's business."""
    record = json.loads(path.read_text())
    record["sources"] = dict.fromkeys(record.get("sources", {}))
    record["command"] = "python -m bench.example"
    path.write_text(json.dumps(record, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a store to compute in, and to keep")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = (chosen.keep or Path(folder) / "store").absolute()
        compute(store)
        copy(Store(store), Store(EXAMPLE))
    size = sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file())
    print(f"{EXAMPLE}: {size / 1e6:.1f} MB")
    if size > MOST_BYTES:
        raise SystemExit(f"the example is larger than {MOST_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
