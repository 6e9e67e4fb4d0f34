"""Nothing that a header of an archive says is read before it is bounded."""

import gzip
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tests.promises.refusals import MOST


def tar_header(kind: bytes, size: int) -> bytes:
    entry = tarfile.TarInfo("kitti/test.txt")
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


def refused(path: Path, most_bytes: int = 32 << 20) -> str:
    """The sentence that refuses an archive, opened and unpacked within so much memory."""
    from ict.tasks.unpack import Archive, ArchiveError

    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError) as caught:
            Archive(path).extract(Path("kitti"), path.parent / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most_bytes, f"{peak / 2**20:.0f} MiB of memory"
    assert not (path.parent / "out").exists()
    assert len(str(caught.value)) <= MOST
    return str(caught.value)


@pytest.mark.promise("A tar whose long name is a gigabyte is refused without reading it")
@pytest.mark.parametrize("kind", [b"L", b"x", b"g"], ids=["long name", "PAX", "global PAX"])
def test_a_long_header_of_a_tar_is_bounded_before_reading(tmp_path: Path, kind: bytes):
    size = 128 << 20
    path = tmp_path / "kitti.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(tar_header(kind, size))
        for _ in range(128):
            file.write(bytes(1 << 20))
    assert "header is longer than" in refused(path)


@pytest.mark.promise("A zip whose table is said to be huge is refused without reading it")
def test_a_table_of_a_zip_is_bounded_before_reading(tmp_path: Path):
    path = tmp_path / "big.zip"
    with path.open("wb") as file:
        file.truncate(256 << 20)
        file.seek(256 << 20)
        file.write(b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, 256 << 20, 0, 0))
    assert "table of contents is longer than" in refused(path)


@pytest.mark.promise("A zip with an empty name is one sentence")
def test_a_zip_with_an_empty_name(tmp_path: Path):
    path = tmp_path / "kitti.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("e", b"a 0\n")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 28 : at + 30] = b"\0\0"
    del content[at + 46]
    end = content.index(b"PK\5\6")
    content[end + 12 : end + 16] = struct.pack("<L", end - at)
    path.write_bytes(content)
    assert "has no name" in refused(path)


@pytest.mark.promise("Sparse files, and headers one within the other, in a tar are one sentence")
def test_sparse_and_nested_headers_of_a_tar(tmp_path: Path):
    path = tmp_path / "kitti.tar"
    path.write_bytes((tar_header(b"L", 4) + b"a/b".ljust(512, b"\0")) * 1500 + bytes(1024))
    assert "kitti.tar" in refused(path)
    path.write_bytes(tar_header(b"S", 512) + bytes(512) + bytes(1024))
    assert "is a sparse file" in refused(path)
