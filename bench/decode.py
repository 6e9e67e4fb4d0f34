"""Images decoded once: the first load of a set against the second, and a test set read part by part.

    python -m bench.decode [--rounds 3] [--limit N] [--quick] [--json]

Wall-clock seconds, medians, in a cache of its own that is empty at each first load; files in the disk
cache. `first` decodes and keeps, `second` finds, maps and checks every image, both look at every file
for a change; `ratio` is second / first. Streamed rows read a whole test set in batches of 64
as an evaluation does, without its model: decoded while it is read, and from the cache. `--quick` takes
the bundled digits and 100 images of caltech101, where it is on this machine.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from ict.data import StreamedSet, batches, load_set, open_set
from ict.errors import InputError
from ict.machine import cores
from ict.tasks import Split, load_split
from ict.tasks.decoded import cache
from ict.tasks.decoded.tally import Tally

SETS = (("caltech101", 224), ("digits", 64), ("digits", 224))
BATCH = 64
_GREY = (0.5, 0.5, 0.5)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def loads(split: Split, size: int, rounds: int) -> dict[str, Any]:
    """Medians of the first and the second load, and how many images all second ones decoded."""
    first, second, tally = [], [], Tally()
    for _ in range(rounds):
        cache.clear()
        first.append(seconds(lambda: load_set(split, size)))
        second.append(seconds(lambda: load_set(split, size, tally=tally)))
    return _row(first, second) | {"decoded": tally.decoded, "cached": tally.cached}


def streamed(split: Split, size: int, rounds: int) -> dict[str, Any]:
    """Medians of a pass over all batches: each part decoded ahead, and mapped from the cache."""
    cache.clear()
    plain = open_set(split, size, keep_bytes=0)
    assert isinstance(plain, StreamedSet)
    decoded = [seconds(lambda: _pass(plain)) for _ in range(rounds)]
    filled = plain.filled()
    mapped = [seconds(lambda: _pass(filled)) for _ in range(rounds)]
    return _row(decoded, mapped) | {"kept": filled.kept is not None}


def _pass(images: StreamedSet) -> None:
    for _ in batches(images, BATCH, mean=_GREY, std=_GREY):
        pass


def _row(first: list[float], second: list[float]) -> dict[str, Any]:
    before, after = statistics.median(first), statistics.median(second)
    return {"first_seconds": before, "second_seconds": after, "ratio": after / before}


def measure(*, rounds: int, limit: int | None, quick: bool) -> dict[str, Any]:
    """A row for each set that is on this machine: training images loaded, test images streamed."""
    rows: list[dict[str, Any]] = []
    for task, size in SETS:
        most = 100 if quick and task != "digits" else limit
        for name, kind in (("train800", loads), ("test", streamed)):
            try:
                split = load_split(task, name)
            except InputError as error:
                rows.append({"task": task, "split": name, "left_out": str(error)})
                continue
            chosen = split if most is None else split.head(most)
            row: dict[str, Any] = {"task": task, "split": name, "size": size, "images": len(chosen)}
            rows.append(row | {"what": kind.__name__} | kind(chosen, size, rounds))
    return {"rounds": rounds, "cores": cores(), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--limit", type=int, help="images of each set, at most")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        report = measure(rounds=rounds, limit=options.limit, quick=options.quick)
    if options.json:
        print(json.dumps(report))
        return
    for row in report["rows"]:
        if "left_out" in row:
            print(f"{row['task']} {row['split']}: left out, {row['left_out']}")
            continue
        print(
            f"{row['task']} {row['split']} at {row['size']}, {row['images']} images, {row['what']}: "
            f"{row['first_seconds']:.2f} s, then {row['second_seconds']:.3f} s ({row['ratio']:.3f})"
        )


if __name__ == "__main__":
    main()
