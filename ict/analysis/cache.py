"""Results that took a while, kept in the store beside the scores they were computed from.

A result is named by what it was computed from: score ids, settings, and the version of the code
that computed it. It can be deleted at any time.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ict.documents.identity import digest_of_text
from ict.files import StoreError, atomic_write_json, read_json
from ict.store.store import Store

_VERSION = 1  # raise when a formula changes


def path_of(store: Store, name: str, key: dict[str, Any]) -> Path:
    """Where the result `name` for `key` is kept: analysis/<name>-<12 hex digits>.json."""
    text = json.dumps([_VERSION, name, key], sort_keys=True, default=str)
    return store.root / "analysis" / f"{name}-{digest_of_text(text)}.json"


def cached(store: Store | None, name: str, key: dict[str, Any], compute: Callable[[], Any]) -> Any:
    """The JSON result of `compute`, from the store if it is there. A full disk costs only the cache."""
    if store is None:
        return plain(compute())
    if (found := kept(store, name, key)) is not None:
        return found
    path = path_of(store, name, key)
    result = plain(compute())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_json(path, {"key": plain(key), "result": result})
    except (OSError, StoreError):
        pass
    return result


def kept(store: Store, name: str, key: dict[str, Any]) -> Any:
    """The result that the store has for `key`, as JSON reads it; None if it has none."""
    document = read_json(path_of(store, name, key), None)
    if isinstance(document, dict) and document.get("key") == plain(key):
        return document.get("result")
    return None


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
