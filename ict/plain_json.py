"""JSON of a store, from bytes: bounded in depth, digits and characters, whoever wrote it."""

import json
from typing import Any

from ict.errors import InputError

_DEEPEST = 64  # nesting of a JSON document; ours have 4

_DIGITS = bytes.maketrans(b"0123456789", b"0" * 10)  # a run is found 20 times as fast as by re
_LONG = b"0" * 19
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_json(content: bytes) -> Any:
    """The JSON document in `content`, UTF-8 with or without a byte order mark.

    Raises InputError for what is torn, nested more than 64 deep, holds half a character (a lone
    surrogate), which nothing can print, or a whole number of more than 64 bits. NaN and infinity
    pass: who expects a number checks it.
    """
    try:
        document = _decoded(content)
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text") from error
    except RecursionError as error:
        raise InputError(f"is nested more than {_DEEPEST} deep") from error
    except json.JSONDecodeError as error:
        raise InputError(f"is not whole JSON (line {error.lineno}: {error.msg})") from error
    except InputError:  # of `_whole`
        raise
    except ValueError as error:  # more digits than Python turns into a number
        raise InputError("holds a number of thousands of digits") from error
    if _is_suspicious(content):
        _check_plain(document)
    return document


def _decoded(content: bytes) -> Any:
    """As `json.loads`, at a third of its time where the faster parser takes the document too."""
    if _may_be_long(content.translate(_DIGITS)):  # orjson makes a float of a longer number
        return _BOUNDED.decode(content.decode().removeprefix("\ufeff"))
    import orjson  # takes longer to import than one document to read: only where there is one

    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # NaN, a byte order mark, half a character, or what is wrong
        return json.loads(content.decode().removeprefix("\ufeff"))


def _may_be_long(zeros: bytes) -> bool:
    """Whether a document, its digits zeros, may hold a number of 64 bits: no quote ends a number."""
    start = zeros.find(_LONG)
    while start >= 0:
        rest = zeros[start:].lstrip(b"0")
        if not rest.startswith(b'"'):
            return True
        start = zeros.find(_LONG, len(zeros) - len(rest))
    return False


def _is_suspicious(content: bytes) -> bool:
    """Whether a document may be deep or hold half a character: few may, of thousands."""
    return b"\\u" in content or _may_be_deep(content.translate(_SQUARE, _NO_BRACKETS))


def _may_be_deep(brackets: bytes) -> bool:
    """Whether `brackets` (those in texts too) may be nested too deep; a round takes the innermost of all."""
    for _ in range(_DEEPEST):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _check_plain(document: Any) -> None:
    """Raises InputError for nesting too deep or half a character.

    Level by level, so that no nesting is too deep for the check itself.
    """
    level = [document]
    for _ in range(_DEEPEST + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                _check_characters(value)
        if not below:
            return
        level = below
    raise InputError(f"is nested more than {_DEEPEST} deep")


def _whole(digits: str) -> int:
    """A whole number of a document. Raises InputError for one of more than 64 bits."""
    value = int(digits)
    if not -(2**63) <= value < 2**63:
        raise InputError("holds a whole number of more than 64 bits")
    return value


_BOUNDED = json.JSONDecoder(parse_int=_whole)


def _check_characters(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError("holds half a character (a lone surrogate)") from error
