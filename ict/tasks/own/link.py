"""`ict data link`: what a folder or table is, and the task that is made of it.

The user's folder is only read: lists, class names and the images of parquet files go into the store.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.names import SPLITS
from ict.errors import InputError, quoted
from ict.tasks import get_task, vtab, vtab_folders
from ict.tasks.links import check_name, made_folder, write_link
from ict.tasks.lists import Entry, label_problem, read_list, refuse
from ict.tasks.own import class_folders, parquet, table
from ict.tasks.own.images import Image, common_root, listed, once
from ict.tasks.own.lists import renumbered, write_lists

KINDS = "a folder of the VTAB-1K layout, of class folders, of parquet files, or a parquet file, CSV or TSV"


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
    task_name = check_name(vtab.canonical(name))
    ending = source.suffix.lower()
    if ending in table.TABLES and os.path.exists(source):
        return _link_table(task_name, source, wish)
    if ending == parquet.ENDING and os.path.exists(source):
        _check_own(task_name)
        return _link_parquet(task_name, source.parent, [source], wish)
    if os.path.isfile(source):
        raise InputError(f"{source} is a file that cannot be linked; link {KINDS}")
    if source.is_dir() and vtab_folders.is_layout(source):
        return _link_layout(task_name, source, wish)
    refusal = (
        f"{source} cannot be linked as {quoted(task_name)}: {vtab_folders.missing_lists(source)}"
    )
    if not source.is_dir() or "has lists" in refusal:
        raise InputError(refusal)
    files = parquet.parquet_files(source)
    if not files and not class_folders.has_class_folders(source):
        raise InputError(f"{refusal}, and is not {KINDS}{_table_in(source)}")
    _check_own(task_name)
    if files:
        return _link_parquet(task_name, source, files, wish)
    images = class_folders.class_images(source, follow=wish.follow)
    return _link_images(task_name, source, images, wish, "class folders")


def _table_in(folder: Path) -> str:
    names = (entry.name for entry in listed(folder))
    file_name = next((name for name in names if Path(name).suffix.lower() in table.TABLES), None)
    return f" (its table {quoted(file_name)} can be linked)" if file_name else ""


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
    kept = once(images)
    inside = common_root(folder, kept, follow=wish.follow)
    made = write_lists(made_folder(name), kept, seed=wish.seed, info={"title": name})
    repeated = len(images) - len(kept)
    said = f"{kind} without {repeated} repeated rows" if repeated else kind
    return _linked(name, folder, said, made, inside=inside)


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
    known = vtab.catalogue().get(name)
    stated = vtab.stated_classes(vtab.read_info(folder)) if known is None else known.classes
    named = stated is not None
    if named:
        _check_labels(folder, {split: part for split, (part, _) in read.items()}, stated)
    used = sorted({entry.label for entry in entries})
    if named or not (used[0] == 1 or vtab.sparse_labels(used)):
        path = write_link(name, folder, inside=inside)
        return _answer(name, folder, path, "a folder of the VTAB-1K layout", {})
    lists = {split: part for split, (part, _) in read.items()}
    made = renumbered(made_folder(name), lists, vtab.read_info(folder))
    return _linked(name, folder, "a folder of the VTAB-1K layout", made, inside=inside)


def _check_labels(folder: Path, lists: Mapping[str, Sequence[Entry]], classes: int | None) -> None:
    """Raises InputError for labels that are none of the classes that info.json or VTAB-1K names."""
    problems = (
        label_problem(entry, str(folder / f"{split}.txt"), classes)
        for split, entries in lists.items()
        for entry in entries
    )
    refuse([problem for problem in problems if problem is not None])


def _check_parts(name: str, folder: Path, there: Iterable[str]) -> None:
    """Raises InputError unless there are lists to train and to test on."""
    parts_there = set(there)
    trained = "train800val200" in parts_there or {"train800", "val200"} <= parts_there
    if not (trained and "test" in parts_there):
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
