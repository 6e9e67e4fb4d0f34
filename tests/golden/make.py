"""Ids of version 0.1.0, kept for ever: how the files beside this script were made.

With a checkout of 0.1.0 (commit a61a93d) at OLD:

    PYTHONPATH=OLD python tests/golden/make.py

It draws a small folder of the VTAB-1K layout, resolves runs and computes scores there, and keeps
their `config.json` and `meta.json`. Nothing in them depends on a machine: images are PNGs whose
bytes are written here one by one (their sizes are part of `data`), weights are none or bundled,
the precision is asked for.
"""

import json
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TASK = "golden"
SIDE = 8  # pixels
COUNTS = {"train800": 6, "val200": 3, "test": 4}
CLASSES = 3

RUNS: dict[str, dict[str, Any]] = {
    "ict": {"ratio": 0.125},
    "full": {
        "method": "full",
        "lr": 0.0005,
        "augment": "randaugment",
        "train_split": "train800val200",
        "seed": 44,
    },
    # As 0.1.0 resolved them; it ran both zeros, and the warm-up of a rate of zero, as something else.
    "scale 0": {"scale": 0, "scale_on_x": True},
    "lr_multiplier 0": {"method": "bitfit", "lr_multiplier": 0},
    "lr 0": {"method": "lora", "lr": 0},
}
SCORES: dict[str, dict[str, Any]] = {
    "class_l2": {"criterion": "class_l2", "sites": ("attn", "block"), "split": "train800"},
    "lowest": {
        "criterion": "lowest:taylor",
        "sites": ("mlp_branch",),
        "split": "train800val200",
        "limit": 7,
        "options": {"head": "ncm"},
    },
}


def make_folder(root: Path) -> Path:
    """The task's folder below `root`: label = number modulo 3, every image different."""
    folder = root / TASK
    lists: dict[str, list[str]] = {}
    for split, count in COUNTS.items():
        lists[split] = []
        for number in range(count):
            name = f"images/{split}/{number:06d}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(png(seed=1000 * len(lists) + number))
            lists[split].append(f"{name} {number % CLASSES}")
    lists["train800val200"] = lists["train800"] + lists["val200"]
    for split, lines in lists.items():
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


def png(seed: int) -> bytes:
    """SIDE × SIDE noise, stored uncompressed: the same bytes with every zlib."""
    state, rows = seed, b""
    for _ in range(SIDE):
        rows += b"\0"  # no filter
        for _ in range(3 * SIDE):
            state = (1_103_515_245 * state + 12_345) % 2**31
            rows += bytes([state >> 16 & 255])
    length = struct.pack("<H", len(rows))
    inverse = struct.pack("<H", len(rows) ^ 0xFFFF)
    stored = b"\x78\x01\x01" + length + inverse + rows + struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", stored), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def main() -> None:
    from ict.resolve import resolve
    from ict.scoring import request_for, score_task
    from ict.store import Store

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_folder(root)
        for wish in RUNS.values():
            asked = {"task": TASK, "precision": "fp32", **wish}
            weights = "none" if wish.get("method") == "full" else None
            record = resolve(asked, weights=weights, root=root).record()
            keep("runs", record["run_id"], "config.json", record | {"sources": {}})
        for wish in SCORES.values():
            asked = {"tokens": None, "pixel_normalisation": "native", "limit": None, **wish}
            request, file = request_for(task=TASK, backbone="ict_tiny", root=root, **asked)
            store = Store(root / "store")
            path = score_task(store, request, weights_file=file, root=root)
            meta = json.loads((path.parent / "meta.json").read_text())
            keep("scores", request.score_id, "meta.json", meta)


def keep(kind: str, name: str, file: str, document: dict[str, Any]) -> None:
    target = HERE / kind / name / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(target.relative_to(HERE))


if __name__ == "__main__":
    main()
