"""What each of several runs is called, so that names differ wherever runs do."""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from ict.analysis.setting_words import APART, DERIVED, FIRST, SETTINGS, key, words
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
    fields = _telling(runs)
    keys = {row.run_id: key(row, fields) for row in runs}
    own = _fewest(list(keys.values()))
    names = {
        row.run_id: _name(row, [*always, *(fields[i] for i in own[keys[row.run_id]])] or _ALONE)
        for row in runs
    }
    names = _told_apart(names, {row.run_id: _spelled(row, fields) for row in runs})
    names = _told_apart(names, {row.run_id: row.run_id[-_DIGITS:] for row in runs})
    while len(set(names.values())) < len(names):
        names = _told_apart(names, {row.run_id: row.run_id for row in runs})
    return names


def _telling(rows: Sequence[RunRow]) -> list[str]:
    """The fields that tell all of these rows apart that can be, plain ones first."""
    kept: list[str] = []
    codes: list[Hashable] = [()] * len(rows)
    for name in _ORDER:
        column = [key(row, (name,)) for row in rows]
        finer = list(zip(codes, column, strict=True))
        if len(set(finer)) > len(set(codes)):
            kept.append(name)
            numbers = {code: i for i, code in enumerate(dict.fromkeys(finer))}
            codes = [numbers[code] for code in finer]
    return kept


def _fewest(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[int, ...]]:
    """By key: places of the values that no other key has together; the last ones go first."""
    distinct = list(dict.fromkeys(keys))
    shared: dict[tuple[int, ...], Counter[tuple[str, ...]]] = {}

    def alone(one: tuple[str, ...], places: tuple[int, ...]) -> bool:
        if places not in shared:
            shared[places] = Counter(tuple(other[i] for i in places) for other in distinct)
        return shared[places][tuple(one[i] for i in places)] == 1

    found = {}
    for one in distinct:
        places = tuple(range(len(one)))
        for place in reversed(places):
            fewer = tuple(i for i in places if i != place)
            if fewer and alone(one, fewer):
                places = fewer
        found[one] = places
    return found


def _told_apart(names: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """`names` with `more` behind those that several runs have."""
    counts = Counter(names.values())
    return {
        run_id: f"{name} · {more[run_id]}" if counts[name] > 1 and more[run_id] else name
        for run_id, name in names.items()
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
