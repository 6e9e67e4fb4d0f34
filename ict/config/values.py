"""A value as a field's type says, bounded before anything is done with it."""

import math
import typing
from typing import Any, TypeVar

from ict.documents.bounded import odd_word
from ict.errors import InputError, quoted

Value = TypeVar("Value")
_WORDS: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text",
}  # fmt: skip
_LIST = "a list of whole numbers such as [0,1]"


def as_typed(name: str, value: Any, options: tuple[Any, ...]) -> Any:
    """`value` as one of the types `options`; an InputError names the field and what it takes."""
    check_size(name, value)
    if value is None and type(None) in options:
        return None
    if isinstance(value, (list, tuple)) and any(typing.get_origin(o) is tuple for o in options):
        if not value:  # neither a K nor blocks
            raise InputError(f"{name}=[]: give {type_words(options)}")
        if all(isinstance(item, int) and not isinstance(item, bool) for item in value):
            return tuple(value)
    elif isinstance(value, bool):
        if bool in options:
            return value
    elif isinstance(value, int) and int in options:
        return value
    elif isinstance(value, (int, float)) and float in options:
        return _float(name, value)
    elif isinstance(value, str) and str in options:
        return value
    if str in options and isinstance(value, (int, float)):
        return str(value)
    raise InputError(f"{name}={quoted(value)}: give {type_words(options)}")


def type_words(options: tuple[Any, ...]) -> str:
    """The types `options` as people call them."""
    return " or ".join(_WORDS.get(one, _LIST) for one in options if one is not type(None))


def check_size(name: str, value: Any) -> None:
    """Raises InputError for a number or a text that is longer than any field has, or a list of such."""
    for one in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(one, int) and one.bit_length() > 63:
            raise InputError(f"{name}={quoted(one)}: no field takes a number of so many digits")
        if isinstance(one, str) and (odd := odd_word(one)):
            raise InputError(f"{name}={quoted(one)}: the text {odd}")


def _float(name: str, value: float) -> float:
    """`value` as a finite float."""
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond any float
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{name}={quoted(value)}: give a finite number")
    return number


def given(value: Value | None) -> Value:
    """A field that the method reads: `RunConfig.check_total` has seen to it that it is there."""
    assert value is not None
    return value
