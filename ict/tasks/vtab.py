"""The 19 tasks of VTAB-1K (Zhai et al., arXiv 1910.04867) and the folder layout they come in.

A task folder holds the lists train800.txt, val200.txt, train800val200.txt, test.txt and the images
that they name. A folder of this layout that is none of the 19 is a task too, called as its folder.
"""

import csv
import functools
import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ict.documents.names import SPLITS
from ict.documents.records import Odd, read_record
from ict.documents.shapes import fields, list_of, reader, text, whole
from ict.errors import InputError, quoted
from ict.files import read_regular
from ict.tasks.lists import (
    MAX_LABEL,
    MOST_LIST_BYTES,
    Entry,
    Folder,
    Problem,
    label_problem,
    read_list,
    refuse,
)
from ict.tasks.places import Place, place_of
from ict.tasks.task import Split, Task

_MANY = 1000  # classes: fewer cost nothing, used or not
_SPLIT_SIZES = {"train800": 800, "val200": 200, "train800val200": 1000}


def _rows(name: str) -> dict[str, dict[str, str]]:
    text = files("ict.tasks").joinpath(name).read_text("utf-8")
    return {row["folder"]: row for row in csv.DictReader(text.splitlines())}


@functools.cache
def catalogue() -> dict[str, Task]:
    """The 19 tasks by name, in the order of the paper's table."""
    about = _rows("vtab1k_sources.csv")
    return {
        name: Task(
            name=name,
            title=row["name"],
            group=row["group"],
            classes=int(row["classes"]),
            sizes=_SPLIT_SIZES | {"test": int(row["test_images"])},
            folders=(name, *about[name]["variants"].split("|")),
            source=about[name]["source"],
            licence=about[name]["licence"],
            citation=about[name]["citation"],
        )
        for name, row in _rows("vtab1k.csv").items()
    }


def recipe(task: str) -> dict[str, Any] | None:
    """The authors' hyper-parameters for one of the 19 tasks; None for any other.

    Keys: lr, weight_decay, drop_path, scale, scale_on_x, augment, label_smoothing, batch_size,
    epochs, warmup_epochs, k.
    """
    row = _rows("vtab1k.csv").get(canonical(task))
    if row is None:
        return None
    floats = ("lr", "weight_decay", "drop_path", "scale", "label_smoothing")
    whole = ("batch_size", "epochs", "warmup_epochs", "k")
    flags = {"scale_on_x": row["scale_on_x"] == "true", "augment": row["train_aug"] == "true"}
    return {f: float(row[f]) for f in floats} | {w: int(row[w]) for w in whole} | flags


def canonical(name: str) -> str:
    """The catalogue's name for any known folder variant (`cifar100` → `cifar`), else `name`."""
    plain = name.lower().replace("-", "_").replace(" ", "_").removeprefix("vtab_")
    return _variants().get(plain, name)


@functools.cache
def _variants() -> dict[str, str]:
    return {variant: task.name for task in catalogue().values() for variant in task.folders}


def describe(name: str, at: Path | Place | None) -> Task:
    """The task as found `at` its place (None: not on this machine): classes, sizes, officialness."""
    task = catalogue().get(name)
    if at is None:
        if task is None:
            raise InputError(f"no task {quoted(name)}")
        return task
    place = place_of(at)
    counts = {split: count_images(place.list_of(split)) for split in SPLITS}
    if task is not None:
        return replace(task, official=counts == task.sizes)
    info = read_info(place.lists)
    return Task(
        name=name,
        title=str(info.get("title") or info.get("task") or name),
        group="other",
        classes=_classes(place.lists, info),
        sizes={split: count or 0 for split, count in counts.items()},
        folders=(place.images.name,),
        source=str(info.get("source") or place.images),
        licence=str(info.get("licence") or "unknown"),
    )


def count_images(path: Path) -> int | None:
    """Lines of a list that name something; None when the list is missing or unreadable."""
    try:
        lines = read_regular(path, MOST_LIST_BYTES).split(b"\n")
    except (OSError, ValueError):
        return None
    return sum(1 for line in lines if line.strip(b" \t\r\xef\xbb\xbf"))


def read_info(folder: Path) -> dict[str, Any]:
    """The folder's info.json; empty when there is none, or none of the right types."""
    info = info_or_odd(folder)
    return info if isinstance(info, dict) else {}


def info_or_odd(folder: Path) -> dict[str, Any] | Odd | None:
    advice = "mend it or delete it; until then it is ignored, and classes are counted in the lists"
    return read_record(folder / "info.json", reader(_INFO), advice=advice)


_INFO = fields(
    {},
    {
        **dict.fromkeys(("title", "task", "source", "licence"), text),
        "num_classes": whole(1, MAX_LABEL + 1),
        "class_names": list_of(text),
    },
)


