"""A Hugging Face folder of parquet files: images in a column, labels in another, names in the metadata."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ict.errors import InputError, quoted
from ict.files import atomic_write_bytes, make_folder
from ict.tasks.own.images import MOST_IMAGES, PARTS, Image, listed, plain_labels
from ict.tasks.places import FOLLOW, lies_in

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ENDING = ".parquet"
_LABEL = "label labels class target category fine_label".split()
_PART = re.compile(r"([A-Za-z]+)(?:[-_.].*)?")
_ROWS = 64  # read at once
_MOST_IMAGE = 64 << 20
_KINDS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"BM", "bmp"),
          (b"RIFF", "webp"), (b"II*\0", "tif"), (b"MM\0*", "tif"))  # fmt: skip


def parquet_files(folder: Path) -> list[Path]:
    """The parquet files in a folder, in its folder `data`, or in its only folder that has some.

    They may lie in folders of parts (`train/0000.parquet`), as the Hugging Face hub converts data sets.
    Raises InputError for several folders, each a data set of its own.
    """
    for place in (folder, folder / "data"):
        if place.is_dir() and (files_there := _files_of(place)):
            return files_there
    sets = {path.name: files_there for path in _folders(folder) if (files_there := _files_of(path))}
    if len(sets) > 1:
        names = ", ".join(quoted(name) for name in list(sets)[:8])
        raise InputError(
            f"{folder} has several folders of parquet files, {names}; link one of them"
        )
    return next(iter(sets.values()), [])


def _files_of(folder: Path) -> list[Path]:
    """The parquet files in a folder and in its folders of parts."""
    places = [folder, *(path for path in _folders(folder) if path.name.lower() in PARTS)]
    return [
        Path(entry.path)
        for place in places
        for entry in listed(place)
        if entry.name.lower().endswith(ENDING)
    ]


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in listed(folder) if entry.is_dir()]


class ParquetImages:
    """The rows of several parquet files, in order; images stay where they are until they are written."""

    def __init__(
        self,
        folder: Path,
        files: Sequence[Path],
        *,
        follow: bool,
        columns: tuple[str | None, str | None],
    ) -> None:
        self._files = [_Rows.of(path, _opened(path, folder, follow), columns) for path in files]

    def images(self) -> list[Image]:
        """One image a row, without a path. Raises InputError for a row without a label."""
        images_found: list[Image] = []
        several = len({_part_of(rows.path) for rows in self._files}) > 1
        for rows in self._files:
            part = _part_of(rows.path) if several else ""
            if len(images_found) + rows.file.metadata.num_rows > MOST_IMAGES:
                raise InputError(f"more than {MOST_IMAGES:,} images; link a part of them")
            images_found += [Image(part, "", label, where) for label, where in rows.labels()]
        return plain_labels(images_found)

    def write(self, folder: Path, lists: dict[str, np.ndarray]) -> list[str]:
        """Writes each listed image's file, as it is, into `folder`; gives the paths, "" for one not listed."""
        split_of = {int(i): split for split, chosen in lists.items() for i in chosen}
        _check_room(folder, sum(rows.path.stat().st_size for rows in self._files))
        paths = [""] * sum(rows.file.metadata.num_rows for rows in self._files)
        for place, (where, cell) in enumerate(self._cells()):
            if place in split_of:
                content = _content(cell, where)
                paths[place] = f"images/{place // 1000:04d}/{place:07d}.{_kind(content)}"
                make_folder((folder / paths[place]).parent)
                atomic_write_bytes(folder / paths[place], content)
        return paths

    def _cells(self) -> Iterator[tuple[str, Any]]:
        for rows in self._files:
            for row, cell in enumerate(rows.cells(rows.image), 1):
                yield f"{rows.path}, row {row}", cell


@dataclass(frozen=True)
class _Rows:
    """One file: its columns of images and of labels, and the names of classes that it gives."""

    path: Path
    file: "pq.ParquetFile"
    image: str
    label: str
    names: Sequence[str] | None

    @classmethod
    def of(
        cls, path: Path, file: "pq.ParquetFile", columns: tuple[str | None, str | None]
    ) -> "_Rows":
        schema = file.schema_arrow
        image = _image_column(schema, columns[0], path)
        label = _label_column(schema, columns[1], path)
        return cls(path, file, image, label, _class_names(schema, label))

    def labels(self) -> Iterator[tuple[str, str]]:
        """The class of each row, and which row it is."""
        for row, label in enumerate(self.cells(self.label), 1):
            where = f"{self.path}, row {row}"
            yield self._named(where, label), where

    def _named(self, where: str, label: Any) -> str:
        if label in (None, -1, "") or str(label) == "nan":
            raise InputError(
                f"{where}: no label (the labels of this part are not given); move the file away"
            )
        if self.names is None or isinstance(label, str):
            return str(label)
        if not (label == int(label) and 0 <= label < len(self.names)):
            raise InputError(f"{where}: label {quoted(label)}, of {len(self.names)} classes")
        return self.names[int(label)]

    def cells(self, column: str) -> Iterator[Any]:
        """One column, a row at a time. Raises InputError for a file that is damaged."""
        import pyarrow as pa

        try:
            for batch in self.file.iter_batches(batch_size=_ROWS, columns=[column]):
                yield from batch.column(0).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{self.path} is damaged ({error}); get it anew") from error


def _opened(path: Path, folder: Path, follow: bool) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"{path} is no file")
    if not follow and not lies_in(os.path.realpath(path), os.path.realpath(folder)):
        raise InputError(f"{path} leads out of {folder} by a symbolic link; {FOLLOW}")
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is no parquet file that can be read; get it anew") from error


def _image_column(schema: Any, named: str | None, path: Path) -> str:
    for field in schema:
        if field.name == (named or field.name) and _holds_images(field.type):
            return str(field.name)
    shown = ", ".join(quoted(name) for name in schema.names[:8])
    raise InputError(
        f"{path}: no column of images (their bytes, not file names) among {shown}; name one with "
        "--image-column"
    )


def _holds_images(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _label_column(schema: Any, named: str | None, path: Path) -> str:
    from pyarrow import types

    for name in [named] if named else _LABEL:
        kind = schema.field(name).type if name in schema.names else None
        if kind is not None and not (types.is_nested(kind) or _holds_images(kind)):
            return str(name)
    shown = ", ".join(quoted(name) for name in schema.names[:8])
    raise InputError(
        f"{path}: no column of labels (one number or text an image) among {shown}; name one with "
        "--label-column"
    )


def _class_names(schema: Any, label: str) -> list[str] | None:
    """The ClassLabel names that the writer put into the file's metadata; None without any."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if sound and len(set(names)) == len(names) else None


def _part_of(path: Path) -> str:
    match = _PART.match(path.name.lower().removesuffix(ENDING))
    part = PARTS.get(match[1].lower()) if match else None
    return part or PARTS.get(path.parent.name.lower(), "")


def _content(cell: Any, where: str) -> bytes:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes) or not content:
        raise InputError(
            f"{where}: no image in the file itself; save the data set with its images in it"
        )
    if len(content) > _MOST_IMAGE:
        raise InputError(f"{where}: an image of {len(content) >> 20} MiB; scale it down")
    return content


def _kind(content: bytes) -> str:
    return next((ending for start, ending in _KINDS if content.startswith(start)), "img")


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"the images take up to {size >> 20} MiB, and {folder.parent} has {free >> 20}; set ICT_STORE "
            "to another disk"
        )
