"""Tasks of grey ramps in any form of file, and what the code reads and says of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
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
