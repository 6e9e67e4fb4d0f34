"""What a JSON document of the store must look like, said as small checks.

A check takes a value and what it is called; it raises InputError with one clause, such as
`k is 'high', not a whole number`, or gives nothing. What a check does not name is let through, so
that a file of a newer version with more in it still reads.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ict.documents.identity import is_id
from ict.errors import InputError, quoted

Check = Callable[[Any, str], None]
LARGEST = 2**63 - 1  # tables hold whole numbers in 64 bits


def shown(text: object) -> str:
    """A name or path in a sentence: what cannot be printed (a line end, half a character) escaped."""
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def wrong(value: Any, name: str, wanted: str) -> InputError:
    """The error for a value that is not what was wanted."""
    if value is None:
        return InputError(f"{name} is missing; it should be {wanted}")
    return InputError(f"{name} is {quoted(value)}, not {wanted}")


def text(value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise wrong(value, name, "text")


def an_id(value: Any, name: str) -> None:
    """The name of a run's, a score's … folder in the store: none that leads out of it."""
    text(value, name)
    if not is_id(value):
        raise wrong(value, name, "the id of something in the store")


def flag(value: Any, name: str) -> None:
    if not isinstance(value, bool):
        raise wrong(value, name, "true or false")


def number(value: Any, name: str) -> None:
    """A finite number."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not plain or not (abs(value) <= LARGEST if isinstance(value, int) else math.isfinite(value)):
        raise wrong(value, name, "a finite number")


def measured(value: Any, name: str) -> None:
    """A number that may be NaN, where nothing could be measured."""
    if not (isinstance(value, float) and math.isnan(value)):
        number(value, name)


def log_probability(value: Any, name: str) -> None:
    """At most 0; minus infinity where the true class had no probability left, NaN where none was measured."""
    if value != -math.inf:
        measured(value, name)


def whole(low: int = 0, high: int = LARGEST) -> Check:
    """A whole number from `low` to `high`."""

    def check(value: Any, name: str) -> None:
        plain = isinstance(value, int) and not isinstance(value, bool)
        if not plain or not low <= value <= high:
            raise wrong(value, name, f"a whole number from {low} to {high}")

    return check


def one_of(*words: str) -> Check:
    def check(value: Any, name: str) -> None:
        if value not in words:
            raise wrong(value, name, f"one of {', '.join(words)}")

    return check


def maybe(one: Check) -> Check:
    """None, or what `one` allows."""

    def check(value: Any, name: str) -> None:
        if value is not None:
            one(value, name)

    return check


def table(value: Any, name: str) -> None:
    """A table (JSON object) of whatever."""
    if not isinstance(value, dict):
        raise wrong(value, name, "a table")


def wholes(high: int) -> Check:
    """A list of whole numbers from 0 to `high`, each once: `list_of(whole(…))`, fast for long lists."""

    def check(value: Any, name: str) -> None:
        if not isinstance(value, list):
            raise wrong(value, name, "a list")
        if {type(one) for one in value} - {int} or not min(value, default=0) >= 0:
            raise wrong(value, name, "a list of whole numbers from 0")
        if max(value, default=0) > high:
            raise InputError(f"{name} has {max(value)}, more than {high}")
        if len(set(value)) < len(value):
            raise InputError(f"{name} has a number twice")

    return check


def list_of(one: Check, *, length: int | None = None) -> Check:
    """A list whose every value `one` allows, of `length` values where that is given."""

    def check(value: Any, name: str) -> None:
        if not isinstance(value, list) or length not in (None, len(value)):
            raise wrong(value, name, "a list" if length is None else f"a list of {length} values")
        try:
            for item in value:
                one(item, "")
        except InputError:
            for i, item in enumerate(value):
                one(item, f"{name}[{i}]")
            raise

    return check


def table_of(one: Check) -> Check:
    """A table (JSON object) whose every value `one` allows."""

    def check(value: Any, name: str) -> None:
        table(value, name)
        for key, item in value.items():
            one(item, f"{name}.{shown(key)}")

    return check


def fields(needed: Mapping[str, Check], others: Mapping[str, Check] | None = None) -> Check:
    """A table that has the fields `needed`; those of `others` may be missing or null."""
    checks = (*needed.items(), *((name, maybe(one)) for name, one in (others or {}).items()))

    def check(value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise wrong(value, name or "the file", "a table of fields")
        for key, one in checks:
            one(value.get(key), f"{name}.{key}" if name else key)

    return check


def reader(check: Check) -> Callable[[Any], Any]:
    """A reader for `ict.documents.records.read_record`: gives the document as it is if `check` allows it."""

    def read(document: Any) -> Any:
        check(document, "")
        return document

    return read
