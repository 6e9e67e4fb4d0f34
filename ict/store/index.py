"""One row a run, fast for thousands: `index.json` in the store keeps what was read of done runs.

The index is only a cache, keyed by modification time and size of each file that was read: it may
be deleted at any time, and a store that cannot be written to is read without it. A done run then
costs one look at its result.json. It holds the SHA-256 of its own rows: one that anything else wrote
or changed is built anew.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ict.documents.records import Odd
from ict.files import StoreError, atomic_write_bytes, read_regular
from ict.store import names
from ict.store.run_files import read_file, read_result, read_run
from ict.store.run_folder import Run
from ict.store.run_result import ROW_FIELDS, RunResult

VERSION: Final = 4
_HEAD: Final = re.compile(rb'\{"version": %d, "sha256": "([0-9a-f]{64})", "runs": ' % VERSION)
_MOST_BYTES: Final = 1 << 30
_READ: Final = {"config": names.CONFIG, "result": names.RESULT, "selection": names.SELECTION}
_READ_WHILE: Final = {  # files that tell about a run in this state; an odd one is named
    "failed": (names.ERROR, names.EXECUTION),
    "queued": (names.QUEUED,),
    "running": (names.EXECUTION, names.LIVE),
    "killed": (names.ERROR, names.EXECUTION),
    "cancelled": (names.ERROR, names.EXECUTION),
}
_memory: dict[str, tuple[list[int] | None, dict[str, Any]]] = {}


def rows(runs_dir: Path, ids: Iterable[str], index_path: Path) -> list[dict[str, Any]]:
    """One flat row a readable run, oldest first; see `Store.table`."""
    return look(runs_dir, ids, index_path)[0]


def look(
    runs_dir: Path, ids: Iterable[str], index_path: Path
) -> tuple[list[dict[str, Any]], list[Odd]]:
    """The rows of `Store.table`, and the folders of runs in which something cannot be read.

    A run whose configuration or result cannot be read has no row; one of which another file is odd
    has both.
    """
    cached = _load(index_path)
    kept: dict[str, Any] = {}
    table, troubles = [], []
    for name in ids:
        run = Run(runs_dir / name)
        entry, row, trouble = _entry(run, cached.get(name))
        if entry is not None:
            kept[name] = entry
        if row is not None:
            table.append(row)
        if trouble is not None:
            troubles.append(trouble)
    if kept != cached:
        _save(index_path, kept)
    table.sort(key=lambda row: (row["created_at"], row["run_id"]))
    return table, troubles


def _entry(
    run: Run, cached: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, Odd | None]:
    """What the index says of one run, its row, and what cannot be read in its folder.

    What has no row, and a row beside something odd, is not kept: it is looked at again each time.
    """
    stamps = {name: _stamp(f"{run.path}/{file}") for name, file in _READ.items()}
    odd: list[str] = []
    if cached is None or any(cached[name] != stamps[name] for name in _READ):
        read = read_run(run.path)
        if isinstance(read, Odd):
            return None, None, read
        record, result = read
        stamps["result"] = stamps["result"] if result else None
        cached = {**stamps, "row": _flat_row(record, result)}
        odd += _odd_files(run, (names.SELECTION,))
    row = {"run_id": run.id, "status": "done", **cached["row"]}
    if cached["result"] is None:
        row |= _unfinished(run, row)
        odd += _odd_files(run, _READ_WHILE.get(row["status"], ()))
    trouble = Odd(run.path, "; ".join(odd)) if odd else None
    return (None if trouble else cached), row, trouble


def _odd_files(run: Run, names: tuple[str, ...]) -> list[str]:
    read = [(name, read_file(run.path, name)) for name in names]
    return [f"{name}: {one.reason}" for name, one in read if isinstance(one, Odd)]


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
    elif status == "done":  # it ended just now
        result = read_result(run.path)
        extra |= _numbers(result if isinstance(result, RunResult) else None, row)
    return extra


def _stamp(path: str) -> list[int] | None:
    """Modification time and size of a file that is there and not empty; size -1 of what is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return [found.st_mtime_ns, -1]
    return [found.st_mtime_ns, found.st_size] if found.st_size else None


def _load(path: Path) -> dict[str, Any]:
    """The index, from this process's memory while the file is the same; empty if it is not ours."""
    stamp = _stamp(str(path))
    held = _memory.get(str(path))
    if held is not None and held[0] == stamp:
        return held[1]
    runs = _unpacked(path)
    _memory[str(path)] = (stamp, runs)
    return runs


def _unpacked(path: Path) -> dict[str, Any]:
    """What `_save` packed: anything else, and any change of it, shows in the digest."""
    try:
        content = read_regular(path, _MOST_BYTES)
    except (OSError, ValueError):
        return {}
    head = _HEAD.match(content)
    if head is None:
        return {}
    body = content[head.end() : -1]
    if hashlib.sha256(body).hexdigest().encode() != head[1]:
        return {}
    runs: dict[str, Any] = json.loads(body)
    return runs


def _save(path: Path, runs: dict[str, Any]) -> None:
    body = json.dumps(runs).encode()
    digest = hashlib.sha256(body).hexdigest().encode()
    content = b'{"version": %d, "sha256": "%s", "runs": %s}' % (VERSION, digest, body)
    with contextlib.suppress(StoreError):
        atomic_write_bytes(path, content)
    _memory[str(path)] = (_stamp(str(path)), runs)
