"""19 tasks × 12 blocks × 768 channels × 50 half-splits from score files: at most 10 s on one core.

    OMP_NUM_THREADS=1 python -m bench.overlap [--quick] [--json]

The score files hold random per-image sums of 1,000 images (fp32, 35 MB a task; `--quick`: 3 tasks).
Seconds are the process's own CPU time and wall-clock time, of files that are in the disk cache.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.asked import report
from bench.own_store import own_store
from ict.analysis.agreement import cluster
from ict.analysis.benchmark import TASKS
from ict.analysis.pairs import overlap_rows, similarity
from ict.analysis.sources import open_source
from ict.catalogue import RATIO
from ict.criteria import CRITERION
from ict.scores import ChannelScores, to_bytes
from ict.store import atomic_write_bytes
from ict.store.names import score_file

BLOCKS, WIDTH, IMAGES = 12, 768, 1000
LIMIT_SECONDS = 10.0


def write_scores(folder: Path, task: str, number: int) -> Path:
    """A score file with per-image sums; task classes as VTAB-1K has them, 2 to 397."""
    generator = np.random.default_rng(number)
    classes = (100, 102, 47, 102, 37, 10, 397, 2, 10, 45, 5, 8, 6, 6, 4, 16, 16, 18, 9)[number]
    common = np.random.default_rng(99).gamma(2, 1, (1, BLOCKS, WIDTH))
    own = generator.gamma(2, 0.3, (1, BLOCKS, WIDTH))
    energy = (common + own) * generator.gamma(4, 0.25, (IMAGES, BLOCKS, WIDTH))
    labels = generator.integers(0, classes, IMAGES)
    arrays = {
        "attn.0": np.sqrt(energy.sum(axis=0)).astype(np.float32),
        "attn.0.per_image": energy.astype(np.float32),
    }
    meta = {"task": task, "criterion": CRITERION, "score_id": f"bench-{task}", "backbone": "b"}
    path = score_file(folder / task)
    path.parent.mkdir()
    atomic_write_bytes(path, to_bytes(ChannelScores(arrays, meta, labels)))
    return path


def measure(tasks: int) -> dict[str, Any]:
    """CPU and wall-clock seconds of the overlap table with its ceiling, and of the tree."""
    with own_store() as store:
        root = store.root.parent
        paths = [write_scores(root, task, i) for i, task in enumerate(TASKS[:tasks])]
        sources = [open_source(path) for path in paths]
        cpu, wall = time.process_time(), time.perf_counter()
        rows = overlap_rows(sources, ratio=RATIO, splits=50, permutations=0, store=store)
        names, matrix = similarity(rows)
        cluster(matrix)
        first = {"cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - wall}
        again = time.perf_counter()
        overlap_rows(sources, ratio=RATIO, splits=50, permutations=0, store=store)
        return {
            "tasks": len(names),
            "pairs": len(rows) // BLOCKS,
            "splits": 50,
            **first,
            "cached_seconds": time.perf_counter() - again,
            "limit_seconds": LIMIT_SECONDS,
            "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
            "torch_imported": "torch" in sys.modules,
        }


if __name__ == "__main__":
    report(__doc__, lambda quick: measure(3 if quick else len(TASKS)))
