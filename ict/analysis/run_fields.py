"""Any field of a run, as people group, colour and filter by it: settings, seeds, what follows from them."""

from collections.abc import Sequence
from typing import Any, Final

from ict.analysis.setting_words import APART, FIRST, SETTINGS, key, number_of, told, words
from ict.analysis.summary import ratio_of
from ict.criteria import choice, named
from ict.documents.number_words import number_words, share_words
from ict.store.run_rows import RunRow
from ict.tasks.others import said

_TITLES: Final = {
    "k": "K", "ratio": "K/D", "lr": "learning rate", "lr_multiplier": "learning rate ×", "tune_site": "site",
    "selection_seed": "draw",
}  # fmt: skip
_NAMES: Final = ("seed", "selection_seed", "schema")
"""Whole numbers that only tell runs apart: there is no more or less of them."""
FIELDS_OF_RUNS: Final = tuple(
    dict.fromkeys((*FIRST, "ratio", "selector", *APART, "score_task", *SETTINGS))
)


def field_value(row: RunRow, name: str) -> Any:
    """What a run has of a field; `selector` and `ratio` (K/D) follow from others. None: it has none."""
    if name == "ratio":
        return ratio_of(row)
    if name == "selector":
        return None if row.criterion is None else choice(row.criterion).selector
    if name == "criterion":
        return None if row.criterion is None else named(row.criterion)
    if name == "score_task":
        return said(row.score_task or row.task)
    value = row.get(name)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return told(value)


def field_title(name: str) -> str:
    """A field as an axis or a legend calls it."""
    return _TITLES.get(name, name.replace("_", " "))


def varying_fields(rows: Sequence[RunRow]) -> list[str]:
    """Fields in which the runs differ, plain ones first."""
    found = []
    for name in FIELDS_OF_RUNS:
        values = [field_value(row, name) for row in rows] if name in ("ratio", "selector") else []
        distinct = set(values) if values else {key(row, (name,)) for row in rows}
        if len(distinct) > 1:
            found.append(name)
    return found


def is_quantity(name: str, values: Sequence[Any]) -> bool:
    """Whether a field is a number of which there is more and less, in all runs that have it."""
    having = [value for value in values if value is not None]
    numbers = [number_of(value) for value in having]
    return name not in _NAMES and bool(having) and None not in numbers


def in_words(name: str, value: Any) -> str:
    """A value of a field as a legend says it."""
    if value is None:
        return "none"
    if name == "ratio":
        return share_words(value)
    if name in ("weights", "data", "score_data"):
        return words(name, value).split(" ")[-1]
    return number_words(value) if isinstance(value, float) else str(value)
