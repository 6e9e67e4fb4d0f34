"""Archives that lie: refused in one sentence, in little memory and time, whatever a header states."""

import contextlib
import gzip
import io
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ict.errors import IctError
from ict.tasks.unpack import MAX_TABLE, Archive, ArchiveError

MIB = 1 << 20


def header(kind: bytes, size: int, name: str = "kitti/test.txt") -> bytes:
    """A tar header as `tarfile` writes it, with a size that need not be true."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def pax(fields: dict[str, str]) -> bytes:
    """A PAX header: `LENGTH KEY=VALUE` lines, LENGTH counting itself."""
    lines = b""
    for key, value in fields.items():
        rest = f" {key}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        lines += str(length).encode() + rest
    return header(tarfile.XHDTYPE, len(lines)) + padded(lines)


FILE = header(tarfile.REGTYPE, 4) + padded(b"a 0\n")
END = bytes(1024)


@contextmanager
def little_memory(most: int = 32 * MIB) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def unpacked(path: Path) -> int:
    return Archive(path).extract(Path("kitti"), path.with_name(f"{path.name}.out"))


def refusal(path: Path, most: int = 32 * MIB) -> str:
    """The sentence with which the archive is refused, in little memory; nothing lies beside it."""
    with little_memory(most), pytest.raises(ArchiveError) as caught:
        unpacked(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) <= 600
    assert sentence.startswith(path.name)
    return sentence


def packed(path: Path, parts: list[bytes | int]) -> Path:
    """Parts compressed one after the other; a number stands for so many zero bytes."""
    with gzip.open(path, "wb") as file:
        for part in parts:
            if isinstance(part, int):
                for _ in range(part // MIB):
                    file.write(bytes(MIB))
            else:
                file.write(part)
    return path


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g", b"X"])
def test_a_header_of_half_a_gigabyte_is_not_read(tmp_path: Path, kind: bytes):
    size = 512 * MIB
    path = packed(tmp_path / "kitti.tar.gz", [header(kind, size), 64 * MIB, FILE, END])
    assert "a member's header is longer than 256 KiB" in refusal(path)


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g", b"0", b"S", b"5"])
@pytest.mark.parametrize("size", [-1024, -(2**60), 2**60])
def test_impossible_sizes(tmp_path: Path, kind: bytes, size: int):
    path = tmp_path / "kitti.tar"
    path.write_bytes(FILE + header(kind, size, "kitti/a") + FILE + END)
    assert refusal(path)


def test_a_chain_of_headers_and_a_long_map_of_holes(tmp_path: Path):
    chain = tmp_path / "kitti.tar"
    chain.write_bytes((header(b"L", 4) + padded(b"a/b")) * 1500 + FILE + END)
    assert "kitti.tar" in refusal(chain)
    more_holes = bytearray(header(b"S", 512))
    more_holes[482] = 1  # another block of holes follows
    more_holes[148:156] = b" " * 8
    more_holes[148:156] = f"{sum(more_holes):06o}\0 ".encode()
    block = bytes(504) + b"\1" + bytes(7)
    holes = packed(tmp_path / "holes.tar.gz", [bytes(more_holes), block * 20_000, END])
    assert "header is longer than" in refusal(holes)
    numbers = b"9999999999\n" + b"1\n" * 10**6
    fields = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a"}
    sized = header(tarfile.REGTYPE, len(numbers))
    path = packed(tmp_path / "pax.tar.gz", [pax(fields), sized, padded(numbers), END])
    assert "header is longer than" in refusal(path)


def test_what_a_task_never_holds(tmp_path: Path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, b"p", b"Z"):
        path = tmp_path / "kitti.tar"
        path.write_bytes(header(kind, 0) + END)
        assert "is a link or a device" in refusal(path)
    path.write_bytes(header(b"S", 512) + bytes(512) + END)
    assert "is a sparse file" in refusal(path)


def test_members_that_are_nothing_are_counted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ict.tasks.unpack._RATIO_FROM_BYTES", MIB)
    folders = packed(tmp_path / "kitti.tar.gz", [header(b"5", 0, "kitti") * 4000, END])
    assert "times its size" in refusal(folders)
    monkeypatch.setattr("ict.tasks.unpack.MAX_FILES", 3000)
    for kind in (b"0", b"5"):
        headers = b"".join(header(kind, 0, f"kitti/{i}") for i in range(4000))
        path = packed(tmp_path / "kitti.tar.gz", [headers, END])
        assert "holds more than 3000 files" in refusal(path)


@pytest.mark.parametrize("name", ["", ".", "./", "a\nb", "a\x1b[31mb", "\x7f", "x" * 5000])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_no_file_of_a_task_has(tmp_path: Path, name: str, kind: str):
    path = tmp_path / f"kitti.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name or 'e'}", b"a 0\n")
        if not name:
            rename_in_table(path, b"e", b"")
    else:
        with tarfile.open(path, "w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"a 0\n"))
    if kind == "zip" and name == "./":
        assert Archive(path).members == []
        return
    assert any(why in refusal(path) for why in ("no name", "control character", "characters"))


def rename_in_table(path: Path, old: bytes, new: bytes) -> None:
    """Gives the only member of a zip another name, in its table."""
    content = path.read_bytes()
    at = content.index(b"PK\1\2")
    table = bytearray(content[at:])
    table[28:30] = struct.pack("<H", len(new))
    table[46 : 46 + len(old)] = new
    end = table.index(b"PK\5\6")
    table[end + 12 : end + 16] = struct.pack("<L", end)
    path.write_bytes(content[:at] + bytes(table))


def test_a_zip_whose_table_is_said_to_be_a_gigabyte(tmp_path: Path):
    path = tmp_path / "kitti.zip"
    size = 1 << 30
    with path.open("wb") as file:
        file.truncate(size)  # no byte of it is on the disk
        file.seek(size)
        file.write(b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, size, 0, 0))
    assert f"table of contents is longer than {MAX_TABLE // 1024} KiB" in refusal(path)


def table_only(path: Path, names: list[bytes], fields: bytes = b"") -> Path:
    """A zip whose table names members of no byte, and holds nothing else."""
    table = b"".join(
        b"PK\1\2"
        + struct.pack("<6H3L5H2L", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(n), len(fields), *[0] * 5)
        + n
        + fields
        for n in names
    )
    end = struct.pack("<4H2LH", 0, 0, len(names), len(names), len(table), 0, 0)
    path.write_bytes(table + b"PK\5\6" + end)
    return path


def test_a_table_of_many_members_is_refused_before_they_are_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = table_only(tmp_path / "kitti.zip", [b"k/%x" % number for number in range(60_000)])
    assert len(Archive(path).members) == 60_000
    monkeypatch.setattr("ict.tasks.unpack.MAX_FILES", 50_000)
    assert "it holds more than 50000 files" in refusal(path, 12 * MIB)


def test_a_member_of_many_fields_is_refused_at_once(tmp_path: Path):
    """The standard library copies the rest of them at each: 60,000 bytes are 450 MB."""
    path = table_only(tmp_path / "kitti.zip", [b"a"], struct.pack("<HH", 0x9999, 0) * 15_000)
    assert "a member has extra fields of 60000 bytes" in refusal(path)
    few = table_only(tmp_path / "few.zip", [b"a"], struct.pack("<HH", 0x9999, 0) * 500)
    assert [member.name for member in Archive(few).members] == ["a"]


@pytest.mark.parametrize(("at", "value"), [(20, 2**32 - 1), (24, 2**32 - 1), (42, 2**32 - 1)])
@pytest.mark.parametrize("extra", [2**63, 2**64 - 1, 2**40])
def test_a_zip64_record_that_lies(tmp_path: Path, at: int, value: int, extra: int):
    path = tmp_path / "kitti.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("kitti/test.txt")
        info.extra = struct.pack("<HHQ", 1, 8, extra)
        archive.writestr(info, b"a 0\n")
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\1\2")
    content[entry + at : entry + at + 4] = struct.pack("<L", value)
    path.write_bytes(content)
    if at == 20:  # what is packed is read to its own end
        assert unpacked(path) == 1
    else:
        assert refusal(path)


def test_a_packing_that_may_ask_for_gigabytes(tmp_path: Path):
    path = tmp_path / "kitti.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("kitti/test.txt", b"a 0\n")
    assert "compressed by method 14; use deflate" in refusal(path)


def sound(path: Path) -> Path:
    files = {"kitti/test.txt": b"images/0.jpg 0\n", "kitti/images/0.jpg": bytes(range(256)) * 9}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        kind = "w:gz" if path.suffix == ".gz" else "w"
        with tarfile.open(path, kind, format=tarfile.PAX_FORMAT) as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime = len(content), 0.5  # half a second needs a PAX header
                tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["kitti.zip", "kitti.tar", "kitti.tar.gz"])
def test_a_sound_archive_comes_out_as_it_went_in(tmp_path: Path, name: str):
    archive = Archive(sound(tmp_path / name))
    assert archive.extract(archive.folders()["kitti"], tmp_path / "out") == 2
    assert (tmp_path / "out" / "test.txt").read_bytes() == b"images/0.jpg 0\n"
    assert (tmp_path / "out" / "images" / "0.jpg").read_bytes() == bytes(range(256)) * 9


@pytest.mark.parametrize("name", ["kitti.zip", "kitti.tar", "kitti.tar.gz"])
def test_altered_bytes_anywhere_are_a_sentence_or_harmless(tmp_path: Path, name: str):
    """400 archives with one to four bytes altered, or cut off, or with something behind them."""
    whole = sound(tmp_path / name).read_bytes()
    chance = random.Random(name)
    for number in range(400):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
        if number % 10 == 0:
            content = content[: chance.randrange(len(content))]
        if number % 10 == 1:
            content += chance.randbytes(chance.randrange(1000))
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(content)
        with contextlib.suppress(IctError):
            unpacked(path)
