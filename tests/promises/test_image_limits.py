"""Images have limits: a list of formats, and a bound on their pixels, each and all together."""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.promises.image_tasks import ict, make_task


@pytest.mark.promise("EPS never reaches Ghostscript: a format that is not on our list is refused")
@pytest.mark.parametrize("name", ["EPS", "PDF", "PCX", "ICNS"])
def test_formats(root: Path, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started = tmp_path / "started"
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gs").write_text(f"#!/bin/sh\ntouch {started}\nexit 1\n")
    (programs / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    folder = make_task(root, "birds")
    path = folder / "images/train800/000.png"
    Image.new("RGB", (32, 32), "red").save(path, format=name)
    found = ict("data", "check", "birds", "--json")
    assert not started.exists(), "Ghostscript was started"
    report = json.loads(found.stdout)
    assert found.returncode == 1, "the check calls the folder sound"
    message = report["problems"][0]["message"]
    assert str(path) in message
    assert "JPEG, PNG" in message
    assert ict("train", "birds", "--method", "linear", "--wait").returncode == 2
    assert not started.exists(), "Ghostscript was started"


def png_of_one_colour(path: Path, side: int) -> None:
    """side × side white pixels of one bit: a file of a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    row = b"\0" + b"\xff" * ((side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


@pytest.mark.promise("Pixels in flight over all threads are bounded together")
def test_memory_is_bounded(root: Path) -> None:
    """Sixteen threads on images of 25 million pixels, 5 bytes each while they are decoded."""
    folder = make_task(root, "birds")
    png_of_one_colour(folder / "large.png", 5000)
    for path in (folder / "images/train800").iterdir():
        path.unlink()
        path.hardlink_to(folder / "large.png")
    script = (
        "from ict.tasks import load_split; from ict.data import load_images\n"
        "images = load_images(load_split('birds', 'train800'), 32, workers=16)\n"
        "assert (images == 255).all()\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print(next(line.split()[1] for line in lines if line.startswith('VmHWM')))"
    )
    words = [sys.executable, "-c", script]
    child = subprocess.run(words, capture_output=True, text=True, check=True, timeout=240)
    assert int(child.stdout) >> 10 < 1500, "MiB at most"


@pytest.mark.promise("A decompression bomb is refused with its path and one sentence")
def test_bomb(root: Path) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/000.png"
    png_of_one_colour(path, 15_000)
    train = ict("train", "birds", "--method", "linear", "--wait", "--json")
    assert train.returncode == 2
    error = json.loads(train.stdout)["error"]
    assert str(path) in error
    assert "more than 178,956,970 pixels" in error
    assert "scale it down" in error
