"""What tells runs that are drawn together apart: a label for each, which seeds share."""

from collections.abc import Sequence

import pandas as pd

from ict.analysis.groups import SETTINGS, telling, told_apart, words
from ict.criteria import is_control, named
from ict.store.run_rows import RunRow
from ict.tasks.others import said

_PLAIN = ("task", "method", "criterion", "backbone")
_WHOSE = ("score_task", "score_data")  # said as "channels of TASK"


def labels(rows: Sequence[RunRow]) -> dict[str, str]:
    """A label for each run id from the settings in which the runs differ; seeds alone share one."""
    names = telling(rows, [name for name in SETTINGS if name not in _WHOSE]) or ["method"]
    if "criterion" not in names and any(_control(row) for row in rows):
        names.insert(
            min(2, len(names)), "criterion"
        )  # a control is never shown as the method itself
    texts = told_apart(rows, lambda row: _label(row, names))
    return {row.run_id: text for row, text in zip(rows, texts, strict=True)}


def _control(row: RunRow) -> bool:
    return is_control(row.criterion)


def _label(row: RunRow, names: Sequence[str]) -> str:
    parts = []
    for name in names:
        value = row.get(name)
        if pd.isna(value):
            continue
        plain = named(str(value)) if name == "criterion" else str(value)
        parts.append(plain if name in _PLAIN else words(name, value))
    if row.foreign:
        parts.append(f"channels of {said(row.score_task)}")
    return " · ".join(parts) or str(row.method)
