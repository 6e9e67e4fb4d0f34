"""A CSV or TSV with a header: a column of image files, one of labels, maybe one of parts."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ict.documents.sheets import Sheet, read_sheet
from ict.errors import InputError, quoted
from ict.tasks.lists import is_absolute
from ict.tasks.own.images import (
    ENDINGS,
    MOST_IMAGES,
    PARTS,
    Image,
    bounded,
    line_path,
    plain_labels,
)

TABLES = (".csv", ".tsv")
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
    if not sheet.header:
        raise InputError(f"{path}: is empty; line 1 names the columns, such as image,label")
    where = f"{path}, line {sheet.header_line}"
    file = _column(sheet, image_column, _IMAGE, f"{where}: no column of images", "--image-column")
    label = _column(sheet, label_column, _LABEL, f"{where}: no column of labels", "--label-column")
    part = next((i for i, name in enumerate(sheet.header) if name.lower() in _PART), None)
    images_found = bounded(_rows(sheet, path, images, (file, label, part)))
    if not images_found:
        raise InputError(f"{path}: no rows below its header")
    return plain_labels(images_found)


def _column(
    sheet: Sheet, named: str | None, usual: Sequence[str], missing: str, option: str
) -> int:
    lower = [name.lower() for name in sheet.header]
    for name in usual if named is None else [named.lower()]:
        if lower.count(name) == 1:
            return lower.index(name)
        if name in lower:
            raise InputError(f"{missing}: two are called {quoted(name)}; rename one")
    shown = ", ".join(quoted(name) for name in sheet.header[:8])
    if len(sheet.header) == 1:
        remedy = "part the columns by commas, semicolons or tabs"
    else:
        remedy = f"name one with {option}, in a table whose first line names its columns"
    raise InputError(f"{missing}; there are {shown}; {remedy}")


def _rows(
    sheet: Sheet, path: Path, images: Path, columns: tuple[int, int, int | None]
) -> Iterator[Image]:
    file, label, part = columns
    for line, cells in sheet.rows:
        where = f"{path}, line {line}"
        try:
            own_part = "" if part is None else _part(_cell(cells, part, "part"))
            name = _file(_cell(cells, file, "image"), images)
            yield Image(own_part, name, _cell(cells, label, "label"), where)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


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
    """The file's path below `images`; one that is written from the root counts if it lies there.

    A name without an ending, as of an id, is that of the one image file so called.
    """
    written = text.removeprefix(f"{images}{os.sep}").removeprefix("./").replace("\\", "/")
    if is_absolute(written):
        raise InputError(
            f"{quoted(written)} is an absolute path, not below {images}; --images names the folder that "
            "holds all images and that other paths count from"
        )
    path = line_path(written)
    if os.path.splitext(path)[1].lower() in ENDINGS or os.path.lexists(images / path):
        return path
    ended = [path + ending for ending in ENDINGS if os.path.lexists(images / (path + ending))]
    return ended[0] if len(ended) == 1 else path
