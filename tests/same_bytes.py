"""What lies in folders, so that a change of any name, byte, mode or time shows."""

import hashlib
import os
from pathlib import Path

Entry = tuple[int, int, int, str]


def state(*folders: Path, but: tuple[str, ...] = ()) -> dict[str, Entry]:
    """Path → mode, size, time of modification in ns, SHA-256 of a file; files named in `but` left out."""
    return {
        str(path): _entry(path)
        for folder in folders
        for path in ([folder, *folder.rglob("*")] if folder.exists() else [])
        if path.name not in but
    }


def _entry(path: Path) -> Entry:
    status = os.lstat(path)
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return status.st_mode, status.st_size, status.st_mtime_ns, content
