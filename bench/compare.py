"""`ict compare` on 19 tasks × 5 seeds × 2 methods, 360,000 test images: at most 3 s cold.

    python -m bench.compare [--quick] [--json]

Answers are made up; the command runs in a process of its own on a store that it has never read. Its
first answer is cold in all but the disk's cache. `--quick`: 3 tasks.
"""

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

from bench.asked import report
from bench.own_store import own_store
from ict.config import run_id
from ict.files import atomic_write_json
from ict.resolve import resolve
from ict.store import Store
from ict.store.predictions import Predictions, write_predictions
from ict.store.run_result import RunResult

IMAGES, SEEDS, METHODS, TASKS = 18_947, 5, ("bitfit", "lora"), 19
LIMIT_SECONDS = 3.0


def fill(store: Store, tasks: int) -> None:
    """A done run of each task, method and seed, a fifth of its answers wrong."""
    for task in range(tasks):
        generator = np.random.default_rng(task)
        labels = generator.integers(0, 10, IMAGES)
        for seed in range(SEEDS):
            for method in METHODS:
                resolved = resolve(
                    {"task": "digits", "method": method, "seed": seed}, weights="none"
                )
                record = resolved.record()
                record["config"] = {**record["config"], "task": f"task{task}"}
                record["run_id"] = f"task{task}-{run_id(resolved.config)}"
                run = store.create_run(record)
                said = np.where(generator.random(IMAGES) < 0.2, (labels + 1) % 10, labels)
                answers = Predictions(
                    said, labels, np.full(IMAGES, 0.9, np.float32),
                    np.zeros(IMAGES, np.float32), f"{task:064x}", 10,
                )  # fmt: skip
                write_predictions(run.path, answers)
                result = RunResult(
                    run_id=run.id, test_accuracy=float((said == labels).mean()), test_images=IMAGES
                )
                atomic_write_json(run.result_path, result.to_dict())


def measure(tasks: int) -> dict[str, Any]:
    """Seconds of the first command on a new store, and of the same again."""
    with own_store() as store:
        fill(store, tasks)
        words = [sys.executable, "-m", "ict", "compare", "method=bitfit", "method=lora", "--json"]
        seconds, answers = [], {}
        for _ in range(2):
            begun = time.perf_counter()
            child = subprocess.run(words, capture_output=True, text=True, check=True)
            seconds.append(time.perf_counter() - begun)
            answers = json.loads(child.stdout)
        return {
            "tasks": len(answers["tasks"]),
            "test_images": sum(one["test_images"] for one in answers["tasks"]),
            "runs": tasks * SEEDS * len(METHODS),
            "seconds_cold": seconds[0],
            "seconds_again": seconds[1],
            "limit_seconds": LIMIT_SECONDS,
        }


if __name__ == "__main__":
    report(__doc__, lambda quick: measure(3 if quick else TASKS))
