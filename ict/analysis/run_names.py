"""What each of several runs is called, so that names differ wherever runs do."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ict.analysis.fewest_fields import fewest, telling
from ict.analysis.setting_words import APART, DERIVED, FIRST, SETTINGS, same, words
from ict.config import NEUTRAL
from ict.criteria import named
from ict.store.run_rows import RunRow
from ict.tasks.others import said

_PLAIN: Final = ("task", "method", "backbone")  # said without their field's name
_DIGITS: Final = 6  # of an id
_ORDER: Final = tuple(
    dict.fromkeys((*FIRST, *(n for n in SETTINGS if n not in DERIVED), *APART, *DERIVED))
)
_ALONE: Final = ("task", "method", "k")
"""What a run is called where nothing differs."""


def run_names(rows: Sequence[RunRow], *, always: Sequence[str] = ()) -> dict[str, str]:
    """The name of each run by its id: the fewest fields in which it differs from every other.

    `digits · K 24 · seed 1`, after the fields that are said `always`; a run that people named is called
    so. Fields are settings and seeds,
    plain ones first, in the words of labels; one without a value is left unsaid. Names differ
    wherever ids do, and do not depend on the order of `rows`: the last digits of an id are added where
    fields or their words are not enough.
    """
    runs = list({row.run_id: row for row in rows}.values())
    columns = telling(_columns(runs))
    fields = list(columns)
    values = zip(*columns.values(), strict=True) if columns else [()] * len(runs)
    keys = {row.run_id: one for row, one in zip(runs, values, strict=True)}
    own = fewest(list(keys.values()))
    names = {
        row.run_id: _name(row, [*always, *(fields[i] for i in own[keys[row.run_id]])] or _ALONE)
        for row in runs
    }
    names = _told_apart(names, runs, lambda row: _spelled(row, fields))
    names = _told_apart(names, runs, lambda row: row.run_id[-_DIGITS:])
    while len(set(names.values())) < len(names):
        names = _told_apart(names, runs, lambda row: row.run_id)
    return names


def _columns(rows: Sequence[RunRow]) -> Iterator[tuple[str, list[str]]]:
    """The fields in which rows differ, plain ones first, each with its values as keys."""
    for name in _ORDER if rows else ():
        neutral = NEUTRAL.get(name)
        raw = [row.get(name, neutral) for row in rows]
        if raw.count(raw[0]) < len(raw):
            yield name, list(map(same, raw))


def _told_apart(
    names: dict[str, str], rows: Sequence[RunRow], more: Callable[[RunRow], str]
) -> dict[str, str]:
    """`names` with `more` of a run behind those that several runs have."""
    counts = Counter(names.values())
    return {
        row.run_id: " · ".join(filter(None, (name, more(row)))) if counts[name] > 1 else name
        for row in rows
        for name in (names[row.run_id],)
    }


def _name(row: RunRow, fields: Sequence[str]) -> str:
    if row.name:
        return row.name
    parts = [said_field(row, name) for name in dict.fromkeys(fields)]
    return " · ".join(filter(None, parts)) or str(row.method)


def said_field(row: RunRow, name: str) -> str:
    """One field of a run as a name says it; nothing where it has no value."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    how: dict[str, Callable[[Any], str]] = {
        "criterion": lambda value: named(str(value)),
        "score_task": lambda value: f"channels of {said(value)}" if row.foreign else "",
        "selection_seed": "draw {}".format,
        **dict.fromkeys(_PLAIN, str),
    }
    return how[name](value) if name in how else words(name, value)


def _spelled(row: RunRow, fields: Sequence[str]) -> str:
    """All that tells the runs apart, each field by its name, in full."""
    return ", ".join(f"{name.replace('_', ' ')} {row.get(name)}" for name in fields)
