"""One row a run, fast for thousands: `index.json` in the store keeps what was read of done runs.

The index is only a cache, keyed by modification time and size of each file that was read: it may
be deleted at any time, and a store that cannot be written to is read without it. A done run then
costs one look at its result.json.
"""

import contextlib
import json
import math
import os
import statistics
from pathlib import Path
from typing import Any, Final

from ict.files import StoreError, atomic_write_bytes, read_json
from ict.result import ROW_FIELDS, RunResult
from ict.store import Run, Store

VERSION: Final = 3
UNREADABLE: Final = "result.json is not readable"
_memory: dict[str, tuple[list[int] | None, dict[str, Any]]] = {}


def rows(store: Store) -> list[dict[str, Any]]:
    """One flat row a readable run, oldest first; see `Store.table`."""
    index_path = store.root / "index.json"
    cached = _load(index_path)
    kept: dict[str, Any] = {}
    changed = False
    table = []
    for name in store.run_ids():
        entry, fresh = _entry(store.runs_dir / name, cached.get(name))
        changed |= fresh
        if entry is None:
            continue
        kept[name] = entry
        row = {"run_id": name, "status": "done", **entry["row"]}
        if entry["result"] is None:
            row |= _unfinished(Run(store.runs_dir / name), row)
        table.append(row)
    if changed or len(kept) != len(cached):
        _save(index_path, kept)
    table.sort(key=lambda row: (row["created_at"] or "", row["run_id"]))
    return table


def _entry(path: Path, cached: dict[str, Any] | None) -> tuple[dict[str, Any] | None, bool]:
    """What the index says of one run, and whether it was read anew; None for no run folder."""
    folder = str(path)
    result = _stamp(folder + "/result.json")
    if cached is not None and result is not None and cached["result"] == result:
        return cached, False
    config = _stamp(folder + "/config.json")
    if cached is not None and cached["result"] == result and cached["config"] == config:
        return cached, False
    record = Run(path).record
    if not isinstance(record.get("config"), dict):
        return None, False
    numbers = Run(path).result() if result else None
    if numbers is None:
        result = None  # an unreadable result is looked at again each time
    return {"config": config, "result": result, "row": _flat_row(record, numbers)}, True


def _flat_row(record: dict[str, Any], result: RunResult | None) -> dict[str, Any]:
    from ict.config import ran_otherwise

    row = {"created_at": record.get("created_at"), "recipe": record.get("recipe")}
    row |= {name: _flat(value) for name, value in record["config"].items()}
    if ran := ran_otherwise(record["config"]):
        row["ran_as"] = ran
    return row | _numbers(result, row)


def _numbers(result: RunResult | None, row: dict[str, Any]) -> dict[str, Any]:
    """What a result adds to a row: what was measured, under names that the configuration has not."""
    if result is None:
        return {}
    found = ((name, getattr(result, name)) for name in ROW_FIELDS if name not in row)
    return {name: value for name, value in found if value is not None}


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if len(value) == 1 else ", ".join(map(str, value))
    return value


def _unfinished(run: Run, row: dict[str, Any]) -> dict[str, Any]:
    """Status and error of a run whose result the index does not hold."""
    status = run.status()
    extra: dict[str, Any] = {"status": status}
    if status == "failed":
        extra["error"] = (run.error() or {}).get("message")
    elif status == "done":  # it ended just now, or its result is torn
        result = run.result()
        extra |= {"error": UNREADABLE} if result is None else _numbers(result, row)
    return extra


def _stamp(path: str) -> list[int] | None:
    """Modification time and size of a file that is there and not empty."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size] if found.st_size else None


def _load(path: Path) -> dict[str, Any]:
    """The index, from this process's memory while the file is the same."""
    stamp = _stamp(str(path))
    held = _memory.get(str(path))
    if held is not None and held[0] == stamp:
        return held[1]
    document = read_json(path)
    known = isinstance(document, dict) and document.get("version") == VERSION
    runs = document["runs"] if known and isinstance(document.get("runs"), dict) else {}
    _memory[str(path)] = (stamp, runs)
    return runs


def _save(path: Path, runs: dict[str, Any]) -> None:
    with contextlib.suppress(StoreError):
        atomic_write_bytes(path, json.dumps({"version": VERSION, "runs": runs}).encode())
    _memory[str(path)] = (_stamp(str(path)), runs)


_MEANS = ("adapter_parameters", "trainable_parameters", "train_seconds", "peak_memory_bytes")


def grouped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for runs whose configurations differ in `seed` and `selection_seed` alone.

    Keeps the fields they share; adds runs, done, seeds, and of test_accuracy over those done mean,
    std (n−1; None for one), interval95 (half of the 95 % t interval of the mean) and best; of
    trainable parameters, seconds and memory the means.
    """
    from ict.config import FIELDS

    apart = ("seed", "selection_seed")
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    shared = [name for name in FIELDS if name not in apart]
    for row in rows:
        groups.setdefault(tuple(str(row.get(name)) for name in shared), []).append(row)
    return [_summary(members, shared) for members in groups.values()]


def _summary(members: list[dict[str, Any]], shared: list[str]) -> dict[str, Any]:
    values = [row["test_accuracy"] for row in members if row.get("test_accuracy") is not None]
    return {
        **{name: members[0].get(name) for name in shared},
        "runs": len(members),
        "done": sum(row["status"] == "done" for row in members),
        "mean": statistics.fmean(values) if values else None,
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "interval95": _half_interval(values),
        "best": max(values, default=None),
        **{name: _mean(members, name) for name in _MEANS},
        "seeds": sorted({row["seed"] for row in members if row.get("seed") is not None}),
        "run_ids": [row["run_id"] for row in members],
    }


def _mean(members: list[dict[str, Any]], name: str) -> float | None:
    values = [row[name] for row in members if row.get(name) is not None]
    return statistics.fmean(values) if values else None


def _half_interval(values: list[float]) -> float | None:
    """Student's t at 97.5 % with n−1 degrees of freedom, times std / sqrt(n)."""
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(values) - 1, 0.975))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))
