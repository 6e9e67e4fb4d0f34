"""Images keep their values, and what is read is what was read before."""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SPLITS = {"train800": 16, "val200": 8, "test": 16}
GREY = np.tile(np.linspace(40, 215, 24).astype(np.uint8), (24, 1))  # a ramp, 24 × 24


def pictures(split: str) -> list[np.ndarray]:
    """Grey images (24, 24) of 0 to 255 in two classes that differ in the way the ramp runs."""
    rng = np.random.default_rng(list(SPLITS).index(split))
    ramps = (GREY, GREY.T)
    noise = rng.integers(-20, 21, (SPLITS[split], 24, 24))
    return [(ramps[n % 2] + noise[n]).astype(np.uint8) for n in range(SPLITS[split])]


def make_task(
    root: Path, name: str, suffix: str = "png", as_stored: Any = lambda grey: grey
) -> Path:
    """A task folder of those images, stored as `as_stored` makes them."""
    folder = root / name
    lists = {}
    for split in SPLITS:
        (folder / "images" / split).mkdir(parents=True)
        lists[split] = []
        for number, grey in enumerate(pictures(split)):
            path = f"images/{split}/{number:03d}.{suffix}"
            stored = as_stored(grey)
            image = stored if isinstance(stored, Image.Image) else Image.fromarray(stored)
            image.save(folder / path)
            lists[split].append(f"{path} {number % 2}")
    lists["train800val200"] = lists["train800"] + lists["val200"]
    for split, lines in lists.items():
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "vtab"))
    (tmp_path / "vtab").mkdir()
    return tmp_path / "vtab"


