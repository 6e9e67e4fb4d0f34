"""What each of several score files is called, so that names differ wherever files do."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from ict.analysis.fewest_fields import fewest, telling
from ict.documents.score_record import ScoreRecord

_DIGITS: Final = 6  # of an id
_SAID: Final[dict[str, Callable[[Any], str]]] = {
    "task": str,
    "criterion": str,
    "tokens": "{} tokens".format,
    "sites": lambda sites: f"site {', '.join(sites)}",
    "images": "{:,} images".format,
    "backbone": str,
    "image_size": "{} px".format,
    "split": str,
    "pixel_normalisation": "pixels {}".format,
    "weights": lambda value: "random weights" if value == "none" else f"weights {value[-_DIGITS:]}",
    "data": lambda value: f"data {value[-_DIGITS:]}",
}
"""How a name says each field, plain ones first."""
_FIRST: Final = ("task", "criterion")


def score_names(records: Sequence[ScoreRecord]) -> dict[str, str]:
    """The name of each score file by its id: task and criterion, then the fewest fields in which it differs.

    `digits · class_l2 · cls tokens`. The last digits of an id are added where fields are not enough.
    """
    files = list({record.score_id: record for record in records}.values())
    columns = telling((name, [str(_value(one, name)) for one in files]) for name in _SAID)
    keys = list(zip(*columns.values(), strict=True)) if columns else [()] * len(files)
    own, fields = fewest(keys), list(columns)
    names = {
        one.score_id: _name(one, [*_FIRST, *(fields[i] for i in own[key])])
        for one, key in zip(files, keys, strict=True)
    }
    for digits in (_DIGITS, None):
        said = list(names.values())
        names = {
            score_id: name if said.count(name) == 1 else f"{name} · {_end(score_id, digits)}"
            for score_id, name in names.items()
        }
    return names


def _end(score_id: str, digits: int | None) -> str:
    return score_id if digits is None else score_id[-digits:]


def _value(record: ScoreRecord, name: str) -> Any:
    """A field; what tokens are read where an older file does not say."""
    value = getattr(record, name)
    return "patch" if name == "tokens" and value is None else value


def _name(record: ScoreRecord, fields: Sequence[str]) -> str:
    values = {name: _value(record, name) for name in dict.fromkeys(fields)}
    return " · ".join(_SAID[name](value) for name, value in values.items() if value)
