"""A CSV or TSV with a header: a column of image files, one of labels, maybe one of parts."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ict.documents.sheets import Sheet, read_sheet
from ict.errors import InputError, quoted
from ict.tasks.own.images import MOST_IMAGES, PARTS, Image, bounded, line_path

ENDINGS = (".csv", ".tsv")
_MOST_BYTES = 256 << 20
_IMAGE = "image file path filename file_name filepath file_path image_path image_file img".split()
_LABEL = "label class target category labels class_name label_name y".split()
_PART = "split part subset fold set".split()


def table_images(
    path: Path, images: Path, *, image_column: str | None, label_column: str | None
) -> list[Image]:
    """The images of the table `path`; its file names count from the folder `images`.

    Columns are found by their usual names unless they are named. Raises InputError naming file and
    line of a row without a file or a label, and of a part that is none.
    """
    try:
        sheet = read_sheet(path, most_bytes=_MOST_BYTES, most_rows=MOST_IMAGES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    where = f"{path}, line {sheet.header_line}"
    file = _column(sheet, image_column, _IMAGE, f"{where}: no column of images", "--image-column")
    label = _column(sheet, label_column, _LABEL, f"{where}: no column of labels", "--label-column")
    part = next((i for i, name in enumerate(sheet.header) if name.lower() in _PART), None)
    found = bounded(_rows(sheet, path, images, (file, label, part)))
    if not found:
        raise InputError(f"{path}: no rows below its header")
    return found


def _column(
    sheet: Sheet, named: str | None, usual: Sequence[str], missing: str, option: str
) -> int:
    lower = [name.lower() for name in sheet.header]
    for name in usual if named is None else [named.lower()]:
        if lower.count(name) == 1:
            return lower.index(name)
    shown = ", ".join(quoted(name) for name in sheet.header[:8])
    raise InputError(f"{missing}; there are {shown}; name one with {option}")


def _rows(
    sheet: Sheet, path: Path, images: Path, columns: tuple[int, int, int | None]
) -> Iterator[Image]:
    file, label, part = columns
    for line, cells in sheet.rows:
        try:
            given = "" if part is None else _part(_cell(cells, part, "part"))
            yield Image(
                given, _file(_cell(cells, file, "image"), images), _cell(cells, label, "label")
            )
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from None


def _cell(cells: Sequence[str], column: int, what: str) -> str:
    text = cells[column].strip() if column < len(cells) else ""
    if not text:
        raise InputError(f"no {what}")
    return text


def _part(text: str) -> str:
    if text.lower() not in PARTS:
        raise InputError(f"{quoted(text)} is no part; write train, val or test")
    return PARTS[text.lower()]


def _file(text: str, images: Path) -> str:
    """The file's path below `images`; one that is written from the root counts if it lies there."""
    inside = f"{images}{os.sep}"
    return line_path(text.removeprefix(inside).removeprefix("./").replace("\\", "/"))
