"""Small folders of the VTAB-1K layout for tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from ict.tasks import SPLITS


def write_image(path: Path, seed: int, size: tuple[int, int] = (12, 10)) -> None:
    """A noise image whose content follows from `seed`; JPEG or PNG by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def make_task(
    folder: Path, *, train: int = 4, val: int = 2, test: int = 3, classes: int = 2
) -> Path:
    """A sound task folder: label = image number modulo classes, every image different."""
    lists: dict[str, list[str]] = {}
    for number, (split, images) in enumerate(
        {"train800": train, "val200": val, "test": test}.items()
    ):
        lists[split] = []
        for index in range(images):
            name = f"images/{split}/{index:06d}.jpg"
            write_image(folder / name, seed=1000 * number + index)
            lists[split].append(f"{name} {index % classes}")
    lists["train800val200"] = lists["train800"] + lists["val200"]
    for split in SPLITS:
        (folder / f"{split}.txt").write_text("\n".join(lists[split]) + "\n")
    return folder


def set_line(path: Path, line: int, text: str) -> None:
    """Replaces line `line` (from 1) of a list; one past the end appends it."""
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [text]
    path.write_text("\n".join(lines) + "\n")
