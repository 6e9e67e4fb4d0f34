"""Do the images of a split decode? Asked before a run is made, remembered per version of the data."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ict.files import StoreError, atomic_write_json, make_folder
from ict.tasks import fingerprint, load_split
from ict.tasks.task import open_rgb


def check_decodable(
    name: str,
    split: str,
    *,
    root: str | Path | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Decodes every image of a split, in parallel. Raises InputError naming the first that cannot be.

    A version of the data that has passed is not decoded again (a cache in the user's home).
    """
    found = load_split(name, split, root=root)
    if found.paths is None:
        return
    key = f"{fingerprint(name, root=root)} {split} {limit}"
    passed = _passed()
    if key in passed:
        return
    paths = found.paths[:limit]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, _ in enumerate(pool.map(_decode, paths), start=1):
            if progress is not None:
                progress(done, len(paths))
    _remember([*passed, key])


def _decode(path: Path) -> None:
    open_rgb(path)


def _cache() -> Path:
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ict" / "decodable.json"
    )


def _passed() -> list[str]:
    try:
        return list(json.loads(_cache().read_text()))
    except (OSError, ValueError, TypeError):
        return []


def _remember(keys: list[str]) -> None:
    try:
        make_folder(_cache().parent)
        atomic_write_json(_cache(), keys[-1000:])
    except StoreError:
        return  # only a cache: the next run decodes once more
