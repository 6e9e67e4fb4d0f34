"""What tells runs that are drawn together apart: a label for each, which seeds share."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ict.analysis.summary import varying
from ict.config import FIELDS

Row = Mapping[str, Any]
WORDS = {"k": "K", "tune_site": "site", "lr_multiplier": "lr ×"}
_PLAIN = ("task", "method", "criterion", "backbone")
_ORDER = (*_PLAIN, "k")
_DERIVED = {"weights", "data", "score_site", "score_task", "score_split", "score_data", "schema"}


def labels(rows: Sequence[Row]) -> dict[str, str]:
    """A label for each run id from the fields in which the runs differ; seeds share a label."""
    if not rows:
        return {}
    asked = set(FIELDS) - _DERIVED  # what came out differs between any two runs
    names = [name for name in varying(pd.DataFrame(list(rows))) if name in asked]
    names = _without_repeats(rows, names) or ["method"]
    if "criterion" not in names and any(_control(row) for row in rows):
        names.insert(
            min(2, len(names)), "criterion"
        )  # a control is never shown as the method itself
    return {row["run_id"]: _label(row, names) for row in rows}


def _without_repeats(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Drops a field that says nothing beyond those before it (criterion is none where K is none)."""
    order = sorted(names, key=lambda n: _ORDER.index(n) if n in _ORDER else len(_ORDER))
    kept: list[str] = []
    for name in order:
        if len({_key(row, [*kept, name]) for row in rows}) > len({_key(row, kept) for row in rows}):
            kept.append(name)
    return kept


def _control(row: Row) -> bool:
    return str(row.get("criterion")).partition(":")[0] in ("random", "lowest")


def _key(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in names)


def _label(row: Row, names: Sequence[str]) -> str:
    parts = []
    for name in names:
        value = row.get(name)
        if pd.isna(value):
            continue
        parts.append(str(value) if name in _PLAIN else f"{WORDS.get(name, name)} {value}")
    if row.get("score_task") not in (None, row.get("task")):
        parts.append(f"channels of {row['score_task']}")
    return " · ".join(parts) or str(row.get("method"))
