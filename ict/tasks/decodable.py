"""Do the images of a split decode? Asked before a run is made, remembered per version of the data."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ict.documents.records import read_record
from ict.documents.shapes import list_of, reader, text
from ict.files import StoreError, atomic_write_json, make_folder, user_cache
from ict.machine import cores
from ict.tasks import bundled, find_place, load_subset, pixels
from ict.tasks.decoded.sets import fill
from ict.tasks.decoding import UNDECODABLE, open_rgb
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset
from ict.tasks.places import open_inside

_RULES = "pixels-3"  # raise it when `ict.tasks.pixels` refuses what it took before


def check_decodable(
    subset: Subset,
    digests: ImageDigests,
    *,
    size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Decodes every image of `subset`, in parallel. Raises InputError naming the first that cannot be.

    Images that have passed are not decoded again (a cache in the user's home, by their digest). With the
    `size` at which they will be read they are kept decoded, so that the reader decodes none.
    """
    if subset.task.name in bundled.DRAWN:
        return
    key = f"{_RULES} {digests.of(subset)}"
    passed = _passed()
    if key in passed:
        return
    if size is not None and fill(load_subset(subset), size, progress=progress) is not None:
        _remember([*passed, key])
        return
    paths = digests.names(subset)
    with ThreadPoolExecutor(cores()) as pool:
        inside = find_place(subset.task).root
        decoded = pool.map(lambda path: open_rgb(Path(path), inside), paths)
        for done, _ in enumerate(decoded, start=1):
            if progress is not None:
                progress(done, len(paths))
    _remember([*passed, key])


def first_wide(subset: Subset, digests: ImageDigests) -> str | None:
    """The first image of more than 8 bits a value, which version 0.1.0 read as white or black.

    Only headers are read. A split that has none is remembered, by its digest.
    """
    if subset.task.name in bundled.DRAWN:
        return None
    key = f"8 bits {digests.of(subset)}"
    if key in _passed():
        return None
    paths = digests.names(subset)
    with ThreadPoolExecutor(cores()) as pool:
        inside = find_place(subset.task).root
        for path, wide in zip(
            paths, pool.map(lambda path: _is_wide(path, inside), paths), strict=True
        ):
            if wide:
                pool.shutdown(cancel_futures=True)
                return path
    _remember([*_passed(), key])
    return None


def _is_wide(path: str, inside: Path) -> bool:
    try:
        with open_inside(path, inside) as file, pixels.opened(file) as image:
            return image.mode in pixels.WIDE
    except UNDECODABLE:
        return False


def _cache() -> Path:
    return user_cache() / "decodable.json"


def _passed() -> list[str]:
    kept = read_record(
        _cache(), reader(lambda value, _: list_of(text)(value, "the list")), advice=""
    )
    return kept if isinstance(kept, list) else []  # only a cache: what is odd is written anew


def _remember(keys: list[str]) -> None:
    try:
        make_folder(_cache().parent)
        atomic_write_json(_cache(), keys[-1000:])
    except StoreError:
        return  # only a cache: the next run decodes once more
