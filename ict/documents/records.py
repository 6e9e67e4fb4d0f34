"""The one reader of a store's files: a record, or a reason why there is none.

A store is a folder that others write to: people with another user id, other versions, full disks.
Whatever lies there, reading it gives a record of the right types or an `Odd` with one clause that says
what is wrong and what to do; it never raises, never waits (a FIFO), and never reads without bound. The
rest of the store goes on.
"""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ict.documents.shapes import shown
from ict.errors import InputError, NewerError
from ict.files import MOST_BYTES, read_regular
from ict.plain_json import parse_json

T = TypeVar("T")
_REFUSED = (errno.EACCES, errno.EPERM)
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


class Odd(NamedTuple):
    """A file or folder that cannot be used: which, and why, with what to do about it."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


def read_record(
    path: Path | str,
    reader: Callable[[Any], T],
    *,
    advice: str | Callable[[], str],
    most: int = MOST_BYTES,
) -> T | Odd | None:
    """What `reader` makes of the JSON document at `path`; None if there is no file, or an empty one.

    `reader` raises InputError for a document that it does not take. `advice` says what to do then; a
    function is called only then.
    """
    try:
        content = read_regular(path, most)
        return reader(parse_json(content)) if content else None
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        words = advice if isinstance(advice, str) else advice()
        return odd(Path(path), error, advice=words)  # a reader need not think of every odd type


def required(found: T | Odd | None, missing: Callable[[], str]) -> T:
    """The record that was read; raises InputError with the reason why it is none, or `missing()`."""
    if isinstance(found, Odd):
        raise InputError(str(found))
    if found is None:
        raise InputError(missing())
    return found


def odd(path: Path, error: Exception, *, advice: str) -> Odd | None:
    """Why `path` could not be read; None where nothing is there."""
    if isinstance(error, OSError):
        if error.errno in _ABSENT:
            return None
        if error.errno in _REFUSED:
            advice = "ask its owner to let you read it, or take it out of the store"
            return Odd(path, f"permission denied; {advice}")
        return Odd(path, f"cannot be read: {error.strerror or error}; {advice}")
    if isinstance(error, RecursionError):
        return Odd(path, f"is nested too deep; {advice}")
    if isinstance(error, ValueError):
        sentence = shown(error)[:400]
        return Odd(path, sentence if isinstance(error, NewerError) else f"{sentence}; {advice}")
    return Odd(path, f"is not what it should be ({type(error).__name__}); {advice}")


def names_in(folder: Path) -> tuple[list[str], list[Odd]]:
    """Names in a folder in alphabetical order, hidden ones left out; an Odd if it cannot be listed."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith(".")), []
    except OSError as error:
        trouble = odd(folder, error, advice="put a folder in its place")
        if error.errno == errno.ENOTDIR:
            trouble = Odd(folder, "is not a folder; put a folder in its place")
        return [], [trouble] if trouble else []


def split(found: Iterable[T | Odd | None]) -> tuple[list[T], list[Odd]]:
    """The records of many reads, and what could not be read; what is absent is neither."""
    records: list[T] = []
    troubles: list[Odd] = []
    for one in found:
        if isinstance(one, Odd):
            troubles.append(one)
        elif one is not None:
            records.append(one)
    return records, troubles