def ict(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ict", *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def check(task: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, report, and the text for people."""
    found = ict("data", "check", task, "--json")
    return found.returncode, json.loads(found.stdout), ict("data", "check", task).stdout


def rgb(task: str, split: str = "train800") -> list[np.ndarray]:
    from ict.tasks import load_split

    found = load_split(task, split)
    return [np.asarray(found.image(index)) for index in range(len(found))]


def assert_grey(task: str, tolerance: int = 0) -> None:
    for got, expected in zip(rgb(task), pictures("train800"), strict=True):
        assert got.shape == (24, 24, 3)
        difference = abs(got.astype(int) - expected[..., None].astype(int)).max()
        assert difference <= tolerance, f"values {got.min()} to {got.max()} instead of a ramp"


WIDE = {
    "png": ("png", lambda grey: grey.astype(np.uint16) * 257),
    "tif": ("tif", lambda grey: grey.astype(np.uint16) * 257),
    "bigendian": ("tif", lambda grey: (grey.astype(np.uint16) * 257).astype(">u2")),
    "pgm": ("pgm", lambda grey: grey.astype(np.uint16) * 257),
    "int32": ("tif", lambda grey: grey.astype(np.int32) * 257),
}


@pytest.mark.promise("16-bit images (I;16 in any byte order, I) are read as value / 257")
@pytest.mark.parametrize("kind", WIDE)
def test_16_bits(root: Path, kind: str) -> None:
    suffix, as_stored = WIDE[kind]
    make_task(root, kind, suffix, as_stored)
    assert_grey(kind)


@pytest.mark.promise("Float images from 0 to 1 are read as value times 255")
def test_float(root: Path) -> None:
    make_task(root, "floats", "tif", lambda grey: (grey / 255).astype(np.float32))
    assert_grey("floats")


@pytest.mark.promise(
    "8-bit images of every mode are read to the bit as PIL's convert('RGB') reads them"
)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_8_bits_as_before(root: Path, mode: str) -> None:
    suffix = "tif" if mode in ("CMYK", "YCbCr", "LAB") else "png"

    def as_stored(grey: np.ndarray) -> Image.Image:
        colour = Image.fromarray(np.stack([grey, grey.T, 255 - grey, grey], axis=-1))
        if mode == "LAB":
            return Image.merge("LAB", [colour.getchannel(band) for band in "RGB"])
        return colour if mode == "RGBA" else colour.convert("RGB").convert(mode)

    folder = make_task(root, "eight", suffix, as_stored)
    for number, got in enumerate(rgb("eight")):
        with Image.open(folder / f"images/train800/{number:03d}.{suffix}") as image:
            assert image.mode == mode
            assert (got == np.asarray(image.convert("RGB"))).all()


@pytest.mark.promise("A task of 16-bit images is learned as well as the same task of 8-bit images")
def test_accuracy_of_16_bits(root: Path) -> None:
    """Two ramps that any probe tells apart: 100 % in 8 bits, a coin's toss where all is white."""
    make_task(root, "wide", "png", lambda grey: grey.astype(np.uint16) * 257)
    words = ("--method", "linear", "--set", "precision=fp32", "--wait", "--json")
    assert json.loads(ict("train", "wide", *words).stdout)["test_accuracy"] == 1.0


REFUSED = {
    "a float beyond 1": lambda grey: grey.astype(np.float32),
    "a negative float": lambda grey: grey.astype(np.float32) / 255 - 0.5,
    "NaN": lambda grey: np.where(grey > 200, np.nan, 0.5).astype(np.float32),
    "infinity": lambda grey: np.where(grey > 200, np.inf, 0.5).astype(np.float32),
    "32-bit numbers": lambda grey: grey.astype(np.int32) * 1000,
    "negative numbers": lambda grey: grey.astype(np.int32) - 128,
}


@pytest.mark.promise("An image whose values have no rule is refused with its path and what to do")
@pytest.mark.parametrize("kind", REFUSED)
def test_refused(root: Path, kind: str) -> None:
    folder = make_task(root, "odd", "tif", REFUSED[kind])
    first = str(folder / "images/train800/000.tif")
    code, report, _ = check("odd")
    assert code == 1, "the check calls the folder sound"
    message = report["problems"][0]["message"]
    assert first in message
    assert "save it" in message or "give every pixel" in message
    train = ict("train", "odd", "--method", "linear", "--wait", "--json")
    assert train.returncode == 2
    assert first in json.loads(train.stdout)["error"]


@pytest.mark.promise("The check tells modes, formats and sizes")
def test_check_tells_modes_and_sizes(root: Path) -> None:
    folder = make_task(root, "birds")
    Image.fromarray(GREY[:20]).convert("RGB").save(folder / "images/test/000.png", format="JPEG")
    _, report, text = check("birds")
    assert report.get("modes") == {"L": 39, "RGB": 1}, "the check does not tell"
    assert report.get("formats") == {"PNG": 39, "JPEG": 1}, "the check does not tell"
    assert report.get("sizes") == {"24×24": 39, "24×20": 1}, "the check does not tell"
    assert "L 39, RGB 1" in text
    assert "24×24 39, 24×20 1" in text


@pytest.mark.promise("The check says that an EXIF rotation is ignored, and it is")
def test_check_tells_rotation(root: Path) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/003.png"
    before = rgb("birds")[3]
    turned = Image.Exif()
    turned[0x0112] = 6
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=turned)
    code, report, text = check("birds")
    assert code == 0
    assert report.get("exif_rotated") == 1, "the check does not tell"
    assert "1 of 40 images carry an EXIF rotation, which is ignored" in text
    assert str(path) in text
    assert (rgb("birds")[3] == before).all()


@pytest.mark.promise("The check says that of an animation the first frame is read, and it is")
@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_check_tells_animation(root: Path, name: str) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/000.png"
    frames = [Image.fromarray(np.full((24, 24), v, np.uint8)).convert("RGB") for v in (10, 200)]
    frames[0].save(path, format=name, save_all=True, append_images=frames[1:], lossless=True)
    code, report, text = check("birds")
    assert code == 0
    assert report.get("animated") == 1, "the check does not tell"
    assert "more than one frame or page: the first is read" in text
    assert (rgb("birds")[0] == 10).all()


