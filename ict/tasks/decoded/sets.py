"""Decoded sets, from the cache where it has them; what is decoded goes into it."""

from collections.abc import Iterator

import numpy as np

from ict.tasks.decoded.cache import discard, find, is_off, keep
from ict.tasks.decoded.decode import Progress, decode, images_of_part, in_parts
from ict.tasks.decoded.keys import key_of
from ict.tasks.decoded.pixel_file import Description, OddFileError, Pixels, named
from ict.tasks.decoded.tally import Tally
from ict.tasks.task import Split


def read_set(
    split: Split, size: int, *, progress: Progress | None = None, tally: Tally | None = None
) -> np.ndarray:
    """All images of `split`, uint8 (N, 3, S, S): mapped from the cache, or decoded and put into it.

    The same bytes either way. Raises InputError for a file that cannot be decoded, never for the cache.
    """
    tally, N = tally or Tally(), len(split)
    key = _key(split, size)
    kept = find(key) if key else None
    if kept is not None and (images := checked(kept, 0, N)) is not None:
        tally.cached += N
        if progress is not None:
            progress(N, N)
        return images
    images = decode(split, size, progress=progress)
    tally.decoded += N
    if key:
        _keep(split, size, key, iter([images]), tally)
    return images


def mapped(split: Split, size: int) -> Pixels | None:
    """The decoded set of `split`, if the cache has it; its images are checked when they are used."""
    key = _key(split, size)
    return find(key) if key else None


def fill(
    split: Split, size: int, *, progress: Progress | None = None, tally: Tally | None = None
) -> Pixels | None:
    """The decoded set of `split` in the cache, decoded into it part by part; None where it cannot be kept.

    Two parts of 256 MiB are held at once. Nothing is decoded where there is no room.
    Raises InputError for a file that cannot be decoded.
    """
    tally, N = tally or Tally(), len(split)
    key = _key(split, size)
    kept = find(key) if key else None
    if kept is not None or key is None:
        tally.cached += N if kept else 0
        return kept

    def read(start: int, stop: int) -> np.ndarray:
        tell = None if progress is None else lambda done, _: progress(start + done, N)
        images = decode(split.part(start, stop), size, progress=tell)
        tally.decoded += len(images)
        return images

    _keep(split, size, key, in_parts(N, images_of_part(size), read), tally)
    return find(key)


def checked(pixels: Pixels, start: int, stop: int) -> np.ndarray | None:
    """Those images of a decoded set; None, and the file removed, where they are not what was written."""
    try:
        return pixels.part(start, stop)
    except OddFileError:
        discard(pixels.path)
        return None


def _key(split: Split, size: int) -> str | None:
    """None also where there is no cache."""
    return key_of(split, size) if len(split) and not is_off() else None


def _keep(split: Split, size: int, key: str, parts: Iterator[np.ndarray], tally: Tally) -> None:
    """Writes the set, unless an image changed while it was decoded."""
    about = Description(key, named(split.task), named(split.split), len(split), size)
    keep(about, parts, tally, sound=lambda: key_of(split, size) == key)
