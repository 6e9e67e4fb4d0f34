"""Ids that hold for ever: canonical JSON, what stays out of it, and the name made from both.

A field that a later version adds has a neutral value, which means what version 0.1.0 did. At that
value it stays out of the canonical JSON, so that what was asked then keeps its id.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from ict.errors import InputError, quoted

REQUESTS: Final[dict[str, Any]] = {
    "limit_rule": "first",
    "image_size": None,
    "shots": None,
    "shot_seed": 0,
    "shows": "highest",
}
"""Fields of scores, causal checks and inspections that version 0.1.0 had not → their neutral value."""
_ID = re.compile(r"\w[\w.+=@-]{0,200}")


def is_id(text: str) -> bool:
    """Whether `text` can be the name of a folder in the store; no path leaves it."""
    return _ID.fullmatch(text) is not None


def check_id(text: str, kind: str = "run") -> str:
    """`text` if it can be the name of a folder in the store; raises InputError otherwise."""
    if not is_id(text):
        raise InputError(f"{quoted(text)} is not a {kind} id: letters, digits and ._+=@- only")
    return text


def canonical(record: Mapping[str, Any], neutral: Mapping[str, Any]) -> dict[str, Any]:
    """`record` without the fields of `neutral` (field → neutral value) that are at their neutral value."""
    return {
        name: value
        for name, value in record.items()
        if name not in neutral or value != neutral[name]
    }


def digest(record: Mapping[str, Any]) -> str:
    """12 hex digits of the SHA-256 of the JSON of `record`; InputError if a number in it is not finite."""
    check_finite(record)
    return digest_of_text(json.dumps(record, sort_keys=True, separators=(",", ":")))


def digest_of_text(text: str) -> str:
    """12 hex digits of the SHA-256 of `text` in UTF-8: what ends every name that follows from content."""
    import hashlib  # OpenSSL's start is paid where a name is made

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def name_of(readable: str, digest: str) -> str:
    """An id as a folder's name: at most 100 readable characters, then the digits."""
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in readable)
    return f"{plain[:100]}-{digest}"


def check_finite(value: Any, where: str = "") -> None:
    """Raises InputError, naming the field, for NaN or infinity anywhere in a record."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            check_finite(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            check_finite(inner, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}={value}: give a finite number")