@pytest.mark.promise("The check says that alpha is dropped, and the colours beneath it stay")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_check_tells_alpha(root: Path, mode: str) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/000.png"
    colour = Image.fromarray(GREY).convert("RGB")
    if mode == "P":
        colour.convert("P").save(path, transparency=0)
    else:
        colour.convert(mode).save(path)
        clear = colour.convert(mode)
        clear.putalpha(0)
        clear.save(path)
    code, report, text = check("birds")
    assert code == 0
    assert report.get("alpha") == 1, "the check does not tell"
    assert "transparent colour, which is dropped: the colours beneath it stay" in text
    with Image.open(path) as image:
        assert (rgb("birds")[0] == np.asarray(image.convert("RGB"))).all()


@pytest.mark.promise("The check says how 16-bit images are read, and warns of 12 bits stored as 16")
def test_check_tells_16_bits(root: Path) -> None:
    make_task(root, "dark", "png", lambda grey: grey.astype(np.uint16) * 16)
    code, report, text = check("dark")
    assert code == 0
    assert report.get("more_than_8_bits") == 40, "the check does not tell"
    assert "value / 257, rounded" in text
    assert "8 or 12 bits stored as 16" in text


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


def change(path: Path) -> None:
    """Other pixels in a file of the same size and time of modification (a BMP has no checksum)."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-50:] = bytes(255 - value for value in content[-50:])
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


STUDY = {
    "name": "mine",
    "base": {"task": "birds", "method": "linear", "precision": "fp32"},
    "grid": {"pixel_normalisation": ["native", "imagenet"]},
}


def ask() -> list[str]:
    """Asks for the study's two runs, and starts none."""
    from ict.studies import create

    from ict.store import Store

    return create(Store(), STUDY).run_ids


def pretend_done(run_id: str) -> Path:
    """A finished run, as far as its folder says."""
    from ict.store import Store

    folder = Store().run(run_id).path
    (folder / "result.json").write_text(json.dumps({"run_id": run_id, "test_accuracy": 0.5}))
    return folder


@pytest.mark.promise("Digests of the images stand beside the configuration, and in no id")
def test_digests_beside_the_config(root: Path) -> None:
    from ict.config import RunConfig, run_id
    from ict.store import Store

    folder = make_task(root, "birds", "bmp")
    first = ask()
    record = Store().run(first[0]).record
    assert set(record.get("images_sha256") or ()) == {"train800", "val200", "test"}
    assert run_id(RunConfig.from_dict(record["config"])) == first[0]
    change(folder / "images/train800/003.bmp")
    assert ask() == first, "data keeps its formula: sizes, not pixels"
    again = Store().run(first[0]).record
    assert again["images_sha256"]["train800"] != record["images_sha256"]["train800"]
    assert again["images_sha256"]["test"] == record["images_sha256"]["test"]
    assert again["config"] == record["config"]


@pytest.mark.promise("Bundled tasks have digests too")
@pytest.mark.parametrize("task", ["digits", "count", "sprites_loc"])
def test_digests_of_bundled_tasks(task: str) -> None:
    from ict.studies import create

    from ict.store import Store

    document = {**STUDY, "base": {**STUDY["base"], "task": task}}
    record = Store().run(create(Store(), document).run_ids[0]).record
    assert set(record.get("images_sha256") or ()) == {"train800", "val200", "test"}


@pytest.mark.promise("Images that changed since a run was asked for are noticed before it trains")
@pytest.mark.parametrize("split", SPLITS)
def test_checked_before_training(root: Path, split: str) -> None:
    from ict.run import run

    from ict.errors import IctError
    from ict.store import Store

    folder = make_task(root, "birds", "bmp")
    run_id = ask()[0]
    path = folder / f"images/{split}/005.bmp"
    change(path)
    with pytest.raises(IctError) as caught:
        run(run_id, Store(), threads=1)
    assert run_id in str(caught.value)
    assert f"1 image changed since, first {path}" in str(caught.value)
    assert Store().run(run_id).status() == "failed"
    if split != "train800":
        return
    change(path)  # as it was
    run(run_id, Store(), threads=1)
    assert Store().run(run_id).status() == "done"


