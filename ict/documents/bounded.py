"""Text from outside as numbers and values: its length first, then a strict grammar, then arithmetic.

A short text can stand for a number of a gigabyte (`1e9000000` as a fraction) and a long one costs
its square (`int` of a million digits): neither is computed here. Digits are ASCII digits.
"""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from ict.errors import InputError, quoted

LONGEST = 200
"""Characters of a text that may be a number, a name or a value."""
WORD = 4096
"""Characters of one word of a command line: no path is longer."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?"
)
_FRACTION = re.compile(r"([0-9]{1,9})\s?/\s?([0-9]{1,9})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def whole_number(text: str) -> int | None:
    """`text` as a whole number of at most 18 digits; None if it is none."""
    stripped = text[:LONGEST].strip()
    fits = len(text) <= LONGEST and _WHOLE.fullmatch(stripped)
    return int(stripped) if fits else None


def number(text: str) -> float | None:
    """`text` as a finite number, such as 12, 0.125 or 1e-4; None if it is none."""
    stripped = text[:LONGEST].strip()
    fits = len(text) <= LONGEST and _NUMBER.fullmatch(stripped)
    return float(stripped) if fits else None


def fraction(text: str) -> float | None:
    """`text` as a number, written so or as 1/8; None if it is none."""
    parts = _FRACTION.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if parts is None:
        return number(text)
    below = int(parts[2])
    return int(parts[1]) / below if below else None


def json_value(text: str, what: str) -> Any:
    """The JSON value that `text` is, or `text` itself. `what` names it where it is too much.

    Raises InputError for one nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        raise InputError(f"{what} {quoted(text)}: too many brackets within each other") from None


def read_text(path: Path, most: int) -> str:
    """The UTF-8 text of the file `path` (without a byte order mark), of at most `most` bytes.

    Raises OSError as opening does, and InputError, which names no path, for what is no such file.
    """
    content = read_bytes(path, most)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not text in UTF-8 (byte {error.start}); save it as UTF-8 in the program that wrote it"
        ) from error
    if "\0" in text:
        raise InputError("holds null characters; save it as UTF-8 in the program that wrote it")
    return text


def read_bytes(path: Path, most: int) -> bytes:
    """The content of the file `path`, of at most `most` bytes; raises as `read_text` does."""
    if stat.S_ISFIFO(os.stat(path).st_mode) or stat.S_ISCHR(os.stat(path).st_mode):
        raise InputError("is a pipe or a device; give a file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError(f"has more than {most // 1024} KiB")
    return content


def odd_word(word: str) -> str:
    """Why `word` cannot be a word of a command line, or ""."""
    if len(word) > WORD:
        return f"has {len(word)} characters, more than the {WORD} that a word may have"
    if _CONTROL.search(word):
        return "holds a control character"
    try:
        word.encode()
    except UnicodeEncodeError:
        return "is not text in UTF-8"
    return ""
