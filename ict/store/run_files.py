"""The files of a run folder, each read into a record or a reason why it is none."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ict.documents.identity import is_id
from ict.documents.records import Odd, read_record
from ict.documents.selection_files import check_selection
from ict.documents.shapes import (
    Check,
    fields,
    list_of,
    maybe,
    number,
    reader,
    shown,
    table,
    table_of,
    text,
    whole,
)
from ict.errors import NewerError, quoted
from ict.store import names

if TYPE_CHECKING:
    from ict.store.run_result import RunResult

T = TypeVar("T")
MOST_RUN_BYTES = 4 << 20  # of a small file of a run; there may be thousands

_RECORD = fields(
    {"config": table, "created_at": text},
    {
        "recipe": text,
        "recipe_fields": list_of(text),
        "sources": table_of(maybe(text)),
        "command": text,
    },
)

_FILES: dict[str, Check] = {
    names.ERROR: fields({}, {"message": text, "type": text, "traceback": text}),
    names.EXECUTION: fields(
        {},
        {
            "threads": whole(1, 4096),
            "slots": whole(1, 4096),
            "tries": whole(),
            "starts": whole(),
            "resumed_epoch": whole(),
            "device": text,
            "host": text,
            "launcher": text,
            "started_at": text,
            "first_started_at": text,
        },
    ),
    names.JOB: fields({}, {"job": text}),
    names.LIVE: fields(
        {},
        {
            "phase": text,
            "unit": text,
            **dict.fromkeys(("done", "total", "epoch", "epochs", "memory_bytes"), whole()),
            **dict.fromkeys(("images_per_second", "eta_seconds"), number),
        },
    ),
    names.QUEUED: fields(
        {},
        {
            "sequence": whole(),
            "slots": whole(1, 4096),
            "threads": whole(1),
            "tries": whole(),
            "devices": list_of(text),
            "data_root": text,
            "launcher": text,
        },
    ),
    names.SELECTION: check_selection,
}


def read_file(folder: Path, name: str) -> dict[str, Any] | Odd | None:
    """One of the small files of a run, checked; an Odd says what is wrong with it."""
    advice = f"`ict remove {shown(folder.name)}` deletes the run"
    if name in (names.LIVE, names.QUEUED, names.JOB, names.EXECUTION):
        advice = "delete the file: it only says how the run was started"
    return read_record(folder / name, reader(_FILES[name]), advice=advice, most=MOST_RUN_BYTES)


def odd_files(folder: Path) -> list[Odd]:
    """Those of the small files of a run that cannot be read."""
    files = (read_file(folder, name) for name in _FILES)
    return [one for one in files if isinstance(one, Odd)]


def read_config(folder: Path | str) -> dict[str, Any] | Odd | None:
    """The record in a run's config.json, its configuration one that `RunConfig` reads."""
    advice = "delete the folder, or start the run again with the command that made it"
    return read_record(f"{folder}/{names.CONFIG}", _stored, advice=advice, most=MOST_RUN_BYTES)


def read_result(folder: Path) -> "RunResult | Odd | None":
    """What came out of a run; None while there is no result.json."""
    from ict.store.run_result import RunResult  # takes longer to import than a worker to look round

    return _read_result(folder, RunResult.from_dict)


def _read_result(folder: Path | str, reader: Callable[[Any], T]) -> T | Odd | None:
    def advice() -> str:
        name = shown(os.path.basename(folder))
        return f"`ict remove {name}` deletes the run, then it can be run again"

    return read_record(f"{folder}/{names.RESULT}", reader, advice=advice, most=MOST_RUN_BYTES)


def run_trouble(folder: Path) -> Odd | None:
    """Why `folder` holds no run that can be read; None if it does."""
    if not os.path.isdir(folder):
        return Odd(folder, "not a folder; delete it, or take it out of the store")
    if not is_id(folder.name):
        return Odd(folder, "its name is not a run id; rename it, or take it out of the store")
    record = read_run_row(folder)
    return record if isinstance(record, Odd) else None


def read_run_row(folder: Path | str) -> tuple[dict[str, Any], dict[str, Any] | None] | Odd:
    """What was asked in a run's folder, and the plain values that came out, None where nothing has yet."""
    from ict.store.run_result import plain_values

    config = read_config(folder)
    if config is None:
        reason = "no config.json: not a run folder, or half-written; take it out of the store"
        return Odd(Path(folder), reason)
    if isinstance(config, Odd):
        return Odd(Path(folder), f"config.json: {config.reason}")
    result = _read_result(folder, plain_values)
    if isinstance(result, Odd):
        return Odd(Path(folder), f"result.json: {result.reason}")
    return config, result


def _stored(document: Any) -> dict[str, Any]:
    """A config.json that can be listed. Raises InputError, or NewerError for one of a later version."""
    from ict.config import SCHEMA, RunConfig

    _RECORD(document, "")
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerError(
            f"the file has schema {quoted(schema)}, this version reads {SCHEMA}: a newer version of "
            "ict wrote it; update ict to read it"
        )
    RunConfig.check_stored(document["config"])
    return dict(document)
