"""Settings of runs as keys and as words: which fields they are, which come first, how each is said.

Settings are the fields of `RunConfig` without the two seeds, whatever a result adds.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Final

from ict.config import FIELDS, NEUTRAL
from ict.documents.number_words import number_words
from ict.store.run_rows import RunRow

APART: Final = ("seed", "selection_seed")
SETTINGS: Final = tuple(name for name in FIELDS if name not in APART)
DERIVED: Final = (
    "weights", "data", "score_site", "score_task", "score_split", "score_data", "schema",
)  # fmt: skip
"""Settings that follow from others as a rule: a label names them last."""
FIRST: Final = (
    "task", "method", "criterion", "backbone", "k", "epochs", "lr", "lr_multiplier", "limit",
    "shots",    "image_size", "tune_site", "init", "blocks", "batch_size", "augment",
)  # fmt: skip


def key(row: RunRow, names: Sequence[str] = SETTINGS) -> tuple[str, ...]:
    """The values of `names` such that equal ones are equal: 1 and 1.0, missing and NaN alike.

    A field that the run's version had not has its neutral value.
    """
    return tuple(same(row.get(name, NEUTRAL.get(name))) for name in names)


def words(name: str, value: Any) -> str:
    """A setting as a label says it: `lr × 3`, `epochs 8`, the end of a fingerprint."""
    titles = {"k": "K", "tune_site": "site", "lr_multiplier": "lr ×"}
    if isinstance(value, float):
        value = number_words(value)
    if name in ("weights", "data", "score_data"):
        value = str(value)[-6:]
    return f"{titles.get(name, name.replace('_', ' '))} {value}"


def number_of(value: Any) -> float | None:
    """`value` as a finite number; None otherwise, also for one of hundreds of digits."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def told(value: Any) -> Any:
    """`value`, with None for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def same(value: Any) -> str:
    """A value as a key: equal ones are equal, 1 and 1.0, missing and NaN alike."""
    if value is None or type(value) is str:  # most fields of most runs
        return str(value)
    number = number_of(value)
    return str(told(value)) if number is None else repr(number)
