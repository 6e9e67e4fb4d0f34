"""Small data sets as people have them: class folders, a table, parquet files."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.vtab_layout import write_image

CLASSES = ("çà et là", "two  blanks", "鳥")


def class_folders(folder: Path, *, each: int = 8, parts: tuple[str, ...] = ("",)) -> Path:
    """`each` images in each of three class folders, below each of `parts`."""
    for number, part in enumerate(parts):
        for label, name in enumerate(CLASSES):
            for index in range(each):
                seed = 10_000 * number + 100 * label + index
                write_image(folder / part / name / f"é {index}.png", seed)
    return folder


def table(path: Path, *, each: int = 8) -> Path:
    """A CSV with a header beside its images; classes called as `CLASSES`."""
    rows = ["file_name,label"]
    for label, name in enumerate(CLASSES):
        for index in range(each):
            write_image(path.parent / f"img/{label} {index}.png", 100 * label + index)
            rows.append(f'img/{label} {index}.png,"{name}"')
    path.write_text("\n".join(rows) + "\n")
    return path


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def parquet(folder: Path, *, each: int = 8, parts: tuple[str, ...] = ("train", "test")) -> Path:
    """Files as `datasets` writes them: a struct of bytes and path, a ClassLabel with its names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = {"info": {"features": {"label": {"names": list(CLASSES), "_type": "ClassLabel"}}}}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", image), ("label", pa.int64())],
        metadata={"huggingface": json.dumps(names)},
    )
    (folder / "data").mkdir(parents=True)
    for number, part in enumerate(parts):
        labels = [label for label in range(3) for _ in range(each)]
        rows = [
            {"image": {"bytes": png(1000 * number + i), "path": None}, "label": label}
            for i, label in enumerate(labels)
        ]
        file = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(file, folder / f"data/{part}-00000-of-00001.parquet")
    return folder
