"""SHA-256 of the images of a split, so that pixels that change without changing a file's size show.

The digest of a split is the SHA-256 of the images' digests (32 bytes each) in the order of its list.
A file's digest is that of its content, kept in the user's cache by inode, size, time of modification
and time of change, which no program can set back. A file that changed in the last seconds is not
kept: a second change within one tick of the clock would not show. The cache is one file a task
folder; it may be deleted, torn or shared at any time.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ict.errors import InputError
from ict.files import StoreError, atomic_write_bytes, make_folder, read_regular, user_cache
from ict.machine import cores
from ict.tasks import bundled, find_folder, load_split, load_subset
from ict.tasks.decoding import printable, reason
from ict.tasks.limits import FIRST, Subset, chosen
from ict.tasks.places import open_inside
from ict.tasks.task import Split

Progress = Callable[[int, int], None]
Stamp = tuple[int, int, int, int]  # inode, size, modified and changed in ns
_unwritten: dict[str, dict[str, list[Any]]] = {}  # by cache, of a disk that took nothing

_SETTLED_NS = 3_000_000_000  # FAT keeps times to two seconds
_MOST_BYTES = 1 << 28  # of a cache; 150 an image
_HEX = re.compile(r"[0-9a-f]{64}")


class ImageDigests:
    """Digests of the images of subsets. What one of these has given it gives again, unread."""

    def __init__(self) -> None:
        self._known: dict[Subset, tuple[str, ...]] = {}
        self._names: dict[Subset, tuple[str, ...]] = {}

    def images(self, subset: Subset, *, progress: Progress | None = None) -> tuple[str, ...]:
        """The digest of each image of `subset`, hexadecimal.

        Raises InputError for a list that is not sound and a file that cannot be read. The images of
        a bundled task follow from its version: their digests are made from their names.
        """
        if subset not in self._known:
            if subset.task.name in bundled.DRAWN:
                names = _bundled_names(subset)
                self._known[subset] = _of_names(names)
            else:
                left = load_subset(subset)
                names = tuple(map(str, left.paths or ()))
                self._known[subset] = file_digests(
                    find_folder(subset.task), names, inside=left.inside, progress=progress
                )
            self._names[subset] = names
        return self._known[subset]

    def names(self, subset: Subset) -> tuple[str, ...]:
        """What each of those images is called: its path, or its place in a bundled task."""
        self.images(subset)
        return self._names[subset]

    def of(self, subset: Subset) -> str:
        """The digest of those images in their order, hexadecimal."""
        return combined(self.images(subset))


def _bundled_names(subset: Subset) -> tuple[str, ...]:
    names = bundled.image_names(subset.task.name, subset.split)
    limit, rule, shots = subset.limit, subset.rule, subset.shots
    if shots is None and (limit is None or limit >= len(names)):
        return names
    if shots is None and rule == FIRST:  # without the labels, which are drawn
        return names[:limit]
    kept = chosen(load_split(subset.task, subset.split), limit, rule, shots)
    return tuple(names[i] for i in kept)


def _of_names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(name.encode()).hexdigest() for name in names)


def digests_of(split: Split) -> tuple[str, ...] | None:
    """The digest of each image of a split that was loaded, as they are now; None where none are kept.

    Raises InputError for a file that cannot be read.
    """
    if split.names is not None:
        return _of_names(split.names)
    if split.folder is None or split.paths is None:
        return None
    return file_digests(split.folder, tuple(map(str, split.paths)), inside=split.inside)


def combined(digests: Sequence[str]) -> str:
    """The digest of images in an order, from each one's."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


def listed(digests: Sequence[str], labels: np.ndarray) -> str:
    """The digest of a list: each image's digest (32 bytes) and label (8, little-endian), in order.

    Two lists with one digest ask the same questions; the files' names do not count.
    """
    whole = hashlib.sha256()
    for digest, label in zip(digests, labels, strict=True):
        whole.update(bytes.fromhex(digest) + int(label).to_bytes(8, "little", signed=True))
    return whole.hexdigest()


def file_digests(
    folder: Path,
    paths: Sequence[str],
    *,
    inside: Path | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """The SHA-256 of each file of `paths` in `folder`, read only where the cache does not know it.

    A file is opened only if it lies in `inside`, a resolved folder.
    """
    cache = cache_file(folder)
    kept = _known(cache)
    names = [path.removeprefix(f"{folder}{os.sep}") for path in paths]
    digests = [_kept(kept.get(name), path) for name, path in zip(names, paths, strict=True)]
    missing = [place for place, digest in enumerate(digests) if digest is None]
    new: dict[str, list[Any]] = {}
    with ThreadPoolExecutor(cores()) as pool:
        read = pool.map(lambda place: _digest(paths[place], inside), missing)
        for done, (place, (digest, stamp)) in enumerate(zip(missing, read, strict=True), start=1):
            digests[place] = digest
            if stamp is not None:
                new[names[place]] = [*stamp, digest]
            if progress is not None:
                progress(done, len(missing))
    if new:
        _write(cache, new)
    return tuple(digest for digest in digests if digest is not None)


def cache_file(folder: Path) -> Path:
    """Where the digests of the files of one task folder are kept."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:24]
    return user_cache() / "images" / f"{name}.json"


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _kept(entry: Any, path: str) -> str | None:
    """The digest in an entry of the cache, if it is sound and of the file as it is now."""
    if not isinstance(entry, list) or len(entry) != 5 or not isinstance(entry[4], str):
        return None
    try:
        same = tuple(entry[:4]) == _stamp(os.stat(path))
    except OSError:
        return None
    return entry[4] if same and _HEX.fullmatch(entry[4]) else None


def _digest(path: str, inside: Path | None = None) -> tuple[str, Stamp | None]:
    """The digest of a file, and what it is kept under; None for one that has not settled."""
    started = time.time_ns()
    try:
        with open_inside(path, inside) as file:
            before = _stamp(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = _stamp(os.fstat(file.fileno()))
    except (OSError, InputError) as error:
        why = reason(Path(path), error)
        raise InputError(f"{printable(Path(path))} cannot be read: {why}") from error
    settled = before == after and max(before[2:]) < started - _SETTLED_NS
    return digest, before if settled else None


def _read(cache: Path) -> dict[str, Any]:
    """What the cache holds; nothing where it is missing, torn or of another form."""
    try:
        document = json.loads(read_regular(cache, _MOST_BYTES))
    except (OSError, ValueError, RecursionError, InputError):
        return {}
    files = document.get("files") if isinstance(document, dict) else None
    return files if isinstance(files, dict) else {}


def _known(cache: Path) -> dict[str, Any]:
    """What the cache holds, and what it did not take."""
    return {**_read(cache), **_unwritten.get(str(cache), {})}


def _write(cache: Path, new: dict[str, list[Any]]) -> None:
    """Adds to what the cache holds by now: of two writers at once one may have to read anew."""
    document = {"files": {**_read(cache), **new}}
    try:
        make_folder(cache.parent)
        atomic_write_bytes(cache, json.dumps(document, separators=(",", ":")).encode())
    except StoreError:
        _unwritten.setdefault(str(cache), {}).update(new)  # only a cache: for this process alone
