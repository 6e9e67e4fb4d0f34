"""Unpacking an archive that nobody vouches for: zip, tar, tar.gz.

All names are checked before a byte is written: absolute paths, `..`, links, devices, sparse and
encrypted members refuse the whole archive, as do more files or bytes than any task has, and members
that grow suspiciously. Sizes are counted again while writing, because a header may lie. Nothing is
read into memory at the length that a header states: what describes one member of a tar, and the
table of a zip, are bounded before they are read.
"""

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from ict.documents.names import SPLITS
from ict.tasks.guard import ArchiveError, Guard
from ict.tasks.hub import require_space
from ict.tasks.lists import leaves_folder, shown

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_FILES = 500_000  # in an archive: the 19 tasks together have about 400,000 images
MAX_BYTES = 200 * 2**30
MAX_HEADER = 256 << 10  # what describes one member of a tar: a long name, extended attributes
MAX_TABLE = 64 << 20  # the central directory of a zip: 400,000 images need about 40 MiB
MAX_NAME = 1024
MAX_FIELDS = 2048  # bytes of a zip member's extra fields, which take the square of their length
MAX_RATIO = 200  # images hardly compress; a zip bomb does by thousands
_RATIO_FROM_BYTES = 64 * 2**20  # below, a high ratio does no harm
_HEADER = tarfile.BLOCKSIZE  # an empty member is not nothing: it has a header
_CHUNK = 1 << 20
_SOUND = re.compile(r"[^\x00-\x1f\x7f]+")
_JUNK = ("__MACOSX", ".DS_Store", ".git", ".cache")

# What the standard library raises on archives that are cut off or altered.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    struct.error,
    ArithmeticError,
    LookupError,
    MemoryError,
    ValueError,
    RuntimeError,  # also a chain of headers deeper than Python's stack, and what is not implemented
)
_ZIP_MEMBER, _ZIP_FIXED = (
    b"PK\1\2",
    46,
)  # of a member in the table: signature, bytes before its name
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # in a few MiB of memory


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name, as the archive writes it, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member as it was found: `room` is what it takes unpacked, headers included."""

    name: str
    size: int
    room: int
    folder: bool
    forbidden: str


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
        parents = {path.parent for path in paths if path.name in lists}
        return {folder.name: Path(folder) for folder in sorted(parents, reverse=True)}

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
        for number, entry in enumerate(self._table(), start=1):
            total += entry.room
            self._refuse_bombs(number, total)
            if entry.folder:
                continue
            name = entry.name
            unsafe = entry.forbidden or _unsafe_name(name)
            if unsafe:
                raise ArchiveError(
                    f"{self.path.name} is refused: its member {shown(name)} {unsafe}"
                )
            if name in seen:
                raise ArchiveError(f"{self.path.name} is refused: {shown(name)} is in it twice")
            seen.add(name)
            parts = PurePosixPath(name).parts
            if not any(part in _JUNK or part.startswith("._") for part in parts):
                yield Member(name, entry.size)

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

    def _table(self) -> Iterator[_Entry]:
        if zipfile.is_zipfile(self.path):
            with self._zip() as archive:
                for info in archive.infolist():
                    yield _zip_entry(info)
        else:
            yield from (_tar_entry(entry, room) for entry, room, _ in self._tar_entries())

    @contextmanager
    def _zip(self) -> Iterator[zipfile.ZipFile]:
        with self.path.open("rb") as stream:
            guard = Guard(
                stream, f"{self.path.name} is refused: its table of contents is longer than"
            )
            guard.allow(MAX_TABLE, self._check_table)
            with zipfile.ZipFile(guard) as archive:  # type: ignore[call-overload]  # reads and seeks, which is enough
                guard.allow(None)
                yield archive

    def _check_table(self, table: bytes) -> None:
        """Raises ArchiveError for more members than any task has, or members described at length.

        Counted before the standard library makes objects of them (700 bytes each).
        """
        at, members = 0, 0
        while at + _ZIP_FIXED <= len(table) and table.startswith(_ZIP_MEMBER, at):
            name, fields, comment = struct.unpack_from("<3H", table, at + 28)
            if fields > MAX_FIELDS:
                raise ArchiveError(
                    f"{self.path.name} is refused: a member has extra fields of {fields} bytes"
                )
            at += _ZIP_FIXED + name + fields + comment
            members += 1
            if members > MAX_FILES:
                self._refuse_bombs(members, 0)

    def _tar_entries(self) -> Iterator[tuple[tarfile.TarInfo, int, tarfile.TarFile]]:
        """The members one after the other, with the bytes that each takes; none is kept.

        Their headers are read within MAX_HEADER bytes each. A plain tar that was cut between two
        members looks whole but for its last zero block, which must be there.
        """
        with self._tar_stream() as stream:
            guard = Guard(stream, f"{self.path.name} is refused: a member's header is longer than")
            guard.allow(MAX_HEADER)
            before = 0
            with tarfile.open(fileobj=guard, mode="r:") as archive:  # type: ignore[call-overload]  # reads and seeks, which is enough
                while (entry := archive.next()) is not None:
                    guard.allow(None)
                    yield entry, archive.offset - before, archive
                    before = archive.offset
                    archive.members = []
                    guard.allow(MAX_HEADER)
            if isinstance(stream, io.BufferedReader):
                stream.seek(before)
                if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise tarfile.ReadError("it ends without its end mark")

    def _tar_stream(self) -> IO[bytes]:
        with self.path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return cast(IO[bytes], gzip.open(self.path)) if packed else self.path.open("rb")

    def _open_members(self, names: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
        if zipfile.is_zipfile(self.path):
            with self._zip() as archive:
                for info in archive.infolist():
                    if info.filename in names:
                        with archive.open(info) as source:
                            yield info.filename, source
        else:
            for entry, _, tar in self._tar_entries():
                if entry.name in names and entry.isreg():
                    source_or_none = tar.extractfile(entry)
                    if source_or_none is not None:
                        yield entry.name, source_or_none

    @contextmanager
    def _broken_is_said(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            why = " ".join(str(error).split()) or type(error).__name__
            message = f"{self.path.name} is no whole archive ({why}); download it again"
            raise ArchiveError(message) from error


def _unsafe_name(name: str) -> str:
    """Why `name` is none for a file of a task, or ""."""
    if not PurePosixPath(name).parts:
        return "has no name"
    if len(name) > MAX_NAME:
        return f"has a name of {len(name)} characters"
    return leaves_folder(name) or ("holds a control character" * (not _SOUND.fullmatch(name)))


def _zip_entry(info: zipfile.ZipInfo) -> _Entry:
    mode = info.external_attr >> 16
    forbidden = ""
    if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        forbidden = "is a link or a device"
    elif info.compress_type not in _PLAIN:
        forbidden = f"is compressed by method {info.compress_type}; use deflate"
    elif info.flag_bits & 1:
        forbidden = "is encrypted"
    folder = info.filename.endswith("/")
    return _Entry(info.filename, info.file_size, info.file_size + _HEADER, folder, forbidden)


def _tar_entry(entry: tarfile.TarInfo, room: int) -> _Entry:
    forbidden = ""
    if not entry.isreg():
        forbidden = "is a link or a device"
    elif entry.issparse():
        forbidden = "is a sparse file"
    elif entry.size < 0 or room <= 0:
        forbidden = "has a size below zero"
    return _Entry(entry.name, entry.size, room, entry.isdir(), forbidden)


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
