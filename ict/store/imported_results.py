"""Somebody else's numbers in the benchmark table, always marked as imported. Torch-free."""

import csv
import errno
import functools
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ict.documents import shapes
from ict.documents.bounded import number, odd_word, read_text, whole_number
from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.shapes import fields, list_of, shown, text, wrong
from ict.errors import InputError, quoted
from ict.files import atomic_write_json, make_folder
from ict.store.base import BaseStore
from ict.tasks import get_task

REQUIRED = ("method", "task", "test_accuracy")
_MOST_BYTES = 16 << 20  # of a file
_MOST_ROWS = 100_000
_MOST_CELL = 1000  # characters; a note may be a sentence or two
_NO_FILE = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "is a folder, not a file",
    errno.ELOOP: "is a link to itself",
}
_LEFT_OVER = "cells beyond the header"
OPTIONAL = ("backbone", "seed", "k", "adapter_parameters", "note")


def import_results(store: BaseStore, path: Path) -> dict[str, Any]:
    """Reads a CSV with columns method, task, test_accuracy (a fraction) and, if there, backbone,
    seed, k, adapter_parameters, note; keeps its rows in the store.

    The same file twice is one import. Raises InputError naming file and line of what is wrong;
    then nothing is written.
    """
    try:
        text = read_text(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"{path}: {_NO_FILE.get(error.errno or 0, error.strerror or 'cannot be read')}"
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey=_LEFT_OVER)
    try:
        rows = _rows(path, reader)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num + 1}: {error}") from error
    if not rows:
        raise InputError(f"{path}: holds no results below its header")
    name = f"{path.stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder = make_folder(store.root / "imported")
    target = folder / f"{name}.json"
    atomic_write_json(target, {"source": path.name, "rows": rows})
    return {"name": name, "rows": len(rows), "path": str(target)}


def imported_rows(store: BaseStore) -> list[dict[str, Any]]:
    """All imported results as rows like those of `Store.table()`, with `source` "imported: FILE"."""
    return read_imported(store)[0]


def read_imported(store: BaseStore) -> tuple[list[dict[str, Any]], list[Odd]]:
    """`imported_rows(store)`, and the files that cannot be read."""
    folder = store.root / "imported"
    names, troubles = names_in(folder)
    found, odd = split(_read(folder / name) for name in names if name.endswith(".json"))
    return [row for rows in found for row in rows], troubles + odd


def _read(path: Path) -> list[dict[str, Any]] | Odd | None:
    """The rows of one file that `import_results` wrote; None if it is empty."""

    def rows_of(document: Any) -> list[dict[str, Any]]:
        _DOCUMENT(document, "")
        source = f"imported: {shown(document.get('source') or path.stem)}"
        return [{**_typed(row), "status": "done", "source": source} for row in document["rows"]]

    return read_record(path, rows_of, advice="delete it and import the CSV again")


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the types that tables compare: what is a name is text, what is counted a number."""
    typed: dict[str, Any] = {
        name: str(row[name]) for name in ("backbone", "note") if row.get(name) is not None
    }
    parameters = row.get("adapter_parameters")
    if isinstance(parameters, str):  # such as "0.1M": nothing to draw an axis with
        typed["adapter_parameters"] = None
    return {**row, **typed}


def _fraction(value: Any, name: str) -> None:
    shapes.number(value, name)
    if not 0 <= value <= 1:
        raise wrong(value, name, "a number from 0 to 1")


def _plain(value: Any, name: str) -> None:
    """A cell of a CSV as `_number` reads it."""
    (text if isinstance(value, str) else shapes.number)(value, name)


_DOCUMENT = fields(
    {
        "rows": list_of(
            fields(
                {"method": text, "task": text, "test_accuracy": _fraction},
                dict.fromkeys(OPTIONAL, _plain),
            )
        )
    },
    {"source": text},
)


def _rows(path: Path, reader: "csv.DictReader[str]") -> list[dict[str, Any]]:
    _check_header(path, list(reader.fieldnames or []))
    task_of = functools.cache(lambda name: get_task(name).name)
    rows: list[dict[str, Any]] = []
    for row in reader:
        if len(rows) == _MOST_ROWS:
            raise InputError(f"{path}: has more than {_MOST_ROWS} results")
        rows.append(_row(f"{path}, line {reader.line_num}", row, task_of))
    return rows


def _check_header(path: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        commas = "" if len(names) > 1 else "; separate columns by commas"
        raise InputError(
            f"{path}, line 1: no column {quoted(missing[0])}; needed are {', '.join(REQUIRED)}{commas}"
        )
    twice = [name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1]
    if twice:
        raise InputError(f"{path}, line 1: two columns are called {quoted(twice[0])}; keep one")


def _row(where: str, row: dict[str, Any], task_of: Callable[[str], str]) -> dict[str, Any]:
    """One result; InputError says `where` and what is wrong."""
    if any(row.get(_LEFT_OVER) or ()):  # an unquoted 0,736 is two cells
        raise InputError(
            f"{where}: has more cells than the header; write 0.736 with a point, and a text that "
            "holds commas in quotes"
        )
    absent = [name for name in REQUIRED if row[name] is None]
    if absent:
        raise InputError(f"{where}: ends before its {absent[0]}")
    for name in (*REQUIRED, *OPTIONAL):
        if odd := _odd_cell(row.get(name) or ""):
            raise InputError(f"{where}: {name} {quoted(row[name])} {odd}")
    if not (row.get("method") or "").strip():
        raise InputError(f"{where}: no method")
    accuracy = number(row["test_accuracy"] or "")
    if accuracy is None:
        raise InputError(
            f"{where}: test_accuracy {quoted(row['test_accuracy'])} is not a number; "
            "write 73.6 % as 0.736"
        )
    if not 0 <= accuracy <= 1:
        raise InputError(
            f"{where}: test_accuracy {accuracy:g} is outside 0 to 1; write 73.6 % as 0.736"
        )
    try:
        task = task_of((row["task"] or "").strip())
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    for name in ("seed", "k"):
        whole = whole_number(row.get(name) or "0")
        if whole is None or whole < 0:
            raise InputError(
                f"{where}: {name} {quoted(row[name])} is not a whole number of 0 or more"
            )
    kept = {name: _number(row[name]) for name in OPTIONAL if row.get(name)}
    return {"method": row["method"].strip(), "task": task, "test_accuracy": accuracy, **kept}


def _odd_cell(text: str) -> str:
    """Why a cell cannot be shown in a table, or ""."""
    if len(text) > _MOST_CELL:
        return f"has {len(text)} characters, more than {_MOST_CELL}"
    return odd_word(text)


def _number(text: str) -> Any:
    whole = whole_number(text)
    read = number(text) if whole is None else whole
    return text if read is None else read
