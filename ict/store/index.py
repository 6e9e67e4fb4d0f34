"""One row a run, fast for thousands: `index.json` in the store keeps what was read of done runs.

The index is only a cache, keyed by modification time and size of each file that was read: it may
be deleted at any time, and a store that cannot be written to is read without it. A done run then
costs one look at its result.json. It holds the SHA-256 of its own rows: one that anything else wrote
or changed is built anew.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ict.documents.records import Odd
from ict.files import StoreError, atomic_write_bytes, read_regular
from ict.store import names
from ict.store.run_files import read_file, read_run_row
from ict.store.run_folder import Run
from ict.store.run_labels import read_label
from ict.store.sound import Stamp, stamp

VERSION: Final = 7
_HEAD: Final = re.compile(rb'\{"version": %d, "sha256": "([0-9a-f]{64})", ' % VERSION)
_MOST_BYTES: Final = 1 << 30
_READ: Final = tuple(
    f"/{name}" for name in (names.CONFIG, names.RESULT, names.SELECTION, names.LABEL)
)
_RESULT: Final = 1
_SELECTION: Final = 2
_LABEL: Final = 3  # places in `_READ`
_READ_WHILE: Final = {  # files that tell about a run in this state; an odd one is named
    "failed": (names.ERROR, names.EXECUTION),
    "queued": (names.QUEUED,),
    "running": (names.EXECUTION, names.LIVE),
    "killed": (names.ERROR, names.EXECUTION),
    "cancelled": (names.ERROR, names.EXECUTION),
}
_memory: dict[str, tuple[Stamp | None, dict[str, Any]]] = {}


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
    folders = f"{runs_dir}/"
    for name in ids:
        folder = folders + name
        stamps = [stamp(folder + file) for file in _READ]
        entry = cached.get(name)
        if entry is not None and entry["files"] == stamps and stamps[_RESULT]:
            kept[name] = entry
            table.append({"run_id": name, "status": "done", **entry["row"]})
            continue
        entry, row, trouble = _entry(folder, name, entry, stamps)
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
    folder: str, run_id: str, cached: dict[str, Any] | None, stamps: list[Stamp | None]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, Odd | None]:
    """What the index says of one run, its row, and what cannot be read in its folder.

    What has no row, and a row beside something odd, is not kept: it is looked at again each time.
    """
    odd: list[str] = []
    if cached is None or cached["files"] != stamps:
        read = read_run_row(folder)
        if isinstance(read, Odd):
            return None, None, read
        record, result = read
        if stamps[_SELECTION]:
            odd += _odd_files(folder, (names.SELECTION,))
        row = _flat_row(record, result)
        if stamps[_LABEL]:
            odd += _odd_files(folder, (names.LABEL,))
            row |= read_label(Run(Path(folder))).columns()
        stamps[_RESULT] = stamps[_RESULT] if result else None
        cached = {"files": stamps, "row": row}
    row = {"run_id": run_id, "status": "done", **cached["row"]}
    if cached["files"][_RESULT] is None:
        row |= _unfinished(Run(Path(folder)), row)
        odd += _odd_files(folder, _READ_WHILE.get(row["status"], ()))
    trouble = Odd(Path(folder), "; ".join(odd)) if odd else None
    return (None if trouble else cached), row, trouble


def _odd_files(folder: str, names: tuple[str, ...]) -> list[str]:
    read = [(name, read_file(Path(folder), name)) for name in names]
    return [f"{name}: {one.reason}" for name, one in read if isinstance(one, Odd)]


def _flat_row(record: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any]:
    from ict.config import ran_otherwise

    config = record["config"]
    row = {"created_at": record.get("created_at"), "recipe": record.get("recipe"), **config}
    for name, value in config.items():
        if value.__class__ is list:
            row[name] = value[0] if len(value) == 1 else ", ".join(map(str, value))
    if ran := ran_otherwise(config):
        row["ran_as"] = ran
    row.update(_numbers(result or {}, row))
    return row


def _numbers(result: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """What a result adds to a row: what was measured, under names that the configuration has not."""
    return {name: value for name, value in result.items() if name not in row}


def _unfinished(run: Run, row: dict[str, Any]) -> dict[str, Any]:
    """Status and error of a run whose result the index does not hold."""
    status = run.status()
    extra: dict[str, Any] = {"status": status}
    if status == "failed":
        extra["error"] = (run.error() or {}).get("message")
    elif status == "done":  # it ended just now
        read = read_run_row(run.path)
        extra |= {} if isinstance(read, Odd) else _numbers(read[1] or {}, row)
    return extra


def _load(path: Path) -> dict[str, Any]:
    """The index, from this process's memory while the file is the same; empty if it is not ours."""
    now = stamp(str(path))
    held = _memory.get(str(path))
    if held is not None and held[0] == now:
        return held[1]
    runs = _unpacked(path)
    _memory[str(path)] = (now, runs)
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
    index = json.loads(b"{%s}" % body)
    columns = index["columns"]
    return {
        run_id: {"files": files, "row": dict(zip(columns[which], values, strict=True))}
        for run_id, (which, files, values) in index["runs"].items()
    }


def _packed(runs: dict[str, Any]) -> bytes:
    """Names of columns once for all runs that have the same, so that it is half as long."""
    import orjson  # where thousands of runs were just read

    places: dict[tuple[str, ...], int] = {}
    rows = {
        run_id: (
            places.setdefault(tuple(entry["row"]), len(places)),
            entry["files"],
            list(entry["row"].values()),
        )
        for run_id, entry in runs.items()
    }
    return orjson.dumps({"runs": rows, "columns": list(places)})[1:-1]


def _save(path: Path, runs: dict[str, Any]) -> None:
    body = _packed(runs)
    digest = hashlib.sha256(body).hexdigest().encode()
    content = b'{"version": %d, "sha256": "%s", %s}' % (VERSION, digest, body)
    with contextlib.suppress(StoreError):
        atomic_write_bytes(path, content)
    _memory[str(path)] = (stamp(str(path)), runs)
