"""The columns of a table of runs, as texts that say which values are equal: fast for thousands of rows.

Most rows have the value of one before them, and each value is put into words once.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from ict.config import NEUTRAL
from ict.store.run_rows import NAMED, RunRow, as_rows

Key = Callable[[RunRow, Sequence[str]], tuple[str, ...]]
"""`ict.analysis.groups.key`."""


def keys(rows: Sequence[RunRow], names: Sequence[str], key: Key) -> list[tuple[str, ...]]:
    """`key(row, names)` of each row."""
    if not names:
        return [()] * len(rows)
    return list(zip(*(column(rows, name, key) for name in names), strict=True))


def column(rows: Sequence[RunRow], name: str, key: Key) -> list[str]:
    """The text of `key(row, (name,))` of each row."""
    records = as_rows(rows)
    found = values(records, name, NEUTRAL.get(name))
    if found and found.count(found[0]) == len(found) and len(set(map(type, found))) == 1:
        return list(key(records[0], (name,))) * len(found)
    said: dict[Any, str] = {}
    texts = []
    for row, value in zip(records, found, strict=True):
        one = value.__class__, value  # True is no 1
        try:
            text = said.get(one)
        except TypeError:  # a list
            text = key(row, (name,))[0]
        if text is None:
            text = said[one] = key(row, (name,))[0]
        texts.append(text)
    return texts


def values(rows: Sequence[RunRow], name: str, missing: Any = None) -> list[Any]:
    """`RunRow.get` of each row."""
    if name in NAMED:
        return list(map(attrgetter(name), rows))
    return [row.more.get(name, missing) for row in rows]
