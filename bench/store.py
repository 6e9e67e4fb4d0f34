"""A store of 5,000 finished runs: table at most 4 s cold and 1 s warm, `ict runs` at most 2 s.

    python -m bench.store [--quick] [--json]

The runs are generated (configurations and results as real ones have them; `--quick`: 1,000). Cold:
a process of its own and no index, files in the disk cache; indexed: a process of its own with the
index of the last one; warm: again in the same process. Wall-clock seconds, medians of 3.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.own_store import own_store
from ict.catalogue import BUNDLED, SITE
from ict.criteria import CRITERION
from ict.running import queue
from ict.store import Run, Store, studies
from ict.store.names import STUDY
from ict.store.run_result import RunResult

LIMITS = {"cold": 4.0, "warm": 1.0, "ict_runs": 2.0}
ROUNDS = 3
_BASE = {
    "task": "digits", "backbone": BUNDLED, "weights": "sha256:" + "0" * 64, "method": "ict",
    "data": "bundled:digits@1", "criterion": CRITERION, "tokens": "patch", "score_site": SITE,
    "tune_site": SITE, "score_task": "digits", "score_split": "train800", "score_data": None,
    "selection_seed": None, "ratio": None, "blocks": None, "init": "trunc_normal", "scale": 1.0,
    "scale_on_x": False, "lora_rank": None, "epochs": 8, "batch_size": 64, "lr": 0.005,
    "lr_multiplier": 1.0, "weight_decay": 0.0001, "warmup_epochs": 2, "drop_path": 0.0,
    "label_smoothing": 0.0, "augment": "none", "pixel_normalisation": "native",
    "train_split": "train800", "select_by": "last", "report_best_test": False, "limit": None,
    "precision": "bf16", "schema": 1,
}  # fmt: skip
_RESULT = RunResult(
    test_accuracy=0.5, val_accuracy=0.65, train_accuracy=0.7, test_balanced_accuracy=0.66,
    test_loss=1.0, majority_accuracy=0.1, test_images=797, selected_epoch=8,
    adapter_parameters=7200, head_parameters=1930, trainable_parameters=9130,
    backbone_parameters=5388480, epochs=8, train_seconds=40.0, score_seconds=2.0,
    images_per_second=150.0, peak_memory_bytes=1 << 30, device="cpu", threads=1,
    score_id="digits-ict_tiny-class_l2-attn-0123456789ab", official_data=True,
    versions=dict.fromkeys(("python", "ict", "torch", "timm", "numpy"), "1.2.3"),
    started_at="2026-01-01T00:00:00.000+00:00", finished_at="2026-01-01T00:01:00.000+00:00",
)  # fmt: skip


def generate(store: Store, count: int) -> None:
    """`count` finished runs over 10 values of K, and one study that names them all."""
    members = []
    for i in range(count):
        k, seed = 2 + 19 * (i % 10), i // 10
        run_id = f"digits-ict_tiny-ict-k{k}-{i:012x}"
        run = Run(store.runs_dir / run_id)
        run.path.mkdir(parents=True)
        config = {**_BASE, "k": [k], "seed": seed}
        created = f"2026-01-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}.000+00:00"
        record = {"run_id": run_id, "config": config, "recipe": "quick", "created_at": created}
        run.config_path.write_text(json.dumps(record, indent=1))
        accuracy = 0.5 + (i * 37 % 400) / 1000
        result = dataclasses.replace(_RESULT, run_id=run_id, test_accuracy=accuracy)
        run.result_path.write_text(json.dumps(result.to_dict(), indent=1))
        members.append({"name": "grid", "run_id": run_id, "asked": {"ratio": k / 192}})
    study = {"name": "bench", "document": {"name": "bench"}, "members": members}
    path = store.studies_dir / "bench" / STUDY
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(study))


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Median wall-clock seconds of `work`, `before` not counted."""
    times = []
    for _ in range(ROUNDS):
        before()
        times.append(seconds_of(work))
    return statistics.median(times)


def in_process(code: str) -> Callable[[], object]:
    """A fresh interpreter that runs `code`."""
    command = [sys.executable, "-c", code]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def measure(count: int) -> dict[str, Any]:
    """Seconds of the run table, of `ict runs`, of a study's rows and of a look at the queue."""
    with own_store() as store:
        generate(store, count)
        table = in_process("from ict.store import Store; Store().table()")
        runs = in_process("from ict.cli import main; main(['runs'])")
        index = store.index_path
        cold = median(table, lambda: index.unlink(missing_ok=True))
        indexed, ict_runs = median(table), median(runs)
        if len(store.table()) != count:
            raise RuntimeError(f"the table has {len(store.table())} of {count} runs")
        return {
            "runs": count,
            "cold_seconds": cold,
            "indexed_seconds": indexed,
            "warm_seconds": median(store.table),
            "ict_runs_seconds": ict_runs,
            "study_rows_seconds": median(
                lambda: studies.rows(store, studies.load_study(store, "bench"))
            ),
            "queue_seconds": median(lambda: queue.waiting(store)),
            "index_bytes": index.stat().st_size,
            "limit_seconds": LIMITS,
            "torch_imported": "torch" in sys.modules,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = measure(1000 if options.quick else 5000)
    if options.json:
        print(json.dumps(seconds))
    else:
        print("\n".join(f"{name:20} {value}" for name, value in seconds.items()))


if __name__ == "__main__":
    main()
