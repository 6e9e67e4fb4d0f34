"""What came out of a run: `RunResult`, the one record that `result.json` holds.

The pipeline writes it; the store, tables, groups, figures and pages read it. A setting is what
`RunConfig` has, a result is what stands here: nothing is told apart by a list of exceptions.
"""

import dataclasses
import functools
import math
import reprlib
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from ict.documents.identity import is_id
from ict.documents.shapes import an_id
from ict.errors import InputError


@dataclass(frozen=True)
class Limits:
    """What a number may be, and how a sentence says it."""

    low: float
    high: float
    words: str


# Tables hold whole numbers in 64 bits; nobody measures more than 1e15 seconds or images a second.
Fraction = Annotated[float, Limits(0, 1, "a number from 0 to 1")]
Loss = Annotated[float, Limits(-math.inf, math.inf, "a finite number")]
Amount = Annotated[float, Limits(0, 1e15, "a number from 0 to 1e15")]
Count = Annotated[int, Limits(0, 2**63 - 1, "a whole number from 0 to 2^63 - 1")]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Accuracies are fractions. None: this kind of run does not measure it, or it was not written."""

    run_id: str | None = None
    test_accuracy: Fraction
    """Of the epoch that the configuration selects; the one look at the test set."""
    test_loss: Loss | None = None
    test_balanced_accuracy: Fraction | None = None
    majority_accuracy: Fraction | None = None
    """Of always answering the commonest class of the test set."""
    test_images: Count | None = None
    val_accuracy: Fraction | None = None
    """On val200; None where the run trained on it."""
    val_loss: Loss | None = None
    """Likewise, of the tested epoch (nats); results of version 0.1.0 and of the probe have none."""
    cross_validated_accuracy: Fraction | None = None
    """Of the linear probe without val200: 5 folds of its training images."""
    train_accuracy: Fraction | None = None
    train_loss: Loss | None = None
    inverse_regularisation: Amount | None = None
    """The linear probe's C."""
    selected_epoch: Count | None = None
    """None for the linear probe, which has no epochs."""
    images_per_second: Amount | None = None
    best_test_accuracy: Fraction | None = None
    """Optimistic: the best of one look at the test set an epoch. Only where it was asked for."""
    best_test_epoch: Count | None = None
    adapter_parameters: Count | None = None
    head_parameters: Count | None = None
    trainable_parameters: Count | None = None
    backbone_parameters: Count | None = None
    epochs: Count | None = None
    train_images: Count | None = None
    load_seconds: Amount | None = None
    """Of reading images before anything else; a test set that is streamed counts as testing."""
    score_seconds: Amount | None = None
    train_seconds: Amount | None = None
    test_seconds: Amount | None = None
    peak_memory_bytes: Count | None = None
    device: str | None = None
    device_name: str | None = None
    threads: Count | None = None
    compiled: bool | None = None
    """Whether training steps were compiled; None, as in all earlier results: they were not."""
    precision: str | None = None
    score_id: str | None = None
    official_data: bool | None = None
    """Whether the whole official test set was used; False for a task of one's own, which has none."""
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str | None] = field(default_factory=dict)
    """Of Python and the packages; None for one that could not be told."""
    started_at: str | None = None
    finished_at: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a newer version wrote beside these: kept as it is, read by nobody."""

    def __post_init__(self) -> None:
        """Raises InputError that names the first field whose value cannot be."""
        for name in FIELDS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _READERS[name](name, value))
        if self.test_accuracy is None:
            raise InputError("test_accuracy is missing")
        if self.score_id is not None:
            an_id(self.score_id, "score_id")

    def to_dict(self) -> dict[str, Any]:
        """What `result.json` holds; `from_dict` gives the same record again."""
        record = {name: getattr(self, name) for name in FIELDS}
        return {
            **self.unknown,
            **record,
            "notes": list(self.notes),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "RunResult":
        """Reads a stored result: null and a missing field are the same. Raises InputError as above."""
        if not isinstance(record, Mapping):
            raise InputError(f"a result is a table of fields, not {_quoted(record)}")
        values = {name: record[name] for name in FIELDS if record.get(name) is not None}
        unknown = {name: value for name, value in record.items() if name not in _READERS}
        return cls(**{"test_accuracy": None, **values}, unknown=unknown)


def plain_values(record: Any) -> dict[str, Any]:
    """What a table shows of a stored result: the values of `ROW_FIELDS` that it has.

    Raises as `RunResult.from_dict` does, whose record it does not make where all values are as
    they are written.
    """
    if not (isinstance(record, dict) and _is_as_it_shows(record)):
        record = vars(RunResult.from_dict(record))
    return {name: record[name] for name in ROW_FIELDS if record.get(name) is not None}


def _is_as_it_shows(record: dict[str, Any]) -> bool:
    """Whether a stored result can be read, and reading it changes no value that a table shows."""
    look = _look_of(tuple(record), tuple(map(type, record.values())))
    if look is None or record.get("test_accuracy") is None:
        return False
    if not all(low <= record[name] <= high for name, low, high in look.numbers):
        return False
    if not all(record[name].isascii() for name in look.texts):
        return False
    try:
        for name in look.others:
            _READERS[name](name, record[name])
    except InputError:
        return False
    return record.get("score_id") is None or is_id(record["score_id"])


@dataclass(frozen=True)
class _Look:
    """What is still to be looked at in a result whose fields have the right types."""

    numbers: tuple[tuple[str, float, float], ...]
    texts: tuple[str, ...]
    others: tuple[str, ...]
    """That no table shows."""


@functools.lru_cache(maxsize=256)
def _look_of(names: tuple[str, ...], types: tuple[type, ...]) -> _Look | None:
    """Of results with these fields of these types: thousands are alike. None for a type that is wrong."""
    given = {n: kind for n, kind in zip(names, types, strict=True) if kind is not type(None)}
    known = {name: kind for name, kind in given.items() if name in _READERS}
    plain = {name: kind for name, kind in known.items() if name in _KINDS}
    if any(kind is not _KINDS[name][0] for name, kind in plain.items()):
        return None
    limited = {name: limits for name in plain if (limits := _KINDS[name][1])}
    numbers = tuple(
        (n, max(of.low, -_LARGEST), min(of.high, _LARGEST)) for n, of in limited.items()
    )
    texts = tuple(name for name, kind in plain.items() if kind is str)
    return _Look(numbers, texts, tuple(name for name in known if name not in plain))


def _read_plain(name: str, value: Any) -> Any:
    kind, limits = _KINDS[name]
    if limits is not None:
        return _number(name, value, kind, limits)
    if kind is bool:
        if not isinstance(value, bool):
            raise _odd(name, value, "true or false")
        return value
    return _text(name, value)


def _number(name: str, value: Any, kind: type, limits: Limits) -> float | int:
    """`value` as a number within `limits`; an int field takes no float, and neither takes a bool."""
    allowed = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise _odd(name, value, limits.words)
    try:
        number = kind(value)
    except OverflowError as error:  # an int beyond what a float holds
        raise _odd(name, value, limits.words) from error
    if not (limits.low <= number <= limits.high and math.isfinite(number)):
        raise _odd(name, value, limits.words)
    return number


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _odd(name, value, "text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _odd(name, value, "text in Unicode") from error
    return value


def _read_notes(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise _odd(name, value, "a list of texts")
    return tuple(_text(name, note) for note in value)


def _read_versions(name: str, value: Any) -> dict[str, str | None]:
    if not isinstance(value, Mapping):
        raise _odd(name, value, "a table of texts")
    return {
        _text(name, package): None if version is None else _text(name, version)
        for package, version in value.items()
    }


def _odd(name: str, value: Any, words: str) -> InputError:
    return InputError(f"{name} is {_quoted(value)}, not {words}")


def _quoted(value: Any) -> str:
    """`value` as a sentence may show it: shortened, never nested deep; repr escapes what cannot print."""
    return _SHORT.repr(value)


def _kind(hint: Any) -> tuple[Any, Limits | None]:
    """The plain type of a field and the limits of its numbers; None is left out."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if typing.get_origin(hint) is typing.Union:
        options = typing.get_args(hint)
    (kept,) = (option for option in options if option is not type(None))
    limits = getattr(kept, "__metadata__", (None,))[0]
    return (typing.get_args(kept)[0] if limits else kept), limits


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
FIELDS: Final = tuple(f.name for f in dataclasses.fields(RunResult) if f.name != "unknown")
ROW_FIELDS: Final = tuple(name for name in FIELDS if name not in ("run_id", "notes", "versions"))
"""What a table of runs shows of a result: its plain values."""
_HINTS = typing.get_type_hints(RunResult, include_extras=True)
_READERS: Final = dict.fromkeys(FIELDS, _read_plain) | {
    "notes": _read_notes,
    "versions": _read_versions,
}
_KINDS = {name: _kind(_HINTS[name]) for name in FIELDS if _READERS[name] is _read_plain}
_LARGEST = sys.float_info.max  # below infinity