@pytest.mark.promise("Asking for a run that is done with other images is refused by name: train")
def test_done_with_other_images_train(root: Path) -> None:
    folder = make_task(root, "birds", "bmp")
    run_id = ask()[0]
    pretend_done(run_id)
    words = (
        "train",
        "birds",
        "--method",
        "linear",
        "--set",
        "precision=fp32",
        "--json",
    )
    assert json.loads(ict(*words).stdout)["run_id"] == run_id
    for number in (3, 7, 11):
        change(folder / f"images/train800/{number:03d}.bmp")
    refused = ict(*words)
    assert refused.returncode == 2
    error = json.loads(refused.stdout)["error"]
    assert run_id in error
    assert f"3 images changed since, first {folder / 'images/train800/003.bmp'}" in error
    assert f"put them back, or `ict remove {run_id}` and ask again" in error
    assert ict("remove", run_id, "--yes").returncode == 0


@pytest.mark.promise("Asking for a run that is done with other images is refused by name: study")
def test_done_with_other_images_study(root: Path) -> None:
    from ict.errors import InputError

    folder = make_task(root, "birds", "bmp")
    first, second = ask()
    for run_id in (first, second):
        pretend_done(run_id)
    assert ask() == [first, second]
    change(folder / "images/test/003.bmp")
    with pytest.raises(InputError) as caught:
        ask()
    assert first in str(caught.value)
    assert "1 image changed since, first" in str(caught.value)
    assert "1 more runs likewise" in str(caught.value)


@pytest.mark.promise("A run that was made before digests were recorded is used, and said to be so")
def test_runs_of_0_1_0(root: Path) -> None:
    make_task(root, "birds", "bmp")
    run_id = ask()[0]
    folder = pretend_done(run_id)
    record = json.loads((folder / "config.json").read_text())
    record.pop("images_sha256", None)
    (folder / "config.json").write_text(json.dumps(record))
    words = (
        "train",
        "birds",
        "--method",
        "linear",
        "--set",
        "precision=fp32",
        "--json",
    )
    found = ict(*words)
    assert found.returncode == 0
    assert json.loads(found.stdout)["status"] == "done"
    assert "not recorded" in found.stderr
    assert json.loads((folder / "config.json").read_text()) == record


@pytest.mark.promise("A run of 0.1.0 that read 16-bit images as white is not used again in silence")
def test_runs_of_0_1_0_on_16_bits(root: Path) -> None:
    from ict.errors import InputError

    folder = make_task(root, "birds", "png", lambda grey: grey.astype(np.uint16) * 257)
    run_id = ask()[0]
    config = pretend_done(run_id) / "config.json"
    record = json.loads(config.read_text())
    record.pop("images_sha256", None)
    config.write_text(json.dumps(record))
    with pytest.raises(InputError) as caught:
        ask()
    first = folder / "images/train800/000.png"
    assert f"run {run_id} was made by version 0.1.0, which read images of more" in str(caught.value)
    assert f"(first {first}); `ict remove {run_id}` and ask again" in str(caught.value)


FILES = {
    "scores": ("score", "birds"),
    "inspection": ("inspect", "birds"),
    "causal check": (
        *("causal", "birds", "--fraction", "0.5", "--random-draws", "0"),
        *("--scatter", "0", "--block", "0"),
    ),
}


@pytest.mark.promise("What was computed from other pixels is not used again in silence")
@pytest.mark.parametrize("kind", FILES)
def test_files_of_other_images(root: Path, kind: str) -> None:
    from click.testing import CliRunner

    from ict.cli import main

    def here(*words: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(main, [*words, "--json"])
        return result.exit_code, json.loads(result.stdout)

    folder = make_task(root, "birds", "bmp")
    code, first = here(*FILES[kind])
    assert code == 0, first
    assert here(*FILES[kind])[0] == 0
    changed = folder / "images/train800/002.bmp"
    change(changed)
    code, second = here(*FILES[kind])
    assert code == 2, f"the {kind} of other pixels came again"
    name = next(first[key] for key in ("score_id", "inspect_id", "causal_id") if key in first)
    assert name in second["error"]
    assert f"1 image changed since, first {changed}" in second["error"]
    assert "put them back, or delete" in second["error"]
