"""Folders in VTAB-1K's layout with files as large as the real ones, drawn from noise.

Sizes and formats are those that the data sets are published in (where images vary, one of the usual
size): an assumption, for the official images are not here. Photographs are noise of a 1/f spectrum,
which JPEG compresses to 1.5 bits a pixel or more (real photographs of this size: about 2). A task has a dozen pictures; each file
is one of them with its number as a comment in it, so that no two files are the same.
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from ict.tasks.vtab import catalogue

PICTURES: Final = (
    48  # drawn for a task; decoding all of them takes longer than any cache keeps them
)
_QUALITY: Final = 90  # of JPEG: one and a half bits a pixel or more
_TRAIN: Final = {"train800": 800, "val200": 200}


@dataclass(frozen=True)
class Native:
    """How the images of a task come: format, width and height in pixels, and what is on them."""

    format: str
    width: int
    height: int
    content: str = "photograph"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}×{self.height} {self.format}"


NATIVE: Final = {
    "cifar": Native("PNG", 32, 32),
    "caltech101": Native("JPEG", 300, 225),
    "dtd": Native("JPEG", 500, 450),
    "oxford_flowers102": Native("JPEG", 667, 500),
    "oxford_iiit_pet": Native("JPEG", 500, 375),
    "svhn": Native("PNG", 32, 32),
    "sun397": Native("JPEG", 400, 300),
    "patch_camelyon": Native("PNG", 96, 96),
    "eurosat": Native("JPEG", 64, 64),
    "resisc45": Native("JPEG", 256, 256),
    "diabetic_retinopathy": Native("JPEG", 600, 600),
    "clevr_count": Native("PNG", 480, 320),
    "clevr_dist": Native("PNG", 480, 320),
    "dmlab": Native("JPEG", 480, 360),
    "kitti": Native("PNG", 1242, 375),
    "dsprites_loc": Native("PNG", 64, 64, "sprite"),
    "dsprites_ori": Native("PNG", 64, 64, "sprite"),
    "smallnorb_azi": Native("PNG", 96, 96, "grey"),
    "smallnorb_ele": Native("PNG", 96, 96, "grey"),
}


def counts(task: str, scale: float) -> dict[str, int]:
    """Images of each split: the official numbers times `scale`, at least two."""
    official = {**_TRAIN, "test": catalogue()[task].sizes["test"]}
    return {split: max(2, round(number * scale)) for split, number in official.items()}


def make_task(root: Path, task: str, scale: float) -> int:
    """Writes the folder of a task below `root`, the same at every call; gives its bytes."""
    native, classes = NATIVE[task], catalogue()[task].classes
    of = counts(task, scale)
    pictures = [encoded(native, seed) for seed in range(min(PICTURES, sum(of.values())))]
    suffix = "jpg" if native.format == "JPEG" else "png"
    lists: dict[str, list[str]] = {}
    number = written = 0
    for split, images in of.items():
        (root / task / "images" / split).mkdir(parents=True)
        lists[split] = []
        for index in range(images):
            name = f"images/{split}/{index:06d}.{suffix}"
            content = numbered(pictures[number % len(pictures)], number)
            written += (root / task / name).write_bytes(content)
            lists[split].append(f"{name} {index % classes}")
            number += 1
    lists["train800val200"] = lists["train800"] + lists["val200"]
    for split, lines in lists.items():
        (root / task / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return written


def encoded(native: Native, seed: int) -> bytes:
    """The file of one picture."""
    file = io.BytesIO()
    how = {"quality": _QUALITY} if native.format == "JPEG" else {"compress_level": 3}
    picture(native, np.random.default_rng(seed)).save(file, native.format, **how)
    return file.getvalue()


def picture(native: Native, random: np.random.Generator) -> Image.Image:
    """A white ellipse on black, or noise in one or three channels."""
    if native.content == "sprite":
        y, x = np.mgrid[: native.height, : native.width]
        centre, radius = random.uniform(16, 48, 2), random.uniform(5, 12, 2)
        inside = ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2 < 1
        return Image.fromarray((255 * inside).astype(np.uint8))
    channels = 1 if native.content == "grey" else 3
    layers = [sum(octaves(native, random)) for _ in range(channels)]
    pixels = np.clip(128 + np.stack(layers, axis=-1), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def octaves(native: Native, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Noise of every second fineness (height, width), with an amplitude in proportion to its grain."""
    grain = 1
    while grain < min(native.width, native.height):
        size = (-(-native.height // grain), -(-native.width // grain))
        noise = Image.fromarray(random.standard_normal(size, dtype=np.float32))
        smooth = noise.resize((native.width, native.height), Image.Resampling.BILINEAR)
        yield np.asarray(smooth) * min(32.0, 1.5 * grain)
        grain *= 2


def numbered(content: bytes, number: int) -> bytes:
    """The file with `number` as a comment: another file, the same picture."""
    text = b"%08d" % number
    if content[:2] == b"\xff\xd8":  # JPEG: a comment segment behind the start of the image
        return content[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + content[2:]
    chunk = b"tEXt" + b"Comment\0" + text  # PNG: behind the header, which ends at byte 33
    length, check = (len(chunk) - 4).to_bytes(4, "big"), zlib.crc32(chunk).to_bytes(4, "big")
    return content[:33] + length + chunk + check + content[33:]
