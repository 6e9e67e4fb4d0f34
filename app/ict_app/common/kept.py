"""What is made of the records of runs, kept for as long as they are the same records.

The app keeps the record of a run until the run changes (`readers.run_rows`). Which records these are thus
says all of them: thousands are told apart in no time, where their fields would take a second.
"""

import functools
import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from ict.store.run_rows import RunRow

T = TypeVar("T")


class _Records:
    """Records of runs, equal where they are the same ones; it holds them, so that no other takes their place."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        self.rows = tuple(rows)
        self._hash = hash(tuple(map(id, self.rows)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Records) or len(self.rows) != len(other.rows):
            return False
        return all(map(operator.is_, self.rows, other.rows))


def of_rows(make: Callable[..., T], rows: Sequence[RunRow], *more: Hashable) -> T:
    """`make(rows, *more)`, which depends on nothing else; shared by all browsers, and never changed."""
    found: T = _made(make, _Records(rows), more)
    return found


@functools.lru_cache(maxsize=64)
def _made(make: Callable[..., Any], records: _Records, more: tuple[Hashable, ...]) -> Any:
    return make(records.rows, *more)


def made() -> int:
    """How often something was made so far."""
    return _made.cache_info().misses
