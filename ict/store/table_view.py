"""Which columns people want to see of the runs of a store: `table.json` beside them, kept by the app."""

from collections.abc import Sequence
from typing import Any, Final

from ict.documents.records import Odd, read_record
from ict.documents.shapes import fields, list_of, text
from ict.errors import InputError
from ict.files import atomic_write_json, make_folder
from ict.store import names
from ict.store.base import BaseStore

MOST: Final = 100
_FILE = fields({"columns": list_of(text)})


def kept_columns(store: BaseStore) -> tuple[str, ...]:
    """The columns that were kept, in their order; none where nothing was, or the file is odd."""
    found = read_record(store.root / names.TABLE, _columns, advice="delete it")
    return () if found is None or isinstance(found, Odd) else found


def keep_columns(store: BaseStore, columns: Sequence[str]) -> None:
    """Keeps these columns for every later visit; none means the usual ones again.

    Raises InputError for more than MOST.
    """
    if len(columns) > MOST:
        raise InputError(f"{len(columns)} columns: a table keeps at most {MOST}; choose fewer")
    make_folder(store.root)
    atomic_write_json(store.root / names.TABLE, {"columns": list(dict.fromkeys(columns))})


def _columns(record: Any) -> tuple[str, ...]:
    _FILE(record, "")
    if len(record["columns"]) > MOST:
        raise InputError(f"holds more than {MOST} columns")
    return tuple(dict.fromkeys(record["columns"]))
