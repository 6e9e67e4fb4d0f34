"""Somebody else's numbers in the benchmark table, always marked as imported. Torch-free."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

from ict.errors import InputError, quoted
from ict.files import atomic_write_json, make_folder, read_json
from ict.store import Store
from ict.tasks import get_task

REQUIRED = ("method", "task", "test_accuracy")
OPTIONAL = ("backbone", "seed", "k", "adapter_parameters", "note")


def import_results(store: Store, path: Path) -> dict[str, Any]:
    """Reads a CSV with columns method, task, test_accuracy (a fraction) and, if there, backbone,
    seed, k, adapter_parameters, note; keeps its rows in the store.

    The same file twice is one import. Raises InputError naming file and line of what is wrong;
    then nothing is written.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    text = path.read_text(encoding="utf-8-sig")
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or [])]
    if missing:
        raise InputError(
            f"{path}, line 1: no column {quoted(missing[0])}; needed are {', '.join(REQUIRED)}"
        )
    rows = [_row(path, line, row) for line, row in enumerate(reader, start=2)]
    if not rows:
        raise InputError(f"{path}: holds no results below its header")
    name = f"{path.stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder = make_folder(store.root / "imported")
    target = folder / f"{name}.json"
    atomic_write_json(target, {"source": path.name, "rows": rows})
    return {"name": name, "rows": len(rows), "path": str(target)}


def imported_rows(store: Store) -> list[dict[str, Any]]:
    """All imported results as rows like those of `Store.table()`, with `source` "imported: FILE"."""
    rows: list[dict[str, Any]] = []
    for path in sorted((store.root / "imported").glob("*.json")):
        document = read_json(path, {})
        source = f"imported: {document.get('source', path.stem)}"
        rows += [{**row, "status": "done", "source": source} for row in document.get("rows", [])]
    return rows


def _row(path: Path, line: int, row: dict[str, Any]) -> dict[str, Any]:
    where = f"{path}, line {line}"
    if not (row.get("method") or "").strip():
        raise InputError(f"{where}: no method")
    try:
        accuracy = float(row["test_accuracy"])
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: test_accuracy {quoted(row['test_accuracy'])} is not a number"
        ) from None
    if not 0 <= accuracy <= 1:
        raise InputError(
            f"{where}: test_accuracy {accuracy:g} is outside 0 to 1; write 73.6 % as 0.736"
        )
    try:
        task = get_task((row["task"] or "").strip()).name
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    kept = {name: _number(row[name]) for name in OPTIONAL if row.get(name)}
    return {"method": row["method"].strip(), "task": task, "test_accuracy": accuracy, **kept}


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