def stated_classes(info: dict[str, Any]) -> int | None:
    """`num_classes` of an info.json, when it is a usable number."""
    stated = info.get("num_classes")
    if not isinstance(stated, int) or isinstance(stated, bool):
        return None
    return stated if 0 < stated <= MAX_LABEL + 1 else None


def _classes(folder: Path, info: dict[str, Any]) -> int:
    """`num_classes` of info.json, else the largest label of the training lists plus one."""
    stated = stated_classes(info)
    if stated is not None:
        return stated
    used: set[int] = set()
    for split in SPLITS[:3]:
        path = folder / f"{split}.txt"
        entries, _ = read_list(path)
        refuse([p for e in entries if (p := label_problem(e, str(path), None))])
        used.update(entry.label for entry in entries)
    if wrong := sparse_labels(used):
        raise InputError(f"{folder}: {wrong}")
    return max(used, default=0) + 1


def are_sparse(used: Collection[int]) -> bool:
    """Whether the labels in use are so few of those up to the largest that they are no numbers of classes."""
    largest = max(used, default=0)
    return largest >= _MANY and largest >= 10 * len(used)


def sparse_labels(used: Collection[int]) -> str:
    """Why labels are no numbers of classes: a head of that size would be nearly all unused. "" if they are."""
    if not are_sparse(used):
        return ""
    return (
        f"labels go up to {max(used)}, and only {len(used)} are used; "
        "`ict data link NAME DIR` makes a task of it with classes numbered from 0"
    )


def list_trouble(path: Path, classes: int) -> str:
    """What is wrong with the lines of a list, its first trouble; "" for one that can be read."""
    try:
        status = os.stat(path)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    return _list_trouble(path, classes, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=512)
def _list_trouble(path: Path, classes: int, _modified: int, _size: int) -> str:
    entries, problems = read_list(path)
    problems += [p for e in entries if (p := label_problem(e, str(path), classes))]
    return f"{path.name}{problems[0].sentence().removeprefix(str(path))}" if problems else ""


def load_split(task: Task, at: Path | Place, split: str) -> Split:
    """Reads and checks one list; InputError names the file and line of the first problem."""
    place = place_of(at)
    path = place.list_of(split)
    entries, problems = _checked_entries(task, path)
    refuse(problems)
    images, missing = _locate(Folder(place), entries, str(path))
    refuse(missing)
    import numpy as np  # a list of tasks needs none

    return Split(
        task=task.name,
        split=split,
        classes=task.classes,
        labels=np.array([entry.label for entry in entries], np.int64),
        paths=tuple(Path(image) for image, _ in images),
        notes=count_notes(task, split, len(entries)),
        class_names=_class_names(place.lists, task.classes),
        inside=place.root,
        folder=place.images,
        official=task.official,
    )


def _class_names(folder: Path, classes: int) -> tuple[str, ...] | None:
    names = read_info(folder).get("class_names")
    return tuple(map(str, names)) if isinstance(names, list) and len(names) == classes else None


def _checked_entries(task: Task, path: Path) -> tuple[list[Entry], list[Problem]]:
    """Entries of a list, and its problems in the order of its lines, labels included."""
    entries, problems = read_list(path)
    problems += [p for e in entries if (p := label_problem(e, str(path), task.classes))]
    return entries, sorted(problems, key=lambda problem: problem.line or 0)


def _locate(
    inside: Folder, entries: list[Entry], file: str
) -> tuple[list[tuple[str, int]], list[Problem]]:
    places = [inside.locate(entry, file) for entry in entries]
    images = [place for place in places if not isinstance(place, Problem)]
    return images, [place for place in places if isinstance(place, Problem)]


def count_notes(task: Task, split: str, images: int) -> tuple[str, ...]:
    """Says when a split has not its usual number of images; nothing for tasks of one's own."""
    usual = task.sizes.get(split)
    if task.group == "other" or usual is None or images == usual:
        return ()
    consequence = ": not the official test set" if split == "test" else ""
    return (f"{split} has {images} of the usual {usual} images{consequence}",)


def fingerprint(task: Task, at: Path | Place, splits: Sequence[str] = SPLITS) -> str:
    """SHA-256 over the four lists' content and the size of every image they name, in order.

    The lists of `splits`, which a run reads, are checked, so that what is wrong is said before it is
    made. Of another one that is not sound only the content counts, and nothing of one that is missing.
    """
    digest = hashlib.sha256()
    place = place_of(at)
    inside = Folder(place)
    for split in SPLITS:
        path = place.list_of(split)
        if split not in splits and not os.path.isfile(path):
            continue
        entries, problems = _checked_entries(task, path)
        images, missing = _locate(inside, entries, str(path))
        sound = not problems and not missing
        if split in splits:
            refuse(problems)
            refuse(missing)
        content = hashlib.sha256(read_regular(path, MOST_LIST_BYTES)).hexdigest()
        sizes = " ".join(str(size) for _, size in images) if sound else "unsound"
        digest.update(f"{split} {content} {sizes}\n".encode())
    return f"sha256:{digest.hexdigest()}"
