"""Unpacking an archive that nobody vouches for: zip, tar, tar.gz.

All names are checked before a byte is written: absolute paths, `..`, links, devices and encrypted
members refuse the whole archive, as do more files or bytes than any task has, and members that
grow suspiciously. Sizes are counted again while writing, because a header may lie.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from ict.errors import IctError
from ict.tasks.hub import require_space
from ict.tasks.lists import leaves_folder, shown
from ict.tasks.task import SPLITS

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_FILES = 2_000_000  # in an archive: the 19 tasks together have about 400,000 images
MAX_BYTES = 200 * 2**30
MAX_RATIO = 200  # images hardly compress; a zip bomb does by thousands
_RATIO_FROM_BYTES = 64 * 2**20  # below, a high ratio does no harm
_CHUNK = 1 << 20
_JUNK = ("__MACOSX", ".DS_Store", ".git", ".cache")

# What the standard library raises on archives that are cut off or altered.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    NotImplementedError,
    UnicodeDecodeError,
    ValueError,
    RuntimeError,
)


class ArchiveError(IctError):
    """The archive is cut off, altered or malicious; nothing of it was installed."""


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, as the archive writes it, and its size in bytes."""

    name: str
    size: int


class Archive:
    """The safe members of an archive file. Opening one reads its table of contents only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._broken_is_said():
            self.members = list(self._safe_members())

    def folders(self) -> dict[str, Path]:
        """Folders that hold a test or training list: last part of the name → path inside."""
        lists = {f"{split}.txt" for split in SPLITS}
        paths = (PurePosixPath(member.name) for member in self.members)
        found = {path.parent for path in paths if path.name in lists}
        return {folder.name: Path(folder) for folder in sorted(found, reverse=True)}

    def extract(self, folder: Path, target: Path) -> int:
        """Writes the files under `folder` of the archive to the new folder `target`; how many."""
        prefix = PurePosixPath(folder)
        chosen = {
            member.name: target / PurePosixPath(member.name).relative_to(prefix)
            for member in self.members
            if PurePosixPath(member.name).is_relative_to(prefix)
        }
        sizes = {member.name: member.size for member in self.members if member.name in chosen}
        require_space(target.parent, sum(sizes.values()), f"unpacking {self.path.name}")
        with self._broken_is_said():
            for name, source in self._open_members(set(chosen)):
                _write(source, chosen[name], sizes[name])
        return len(chosen)

    def _safe_members(self) -> Iterator[Member]:
        total = 0
        seen = set()
        for number, (name, size, forbidden) in enumerate(self._table(), start=1):
            unsafe = forbidden or leaves_folder(name) or ("has no name" if not name else "")
            if unsafe:
                raise ArchiveError(
                    f"{self.path.name} is refused: its member {shown(name)} {unsafe}"
                )
            if name in seen:
                raise ArchiveError(f"{self.path.name} is refused: {shown(name)} is in it twice")
            seen.add(name)
            total += size
            self._refuse_bombs(number, total)
            parts = PurePosixPath(name).parts
            if not any(part in _JUNK or part.startswith("._") for part in parts):
                yield Member(name, size)

    def _refuse_bombs(self, files: int, total: int) -> None:
        packed = max(1, self.path.stat().st_size)
        if files > MAX_FILES or total > MAX_BYTES:
            bound = f"{MAX_FILES} files and {MAX_BYTES // 2**30} GiB"
            raise ArchiveError(f"{self.path.name} is refused: it holds more than {bound}")
        if total > _RATIO_FROM_BYTES and total / packed > MAX_RATIO:
            raise ArchiveError(
                f"{self.path.name} is refused: its content is {total // packed} times its size, "
                "which no set of images is"
            )

    def _table(self) -> Iterator[tuple[str, int, str]]:
        """Name, size and what forbids it ("" if nothing) of every member that is not a folder."""
        if zipfile.is_zipfile(self.path):
            with zipfile.ZipFile(self.path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        yield info.filename, info.file_size, _forbidden_in_zip(info)
        else:
            with tarfile.open(self.path, self._tar_mode()) as archive:
                for entry in archive:
                    if not entry.isdir():
                        kind = "" if entry.isreg() else "is a link or a device"
                        yield entry.name, entry.size, kind
                if self._tar_mode() == "r:":
                    self._require_end_mark(archive.offset)

    def _tar_mode(self) -> Literal["r:gz", "r:"]:
        with self.path.open("rb") as file:
            return "r:gz" if file.read(2) == b"\x1f\x8b" else "r:"

    def _require_end_mark(self, offset: int) -> None:
        """A plain tar that is cut between two members looks whole but for its last zero block."""
        with self.path.open("rb") as file:
            file.seek(offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it ends without its end mark")

    def _open_members(self, names: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
        if zipfile.is_zipfile(self.path):
            with zipfile.ZipFile(self.path) as archive:
                for info in archive.infolist():
                    if info.filename in names and not info.is_dir():
                        with archive.open(info) as source:
                            yield info.filename, source
        else:
            with tarfile.open(self.path, self._tar_mode()) as archive:
                for entry in archive:
                    source_or_none = archive.extractfile(entry) if entry.isreg() else None
                    if entry.name in names and source_or_none is not None:
                        yield entry.name, source_or_none

    @contextmanager
    def _broken_is_said(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            why = " ".join(str(error).split()) or type(error).__name__
            message = f"{self.path.name} is no whole archive ({why}); download it again"
            raise ArchiveError(message) from error


def _forbidden_in_zip(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        return "is a link or a device"
    return "is encrypted" if info.flag_bits & 1 else ""


def _write(source: IO[bytes], path: Path, size: int) -> None:
    """Copies `source` to the new file `path`; ArchiveError when it is not `size` bytes long."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            written = 0
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > size:
                    break
                file.write(chunk)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveError(
            f"{shown(path.name)} is in the archive both as file and folder"
        ) from error
    if written != size:
        raise ArchiveError(f"{shown(path.name)} has {written} bytes where {size} were announced")
