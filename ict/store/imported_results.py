"""Somebody else's numbers in the benchmark table, always marked as imported. Torch-free."""

import errno
import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ict.documents import shapes
from ict.documents.bounded import odd_word, whole_number
from ict.documents.identity import digest_of_text
from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.shapes import fields, list_of, shown, text, wrong
from ict.documents.sheets import Sheet, read_sheet
from ict.errors import InputError, did_you_mean, quoted
from ict.files import atomic_write_json, make_folder, remove_file
from ict.store.base import BaseStore
from ict.store.imported_cells import count, fraction
from ict.tasks import get_task

T = TypeVar("T")
REQUIRED = ("method", "task", "test_accuracy")
_MOST_BYTES = 16 << 20  # of a file
_MOST_ROWS = 100_000
_MOST_CELL = 1000  # characters; a note may be a sentence or two
_NO_FILE = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "is a folder, not a file",
    errno.ELOOP: "is a link to itself",
}
_SUFFIX = ".json"
_ZEROS = re.compile(r"\.0+$")  # pandas writes 4 as 4.0 beside gaps
_MARK = "imported: "
OPTIONAL = ("backbone", "seed", "k", "adapter_parameters", "note")


def import_results(store: BaseStore, path: Path) -> dict[str, Any]:
    """Reads a CSV with columns method, task, test_accuracy (0.736 or 73.6 %) and, if there, backbone,
    seed, k, adapter_parameters (205000, 205,000, 0.2M), note; keeps its rows in the store.

    Columns are parted by commas, semicolons or tabs; `ict.documents.sheets` says the encodings. The
    same file twice is one import. Raises InputError naming file and line of what is wrong; then
    nothing is written.
    """
    try:
        sheet = read_sheet(path, most_bytes=_MOST_BYTES, most_rows=_MOST_ROWS)
    except OSError as error:
        raise InputError(
            f"{path}: {_NO_FILE.get(error.errno or 0, error.strerror or 'cannot be read')}"
        ) from error
    rows = _rows(path, sheet)
    if not rows:
        raise InputError(f"{path}: holds no results below its header")
    name = f"{path.stem}-{digest_of_text(sheet.text)}"
    target = make_folder(_folder(store)) / f"{name}.json"
    atomic_write_json(target, {"source": path.name, "rows": rows})
    return {"name": name, "rows": len(rows), "path": str(target)}


def _folder(store: BaseStore) -> Path:
    return store.imported_dir


def list_imports(store: BaseStore) -> list[dict[str, Any]]:
    """One row an import that can be read: name, source, rows, methods, tasks."""
    names, _ = names_in(_folder(store))
    sheets = [(name, _read(_folder(store) / name)) for name in names if name.endswith(_SUFFIX)]
    return [_listed(name, rows) for name, rows in sheets if isinstance(rows, list)]


def _listed(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name.removesuffix(_SUFFIX),
        "source": rows[0]["source"].removeprefix(_MARK) if rows else "",
        "rows": len(rows),
        "methods": sorted({row["method"] for row in rows}),
        "tasks": sorted({row["task"] for row in rows}),
    }


def remove_import(store: BaseStore, name: str) -> Path:
    """Takes the import `name` (or the one of a file so called) out of the store, readable or not.

    Gives the file that is gone; raises InputError where none, or more than one, is so called.
    """
    names = [n.removesuffix(_SUFFIX) for n in names_in(_folder(store))[0] if n.endswith(_SUFFIX)]
    of_file = [row["name"] for row in list_imports(store) if row["source"] == name]
    chosen = [name] if name in names else of_file
    if len(chosen) > 1:
        raise InputError(f"{quoted(name)} was imported as {', '.join(chosen)}; name one of them")
    if not chosen:
        hint = did_you_mean(name, names)
        raise InputError(f"no import {quoted(name)}{hint}; see `ict import list`")
    path = _folder(store) / f"{chosen[0]}{_SUFFIX}"
    remove_file(path)
    return path


def imported_rows(store: BaseStore) -> list[dict[str, Any]]:
    """All imported results as rows like those of `Store.table()`, with `source` "imported: FILE"."""
    return read_imported(store)[0]


def read_imported(store: BaseStore) -> tuple[list[dict[str, Any]], list[Odd]]:
    """`imported_rows(store)`, and the files that cannot be read."""
    folder = _folder(store)
    names, troubles = names_in(folder)
    sheets, odd = split(_read(folder / name) for name in names if name.endswith(_SUFFIX))
    return [row for rows in sheets for row in rows], troubles + odd


