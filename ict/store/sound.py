"""Files that were read and found sound: `sound.json` in the store, a cache as the index is.

One that has not changed since is not read again only to tell that nothing is wrong with it.
"""

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ict.documents.records import Odd, read_record
from ict.documents.shapes import fields, list_of, number, reader, table_of, whole
from ict.files import StoreError, atomic_write_json
from ict.store import names

Stamp = list[int]
VERSION: Final = 1
"""Of the readers: one more where a file that was sound is so no longer, or the other way round."""
_READ = reader(
    fields({"version": whole(VERSION, VERSION), "files": table_of(list_of(number, length=2))})
)


def stamp(path: str) -> Stamp | None:
    """Modification time and size of a file that is there and not empty; size -1 of what is no file."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # a link that leads round in a circle, a folder that may not be looked into
        return [0, -1]
    if not stat.S_ISREG(status.st_mode):
        return [status.st_mtime_ns, -1]
    return [status.st_mtime_ns, status.st_size] if status.st_size else None


def known(root: Path) -> dict[str, Stamp]:
    """Path below `root` → stamp of each file that was sound; empty where the cache is none, or of other readers."""
    read = read_record(root / names.SOUND, _READ, advice="")
    return {} if isinstance(read, Odd) or read is None else dict(read["files"])


def remember(root: Path, stamps: Mapping[str, Stamp]) -> None:
    """Writes what `known` gives; a store that cannot be written to goes without."""
    with contextlib.suppress(StoreError):
        atomic_write_json(root / names.SOUND, {"version": VERSION, "files": dict(stamps)})
