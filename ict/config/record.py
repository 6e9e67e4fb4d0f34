"""A run's configuration: its values, what follows from them, and how they are stored."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ict.config.fields import About, check_age
from ict.config.run_fields import SCHEMA, RunFields
from ict.config.values import as_typed
from ict.documents.identity import canonical
from ict.errors import InputError
from ict.methods.registry import get_method


@dataclass(frozen=True, kw_only=True)
class RunConfig(RunFields):
    """One run. `None` in a resolved configuration means that the method does not read the field."""

    def __post_init__(self) -> None:
        for name in _FLOATS:
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name}={value}: give a finite number")

    @property
    def generator_seed(self) -> int:
        """What generators start from; where the method reads no seed, nothing that they draw lasts."""
        return 0 if self.seed is None else self.seed

    @property
    def trained_splits(self) -> tuple[str, ...]:
        """The lists that training reads."""
        return ("train800", "val200") if self.train_split == "train800" else (self.train_split,)

    @property
    def splits(self) -> tuple[str, ...]:
        """The lists of its task that a run reads."""
        scored = self.score_split if self.score_task in (None, self.task) else None
        return tuple(dict.fromkeys(filter(None, (*self.trained_splits, scored, "test"))))

    def reads(self, name: str) -> bool:
        """Whether a run of this configuration reads the field."""
        return ABOUT[name].read_by.of(self) or name in get_method(self.method).reads

    def to_dict(self) -> dict[str, Any]:
        """What is stored and hashed: later fields stay out at their neutral value."""
        record = canonical(dataclasses.asdict(self), NEUTRAL)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in record.items()}

    @staticmethod
    def check_stored(record: Mapping[str, Any]) -> None:
        """Raises as `from_dict` does, sooner: what thousands of runs have in common is checked once."""
        if not (isinstance(record, dict) and "task" in record and _is_known(record)):
            RunConfig.from_dict(record)  # says what is wrong, if anything is

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "RunConfig":
        """Reads a stored configuration. Raises InputError, saying so where a newer version wrote it."""
        if not isinstance(record, Mapping) or "task" not in record:
            raise InputError("the configuration names no task: config.json is not a run's")
        check_age(record, ABOUT, SCHEMA)
        return cls(**{name: as_typed(name, value, TYPES[name]) for name, value in record.items()})

    def as_run(self) -> "RunConfig":
        """With the values that a run of it computes with: what version 0.1.0 made of a 0, if it is its."""
        if self.zeros is not None:
            return self
        ones = {name: 1.0 for name in ONE_FOR_ZERO if getattr(self, name) == 0}
        return dataclasses.replace(self, **ones)  # type: ignore[arg-type]  # all of them floats

    def check_total(self) -> None:
        """Raises InputError if a field that the method reads has no value: nothing is filled in later."""
        missing = [
            name
            for name, one in ABOUT.items()
            if getattr(self, name) is None
            and not (one.may_be_none or one.is_later)
            and self.reads(name)
        ]
        if self.score_task not in (None, self.task) and self.score_data is None:
            missing.append("score_data")
        if missing:
            raise InputError(
                f"config.json lacks {', '.join(missing)}, which method {self.method} reads; "
                "ask for the run anew"
            )


_seen: set[tuple[str, type, Any]] = set()  # fields with a type and a value that they may have
_MOST_SEEN = 4096


def _is_known(record: dict[str, Any]) -> bool:
    """Whether all values are such as fields have; False where a closer look decides."""
    values = [str(v) if v.__class__ is list else v for v in record.values()]
    try:
        new = set(zip(record, map(type, record.values()), values, strict=True)) - _seen
    except TypeError:  # a table
        return False
    if not all(_is_value(name, record[name]) for name, _, _ in new):
        return False
    if len(_seen) > _MOST_SEEN:
        _seen.clear()
    _seen.update(new)
    return True


def _is_value(name: str, value: Any) -> bool:
    """Whether the field `name` of this version may have the value."""
    try:
        check_age({name: value}, ABOUT, SCHEMA)
        as_typed(name, value, TYPES[name])
    except InputError:
        return False
    return True


ABOUT: Final[dict[str, About]] = {
    field.name: field.metadata["about"] for field in dataclasses.fields(RunConfig)
}
FIELDS: Final = tuple(ABOUT)
DEFAULTS: Final[dict[str, Any]] = {
    field.name: None if field.default is dataclasses.MISSING else field.default
    for field in dataclasses.fields(RunConfig)
}
NEUTRAL: Final[dict[str, Any]] = {n: one.neutral for n, one in ABOUT.items() if one.is_later}
"""Fields that version 0.1.0 had not → the value that means what it did."""
ONE_FOR_ZERO: Final = tuple(name for name, one in ABOUT.items() if one.zero_ran_as_one)
_HINTS = typing.get_type_hints(RunConfig)
TYPES: Final[dict[str, tuple[Any, ...]]] = {
    name: typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for name, hint in _HINTS.items()
}
_FLOATS = tuple(name for name, options in TYPES.items() if float in options)
