"""`ict data link`: what a folder or table is, and the task that is made of it.

The user's folder is only read: lists, class names and the images of parquet files go into the store.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.errors import InputError, quoted
from ict.tasks import get_task, vtab, vtab_folders
from ict.tasks.links import check_name, made_folder, write_link
from ict.tasks.lists import read_list, refuse
from ict.tasks.own import class_folders, parquet, table
from ict.tasks.own.images import Image, common_root
from ict.tasks.own.lists import renumbered, write_lists
from ict.tasks.task import SPLITS

KINDS = "a folder of the VTAB-1K layout, of class folders, of parquet files, or a CSV or TSV"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a task is to be made: the seed of its parts, where links may lead, what columns are called."""

    seed: int = 0
    follow: bool = False
    images: Path | None = None
    """The folder that a table's file names count from; its own for None."""
    image_column: str | None = None
    label_column: str | None = None


def link(name: str, source: Path, wish: Wish) -> dict[str, Any]:
    """Makes `source` the task `name`; gives what it is, its kind and its links file.

    Raises InputError, before anything is written, for what cannot be a task.
    """
    known = check_name(vtab.canonical(name))
    if source.suffix.lower() in table.ENDINGS and os.path.exists(source):
        return _link_table(known, source, wish)
    if source.is_dir() and vtab_folders.is_layout(source):
        return _link_layout(known, source, wish)
    refusal = f"{source} cannot be linked as {quoted(known)}: {vtab_folders.missing_lists(source)}"
    if not source.is_dir() or "has lists" in refusal:
        raise InputError(refusal)
    files = parquet.parquet_files(source)
    if not files and not class_folders.has_class_folders(source):
        raise InputError(f"{refusal}, and is not {KINDS}")
    _check_own(known)
    if files:
        return _link_parquet(known, source, files, wish)
    images = class_folders.class_images(source, follow=wish.follow)
    return _link_images(known, source, images, wish, "class folders")


def _check_own(name: str) -> None:
    if name in vtab.catalogue():
        raise InputError(
            f"{quoted(name)} is one of the 19 tasks of VTAB-1K, whose lists are fixed; link these images "
            "under another name"
        )


def _link_table(name: str, path: Path, wish: Wish) -> dict[str, Any]:
    _check_own(name)
    folder = wish.images or path.parent
    images = table.table_images(
        path, folder, image_column=wish.image_column, label_column=wish.label_column
    )
    return _link_images(name, folder, images, wish, f"the table {path.name}")


def _link_images(
    name: str, folder: Path, images: Sequence[Image], wish: Wish, kind: str
) -> dict[str, Any]:
    inside = common_root(folder, list(images), follow=wish.follow)
    made = write_lists(made_folder(name), images, seed=wish.seed, info={"title": name})
    return _linked(name, folder, kind, made, inside=inside)


def _link_parquet(name: str, folder: Path, files: Sequence[Path], wish: Wish) -> dict[str, Any]:
    columns = wish.image_column, wish.label_column
    rows = parquet.ParquetImages(folder, files, follow=wish.follow, columns=columns)
    made_at = made_folder(name)
    info = {"title": name, "source": str(folder)}
    made = write_lists(made_at, rows.images(), seed=wish.seed, info=info, add=rows.write)
    path = write_link(name, made_at)
    return _answer(name, made_at, path, f"{len(files)} parquet files of {folder}", made)


def _link_layout(name: str, folder: Path, wish: Wish) -> dict[str, Any]:
    """The folder as it is; where its labels are no numbers of classes, lists with others in the store."""
    read = {s: read_list(folder / f"{s}.txt") for s in SPLITS if (folder / f"{s}.txt").exists()}
    refuse([problem for _, problems in read.values() for problem in problems])
    _check_parts(name, folder, read)
    entries = [entry for part, _ in read.values() for entry in part]
    images = [Image("", entry.path, str(entry.label)) for entry in entries]
    inside = common_root(folder, images, follow=True) if wish.follow else None
    named = name in vtab.catalogue() or vtab.stated_classes(vtab.read_info(folder)) is not None
    used = sorted({entry.label for entry in entries})
    if named or not (used[0] == 1 or vtab.sparse_labels(used)):
        path = write_link(name, folder, inside=inside)
        return _answer(name, folder, path, "a folder of the VTAB-1K layout", {})
    lists = {split: part for split, (part, _) in read.items()}
    made = renumbered(made_folder(name), lists, vtab.read_info(folder))
    return _linked(name, folder, "a folder of the VTAB-1K layout", made, inside=inside)


def _check_parts(name: str, folder: Path, there: Iterable[str]) -> None:
    """Raises InputError unless there are lists to train and to test on."""
    found = set(there)
    trained = "train800val200" in found or {"train800", "val200"} <= found
    if not (trained and "test" in found):
        missing = vtab_folders.missing_lists(folder)
        raise InputError(f"{folder} cannot be linked as {quoted(name)}: {missing}")


def _linked(
    name: str, folder: Path, kind: str, made: dict[str, Any], *, inside: Path | None
) -> dict[str, Any]:
    path = write_link(name, folder, made=True, inside=inside)
    return _answer(name, folder, path, kind, made)


def _answer(
    name: str, folder: Path, links_file: Path, kind: str, made: dict[str, Any]
) -> dict[str, Any]:
    task = get_task(name)
    return {
        "task": name,
        "path": str(folder),
        "links_file": str(links_file),
        "kind": kind,
        "classes": task.classes,
        "official": task.official,
        "counts": task.sizes,
        **made,
    }
