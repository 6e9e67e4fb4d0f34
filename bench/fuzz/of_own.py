"""`ict data link` of one file: tables of images and parquet files."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.fuzz.changes import BINARY, text_form
from bench.fuzz.target import Given, Target, World, in_file, put
from ict.tasks.own.link import Wish, link

TABLES = (
    b"image,label,split\na.png,cat,train\nb.png,dog,train\nc.png,cat,val\nd.png,dog,test\n",
    b"path;class\na.png;1\nb.png;2\nc.png;1\nd.png;2\n./e.png;1.0\nf.png;2\ng;1\nh.png;2\n",
    "file\tlabel\na.png\té\nb.png\tz\nc.png\té\nd.png\tz\ne.png\té\nf.png\tz\ng.png\té\n".encode(
        "utf-16"
    ),
)


def small_image(seed: int, ending: str = "PNG") -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (6, 5), (seed % 256, 7 * seed % 256, 99)).save(out, ending)
    return out.getvalue()


def _linked(name: str, folder: Path, samples: Sequence[bytes], root: Path) -> World:
    """`ict data link` of a file in `folder`, which is the input."""
    path = folder / name
    for letter in "abcdefgh":
        put(folder / f"{letter}.png", Given(small_image(ord(letter))))

    def read(_given: Given) -> Sequence[str]:
        json.dumps(link("mine", path, Wish()))
        read_task()
        return ()

    return World(
        root=root,
        samples=samples,
        place=in_file(path),
        read=read,
        may_write=("store",),
        caches=("cache",),
    )


def read_task() -> None:
    """What was linked is a task whose lists can be read."""
    from ict.tasks import SPLITS, get_task, load_split

    task = get_task("mine")
    for split in SPLITS:
        if not len(load_split(task, split)):
            raise RuntimeError(f"{split} of a linked task is empty")


def _table_world(root: Path) -> World:
    return _linked("table.csv", root / "own", TABLES, root)


def _parquet_world(root: Path) -> World:
    """Parquet files as the Hugging Face hub has them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    info = {"info": {"features": {"label": {"names": ["cat", "dog"]}}}}
    pictures = [{"bytes": small_image(i), "path": f"{i}.png"} for i in range(8)]
    labels: list[Any] = [i % 2 for i in range(8)]
    samples = []
    for columns in (
        {"image": pictures, "label": labels},
        {"image": [one["bytes"] for one in pictures], "class": [f"c{i}" for i in labels]},
    ):
        table = pa.table(columns).replace_schema_metadata(
            {b"huggingface": json.dumps(info).encode()}
        )
        out = io.BytesIO()
        pq.write_table(table, out, compression="none")
        samples.append(out.getvalue())
    return _linked("train.parquet", root / "own", samples, root)


def targets() -> list[Target]:
    """One for each form."""
    sheets = "ict/documents/sheets.py"
    own = "ict/tasks/own/lists.py:class_names,parted,_drawn,one_form,_place,shown_name"
    return [
        Target(name="tables of images", parser=("ict/tasks/own/table.py", sheets, own), share=2,
               form=text_form("image,label;split\t\n\"abc.png", is_file=True), world=_table_world),
        Target(name="parquet files", parser=("ict/tasks/own/parquet.py:ParquetImages,_Rows,_opened,_image_column,_holds_images,"
               "_label_column,_class_names,_content,_part_of,_kind",), form=BINARY, world=_parquet_world),
    ]  # fmt: skip
