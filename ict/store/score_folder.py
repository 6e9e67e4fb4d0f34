"""One folder of scores: its meta.json, once its score file is known to be whole."""

import functools
import os
from pathlib import Path
from typing import Any

from ict.documents.identity import is_id
from ict.documents.records import Odd, read_record
from ict.documents.score_files import META, check
from ict.documents.shapes import reader, shown, text
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError, quoted
from ict.store import names

_SAME = (
    "task", "criterion", "backbone", "weights", "data", "split", "tokens", "sites", "images", "classes",
    "stages", "options",
)  # fmt: skip
_ADVICE = "delete the folder and run `ict score` again"


def read_score(folder: Path) -> dict[str, Any] | Odd | None:
    """meta.json with the `score_id` and `path` of the score file; None for scores that were not finished."""
    if not os.path.isdir(folder):
        return Odd(folder, "not a folder; delete it, or take it out of the store")
    if not is_id(folder.name):
        return Odd(folder, "its name is not a score id; rename it, or take it out of the store")
    meta = read_record(names.meta_file(folder), reader(_check_meta), advice=_ADVICE)
    path = names.score_file(folder)
    if meta is None:
        reason = f"no readable meta.json; {_ADVICE}"
        return Odd(folder, reason)
    if isinstance(meta, Odd):
        return Odd(folder, f"meta.json: {meta.reason}")
    try:
        status = os.stat(path)
        _check_same(meta, _meta_of(str(path), status.st_mtime_ns, status.st_size))
    except FileNotFoundError:
        return None
    except (OSError, InputError) as error:
        return Odd(
            folder, f"{names.SCORES}: {getattr(error, 'strerror', None) or shown(error)}; {_ADVICE}"
        )
    return {**meta, "score_id": folder.name, "path": str(path)}


def _check_meta(meta: Any, name: str) -> None:
    META(meta, name)
    text(meta.get("task"), "task")


@functools.lru_cache(maxsize=4096)
def _meta_of(path: str, _time: int, _size: int) -> dict[str, Any]:
    """The meta in the score file's own header. Raises InputError unless the file is whole.

    Remembered while the file is the same.
    """
    with open_tensors(path) as file:
        return check(file)


def _check_same(meta: dict[str, Any], own: dict[str, Any]) -> None:
    """Raises InputError where meta.json, by which scores are found, says other than the scores do."""
    for name in _SAME:
        said, is_ = meta.get(name), own.get(name)
        if is_ is not None and said != is_:
            raise InputError(f"{name} is {quoted(is_)}, but meta.json says {quoted(said)}")
