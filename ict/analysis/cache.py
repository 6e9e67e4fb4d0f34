"""Results that took a while, kept in the store beside the scores they were computed from.

A result is a list of rows. It is named by what it was computed from: score ids, settings, and the
version of the code that computed it. It can be deleted at any time.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ict.documents.identity import digest_of_text
from ict.documents.json_form import JsonForm
from ict.errors import InputError
from ict.files import StoreError, atomic_write_json, make_folder, read_json
from ict.store.store import Store

_VERSION = 1  # raise when a formula changes
_MOST_UNWRITTEN = 64
_unwritten: dict[str, Any] = {}  # path → document, of what the store did not take
R = TypeVar("R", bound=JsonForm)


def path_of(store: Store, name: str, settings: JsonForm) -> Path:
    """Where the result `name` of `settings` is kept: analysis/<name>-<12 hex digits>.json."""
    text = json.dumps([_VERSION, name, settings.to_dict()], sort_keys=True, default=str)
    return store.root / "analysis" / f"{name}-{digest_of_text(text)}.json"


def cached(
    store: Store | None,
    name: str,
    settings: JsonForm,
    compute: Callable[[], Sequence[R]],
    kind: type[R],
) -> list[R]:
    """The rows of `compute`, from the store if they are there. A store that takes none costs
    only that: they are kept in memory.

    Kept or not, they are as JSON reads them: NaN is None.
    """
    if store is not None and (rows := kept(store, name, settings, kind)) is not None:
        return rows
    result = plain([row.to_dict() for row in compute()])
    if store is not None:
        _keep(path_of(store, name, settings), {"key": plain(settings.to_dict()), "result": result})
    return [kind.from_dict(form) for form in result]


def kept(store: Store, name: str, settings: JsonForm, kind: type[R]) -> list[R] | None:
    """The rows that the store has for `settings`; None if it has none of this kind."""
    path = path_of(store, name, settings)
    document = read_json(path, _unwritten.get(str(path)))
    if not isinstance(document, dict) or document.get("key") != plain(settings.to_dict()):
        return None
    forms = document.get("result")
    try:
        return [kind.from_dict(form) for form in forms] if isinstance(forms, list) else None
    except InputError:  # of a version that had other fields: computed anew
        return None


def _keep(path: Path, document: Any) -> None:
    try:
        make_folder(path.parent)
        atomic_write_json(path, document)
    except StoreError:
        while len(_unwritten) >= _MOST_UNWRITTEN:
            _unwritten.pop(next(iter(_unwritten)), None)  # the oldest
        _unwritten[str(path)] = document


def plain(value: Any) -> Any:
    """As JSON reads it back: arrays as lists, tuples as lists, NaN as None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
