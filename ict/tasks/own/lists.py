"""Lists and class names of one's own images, written into the store."""

import contextlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ict.errors import InputError, printable, quoted
from ict.files import (
    atomic_write_bytes,
    atomic_write_json,
    explain,
    make_folder,
    refuse_published,
)
from ict.tasks.limits import stratified
from ict.tasks.lists import MAX_LABEL, Entry
from ict.tasks.own.images import Image

TRAIN, VAL = 800, 200
"""Images of train800 and val200, where no parts are given; what is left is the test set."""
_MOST_NAME = 200  # characters of a class


@dataclass(frozen=True)
class Parted:
    """Indices into the images of train800, val200, test, and what was done, in words."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    words: str


def class_names(images: Sequence[Image]) -> tuple[str, ...]:
    """Names of the classes in their order: numbers by value, anything else by the alphabet.

    The forms in which an accent can be written are one name. Raises InputError for fewer than two
    classes, and for more than a head may have.
    """
    names = sorted({one_form(image.label) for image in images}, key=_place)
    if len(names) < 2:
        only = f"one class, {quoted(names[0])}" if names else "no labelled image"
        raise InputError(f"{only}: a task needs two classes or more")
    if len(names) > MAX_LABEL + 1:
        raise InputError(f"{len(names):,} classes, more than {MAX_LABEL + 1:,}; are these labels?")
    return tuple(names)


def one_form(label: str) -> str:
    return unicodedata.normalize("NFC", label)


def _place(name: str) -> tuple[int, float, str]:
    plain = name.isascii() and name.removeprefix("-").isdigit() and len(name) < 16
    return (0, int(name), name) if plain else (1, 0, name)


def parted(images: Sequence[Image], labels: np.ndarray, *, seed: int) -> Parted:
    """Parts as given; 800, 200 and the rest where none are, 64, 16 and 20 % where that leaves too few.

    Drawn by class with `seed`. A missing val is a fifth of train, at most 200; without a test part the
    given val is the test set. Raises InputError where a part has no image.
    """
    own_parts = np.array([image.part for image in images])
    of = {part: np.flatnonzero(own_parts == part) for part in ("", "train", "val", "test")}
    if not len(of["train"]) and not len(of["val"]) and not len(of["test"]):
        return _drawn(labels, seed)
    if not len(of["train"]) or len(of[""]):
        raise InputError(
            f"{len(of['train'])} images for training and {len(of[''])} of no part; give each image a "
            "part, of which one is train, or none"
        )
    words = "as given"
    if not len(of["test"]):
        of["test"], of["val"] = of["val"], of[""]
        words += ", the given val as test"
    if not len(of["test"]):
        raise InputError("neither a test nor a val part; give one, or no parts at all")
    if not len(of["val"]):
        if len(of["train"]) < 5:
            raise InputError(
                f"{len(of['train'])} images for training are too few to draw a val part from; give 5 or "
                "more, or a val part"
            )
        chosen = _some(labels, of["train"], min(VAL, len(of["train"]) // 5), seed)
        of["val"], of["train"] = chosen, np.setdiff1d(of["train"], chosen)
        words += f", val drawn from train with seed {seed}"
    return Parted(of["train"], of["val"], of["test"], words)


def _drawn(labels: np.ndarray, seed: int) -> Parted:
    N = len(labels)
    everything = np.arange(N)
    trained = min(TRAIN + VAL, N - -(-N // 5))  # a fifth is left to test at least
    both = _some(labels, everything, trained, seed)
    val = _some(labels, both, min(VAL, trained // 5), seed)
    parts = Parted(
        np.setdiff1d(both, val),
        val,
        np.setdiff1d(everything, both),
        f"drawn by class with seed {seed}",
    )
    if not all(map(len, (parts.train, parts.val, parts.test))):
        raise InputError(f"{N} images are too few to train, validate and test on; give 7 or more")
    return parts


def _some(labels: np.ndarray, among: np.ndarray, number: int, seed: int) -> np.ndarray:
    """`number` of the indices `among`, ascending, that share the classes out as all of them do."""
    order = np.random.default_rng(seed).permutation(among)
    return np.sort(order[stratified(labels[order], number)])


def write_lists(
    folder: Path,
    images: Sequence[Image],
    *,
    seed: int,
    info: dict[str, Any],
    add: Callable[[Path, dict[str, np.ndarray]], Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Writes the four lists and info.json into `folder`, replacing what was there; whole or not at all.

    `add(folder, indices by list)` may write more into it first and gives the images' paths. Gives the
    counts, the number of classes and words on how the parts were made.
    """
    names = class_names(images)
    number = {name: label for label, name in enumerate(names)}
    labels = np.array([number[one_form(image.label)] for image in images])
    parts = parted(images, labels, seed=seed)
    lists = {
        "train800": parts.train,
        "val200": parts.val,
        "train800val200": np.concatenate([parts.train, parts.val]),
        "test": parts.test,
    }
    about = {**info, "num_classes": len(names), "class_names": [shown_name(n) for n in names]}
    with _built(folder) as building:
        paths = add(building, lists) if add else [image.path for image in images]
        for split, indices in lists.items():
            lines = "".join(f"{paths[i]} {labels[i]}\n" for i in indices)
            content = lines.encode("utf-8", "surrogateescape")
            atomic_write_bytes(building / f"{split}.txt", content)
        atomic_write_json(building / "info.json", about)
    counts = {split: len(indices) for split, indices in lists.items()}
    return {"classes": len(names), "counts": counts, "parts": parts.words}


def shown_name(name: str) -> str:
    """A class's name as tables and figures can hold it: one line of printable text."""
    plain = printable(name)
    return plain if len(plain) <= _MOST_NAME else plain[: _MOST_NAME - 1] + "…"


@contextlib.contextmanager
def _built(folder: Path) -> Iterator[Path]:
    """A new folder that becomes `folder` when the block ends, and goes if it raises."""
    refuse_published()
    building = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        yield make_folder(building)
        _replace(folder, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        with contextlib.suppress(OSError):  # nothing else was ever made there
            building.parent.rmdir()


def _replace(folder: Path, building: Path) -> None:
    """Puts `building` where `folder` is: what was there goes when the new one stands."""
    old = building.with_name(f"{building.name}.old")
    try:
        if os.path.lexists(folder):
            os.rename(folder, old)
        os.rename(building, folder)
    except OSError as error:
        raise explain(error, folder) from error
    finally:
        shutil.rmtree(old, ignore_errors=True)


def renumbered(
    folder: Path, lists: Mapping[str, Sequence[Entry]], info: dict[str, Any]
) -> dict[str, Any]:
    """Writes `lists` with classes numbered from 0 in the order of their labels, which become their names."""
    labels = sorted({entry.label for entries in lists.values() for entry in entries})
    if len(labels) < 2:
        raise InputError(f"every label is {labels[0]}: a task needs two classes or more")
    number = {label: place for place, label in enumerate(labels)}
    about = {**info, "num_classes": len(labels), "class_names": [str(label) for label in labels]}
    with _built(folder) as building:
        for split, entries in lists.items():
            lines = "".join(f"{entry.path} {number[entry.label]}\n" for entry in entries)
            content = lines.encode("utf-8", "surrogateescape")
            atomic_write_bytes(building / f"{split}.txt", content)
        atomic_write_json(building / "info.json", about)
    return {
        "parts": f"as given, labels {labels[0]} to {labels[-1]} as classes 0 to {len(labels) - 1}"
    }
