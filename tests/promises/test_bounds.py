"""Nothing that a link, a file or a word of the command line says is computed before it is bounded."""

import gzip
import json
import struct
import sys
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[2]
MOST = 600  # characters of a sentence


def ict(*words: str) -> Result:
    from ict.cli import main

    return CliRunner().invoke(main, list(words))


def sentence(*words: str) -> str:
    """The one sentence with which `ict … --json` refuses; exit code 1 or 2, no traceback."""
    result = ict(*words, "--json")
    failure = result.exception
    assert failure is None or isinstance(failure, SystemExit), f"traceback: {failure!r:.200}"
    assert result.exit_code in (1, 2), f"exit code {result.exit_code}: {result.output[:200]}"
    error = json.loads(result.stdout)["error"]
    assert "\n" not in error
    assert "Traceback" not in error
    assert len(error) <= MOST, f"a message of {len(error)} characters"
    return str(error)


def page(name: str, **query: str | list[str]):
    """The page as streamlit's AppTest runs it, opened with this link."""
    sys.path.insert(0, str(ROOT / "app"))
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=100)
    app.switch_page(str(ROOT / "pages" / f"{name}.py"))
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def said(app) -> str:
    found = [str(one.value) for kind in ("warning", "error") for one in app.get(kind)]
    return " ".join(found).replace("\\", "")


@pytest.mark.promise("A share in a link that stands for a huge number does not stop the app")
@pytest.mark.parametrize("share", ["1e9000000", "1e-3000000"])
def test_a_share_of_a_link_is_bounded_before_arithmetic(share: str):
    begun = time.process_time()
    app = page("train", shares=share)
    assert not app.exception
    assert "is no share of the channels" in said(app)
    seconds = time.process_time() - begun
    assert seconds < 6, f"the page took {seconds:.0f} s"


@pytest.mark.promise("200 shares times 200 seeds are refused by a number, not made")
def test_the_grid_of_a_link_is_bounded_by_a_number_that_is_named():
    begun = time.process_time()
    shares = [f"{i}/200" for i in range(1, 201)]
    app = page("train", shares=shares, seeds=[str(i) for i in range(200)])
    seconds = time.process_time() - begun
    assert not app.exception
    assert "40,000 runs" in said(app), f"after {seconds:.0f} s: {said(app)[:100]!r}"
    assert "at most 300" in said(app)
    assert seconds < 6


@pytest.mark.promise("A number field of a link that is infinite or no number is left out and said")
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("train", "epochs", "Infinity"), ("train", "batch", "1e999"), ("curves", "metric", "")],
)
def test_a_field_of_a_link_never_ends_in_a_traceback(name: str, key: str, value: str):
    app = page(name, **{key: value})
    assert not app.exception, app.exception[0].message
    assert "Left out of the link" in said(app)


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


@pytest.mark.promise("A zip with an empty name, or a table of a gigabyte, is one sentence")
def test_a_zip_that_lies_is_one_sentence(tmp_path: Path):
    path = tmp_path / "big.zip"
    with path.open("wb") as file:
        file.truncate(256 << 20)
        file.seek(256 << 20)
        file.write(b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, 256 << 20, 0, 0))
    assert "table of contents is longer than" in refused(path)
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