def _read(path: Path) -> list[dict[str, Any]] | Odd | None:
    """The rows of one file that `import_results` wrote; None if it is empty."""

    def rows_of(document: Any) -> list[dict[str, Any]]:
        _DOCUMENT(document, "")
        source = f"{_MARK}{shown(document.get('source') or path.stem)}"
        return [{**_typed(row), "status": "done", "source": source} for row in document["rows"]]

    return read_record(path, rows_of, advice="delete it and import the CSV again")


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the types that tables compare: what is a name is text, what is counted a number."""
    typed: dict[str, Any] = {
        name: str(row[name]) for name in ("backbone", "note") if row.get(name) is not None
    }
    parameters = row.get("adapter_parameters")
    if isinstance(parameters, str):  # as 0.1.0 kept it: "0.1M", or words
        typed["adapter_parameters"] = _known_count(parameters)
    return {**row, **typed}


def _known_count(text: str) -> int | None:
    try:
        return count(text, ",")
    except InputError:
        return None  # nothing to draw an axis with


def _fraction(value: Any, name: str) -> None:
    shapes.number(value, name)
    if not 0 <= value <= 1:
        raise wrong(value, name, "a number from 0 to 1")


def _plain(value: Any, name: str) -> None:
    """A cell of a CSV as it was kept: text, or a number."""
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


def _rows(path: Path, sheet: Sheet) -> list[dict[str, Any]]:
    header = tuple(name.lower() for name in sheet.header)
    _check_header(f"{path}, line {sheet.header_line}", header)
    task_of = functools.cache(lambda name: get_task(name).name)
    rows = []
    for line, cells in sheet.rows:
        try:
            rows.append(_row(header, cells, sheet.separator, task_of))
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
    return rows


def _check_header(where: str, names: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        commas = "" if len(names) > 1 else "; separate columns by commas"
        raise InputError(
            f"{where}: no column {quoted(missing[0])}; needed are {', '.join(REQUIRED)}{commas}"
        )
    twice = [name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1]
    if twice:
        raise InputError(f"{where}: two columns are called {quoted(twice[0])}; keep one")


def _row(
    header: Sequence[str], cells: Sequence[str], separator: str, task_of: Callable[[str], str]
) -> dict[str, Any]:
    """One result; InputError says what is wrong with it, not where."""
    if any(cells[len(header) :]):  # an unquoted 0,736 is two cells
        raise InputError(
            "has more cells than the header; write 0.736 with a point, and a text that holds "
            "commas in quotes"
        )
    row = dict(zip(header, cells, strict=False))
    absent = [name for name in REQUIRED if name not in row]
    if absent:
        raise InputError(f"ends before its {absent[0]}")
    row = {name: row.get(name, "").strip() for name in (*REQUIRED, *OPTIONAL)}
    for name, cell in row.items():
        if odd := _odd_cell(cell):
            raise InputError(f"{name} {quoted(cell)} {odd}")
    if not row["method"]:
        raise InputError("no method")
    return {
        "method": row["method"],
        "task": task_of(row["task"]),
        "test_accuracy": _cell(fraction, "test_accuracy", row, separator),
        **_optional(row, separator),
    }


def _cell(read: Callable[[str, str], T], name: str, row: dict[str, str], separator: str) -> T:
    try:
        return read(row[name], separator)
    except InputError as error:
        raise InputError(f"{name} {error}") from None


def _optional(row: dict[str, str], separator: str) -> dict[str, Any]:
    """What a result may say beside its accuracy, where it says it."""
    kept: dict[str, Any] = {name: row[name] for name in ("backbone", "note") if row[name]}
    for name in ("seed", "k"):
        whole = whole_number(_ZEROS.sub("", row[name]) or "0")
        if whole is None or whole < 0:
            raise InputError(f"{name} {quoted(row[name])} is not a whole number of 0 or more")
        kept |= {name: whole} if row[name] else {}
    if row["adapter_parameters"]:
        kept["adapter_parameters"] = _cell(count, "adapter_parameters", row, separator)
    return {name: kept[name] for name in OPTIONAL if name in kept}


def _odd_cell(text: str) -> str:
    """Why a cell cannot be shown in a table, or ""."""
    if len(text) > _MOST_CELL:
        return f"has {len(text)} characters, more than {_MOST_CELL}"
    return odd_word(text)
