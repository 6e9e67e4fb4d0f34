"""What a field of a run says about itself: its help, its limits or choices, who reads it, since when.

The checks, the canonical JSON, `ict fields` and the options of `ict train` come from here. A field is
declared once, in `ict.config.record`.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ict.config.readers import EVERY_RUN, Reader
from ict.errors import InputError, NewerError, did_you_mean, quoted

MOST_SEED: Final = 2**31 - 1
ALWAYS: Final = object()
"""The neutral value of a field that version 0.1.0 had: none, it is always in the canonical JSON."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """Everything about a field but its name, type and default.

    A field that 0.1.0 had not has a `neutral` value, which means what 0.1.0 did and stays out of the
    canonical JSON, so that old folders keep their ids. New requests that read the field resolve to
    `now`, unless a value is given; a field without `now` is chosen, by a recipe or by name.
    """

    help: str
    read_by: Reader = EVERY_RUN
    choices: tuple[Any, ...] = ()
    more_choices: Callable[[], Iterable[str]] = tuple
    """Those that other packages add; they are looked up only where one is asked for, or all are listed."""
    limits: tuple[float, float] = (-math.inf, math.inf)
    neutral: Any = ALWAYS
    now: Any = None
    may_be_none: bool = False
    """Whether None is a value: of later fields always."""
    settable: bool = True
    """False where the value follows from the task and the program."""
    zero_ran_as_one: bool = False
    """Under version 0.1.0."""

    @property
    def is_later(self) -> bool:
        return self.neutral is not ALWAYS

    @property
    def all_choices(self) -> tuple[Any, ...]:
        """For lists to choose from."""
        return (*self.choices, *self.more_choices())

    def check(self, name: str, value: Any) -> None:
        """Raises InputError, with the nearest choice or the limits, for a value that cannot be run."""
        if value is None:
            return
        if self.choices and value not in self.choices and value not in self.all_choices:
            hint = did_you_mean(value, self.all_choices) if isinstance(value, str) else ""
            allowed = ", ".join(map(str, self.all_choices))
            raise InputError(f"{name}={quoted(value)}: choose one of {allowed}{hint}")
        low, high = self.limits
        if isinstance(value, (int, float)) and not low <= value <= high:
            raise InputError(f"{name}={quoted(value)}: choose {low:.12g} to {high:.12g}")


def about(default: Any = dataclasses.MISSING, /, **words: Any) -> Any:
    """A dataclass field with `About(**words)` behind it."""
    return dataclasses.field(default=default, metadata={"about": About(**words)})


def check_age(record: Mapping[str, Any], known: Mapping[str, About], schema: int) -> None:
    """Raises NewerError for a stored configuration that only a newer version can read."""
    its = record.get("schema", schema)
    newer = "a newer version of ict wrote it; update ict to read it"
    if isinstance(its, int) and its > schema:
        raise NewerError(
            f"the configuration has schema {quoted(its)}, this version reads {schema}: {newer}"
        )
    if unknown := [str(name) for name in record if name not in known]:
        raise NewerError(f"no field {quoted(unknown[0])} in a run's configuration: {newer}")
    for name, value in record.items():
        one = known[name]
        if one.choices and one.is_later and value not in one.choices:
            raise NewerError(f"{name}={quoted(value)} is not known: {newer}")
