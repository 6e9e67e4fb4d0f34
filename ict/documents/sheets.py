"""Tables of text as spreadsheets write them: the encoding, the separator, then rows with their lines.

Excel writes UTF-16 or the code page of its country, and `;` where the comma is the decimal sign.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from ict.documents.bounded import read_bytes
from ict.errors import InputError

SEPARATORS = (",", ";", "\t")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_UNMARKED = ("utf-8", "cp1252")
_SAID = "sep="  # the line by which Excel is told the separator


@dataclass(frozen=True)
class Sheet:
    """A table below its header: the names of its columns, and (line, cells) of each row.

    Rows without any text are left out. A row may have more or fewer cells than the header.
    """

    text: str
    separator: str
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_sheet(path: Path, *, most_bytes: int, most_rows: int) -> Sheet:
    """The table in the file `path`: UTF-8 or UTF-16 with a mark, UTF-8, else Windows' cp1252.

    Raises OSError as opening does, and InputError naming file and line.
    """
    try:
        text = decoded(read_bytes(path, most_bytes))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    separator, skipped = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[tuple[int, tuple[str, ...]]] = []
    try:
        for cells in reader:
            if reader.line_num <= skipped or not any(map(str.strip, cells)):
                continue
            if len(rows) > most_rows:
                raise InputError(f"{path}: has more than {most_rows} rows")
            rows.append((reader.line_num, tuple(cells)))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num + 1}: {error}") from error
    line, header = rows[0] if rows else (1, ())
    names = tuple(name.strip() for name in header)
    return Sheet(text, separator, names, line, tuple(rows[1:]))


def decoded(content: bytes) -> str:
    """The text of `content` without a byte order mark; raises InputError, which names no file."""
    marked = [name for mark, name in _MARKS.items() if content.startswith(mark)]
    for name in marked or _UNMARKED:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise InputError(
        "is not text in UTF-8, UTF-16 with a byte order mark, or cp1252; save it as UTF-8 in the "
        "program that wrote it"
    )


def _separator(text: str) -> tuple[str, int]:
    """What parts cells, and how many lines come before the header.

    The one that `sep=` says; else the most frequent of the first line with text, outside quotes.
    """
    first = next((line for line in io.StringIO(text) if line.strip()), "").strip("\r\n")
    if first.startswith(_SAID) and first[len(_SAID) :] in SEPARATORS:
        return first[len(_SAID) :], 1
    outside = "".join(first.split('"')[::2])
    return max(SEPARATORS, key=outside.count), 0
