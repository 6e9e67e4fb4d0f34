"""`ict data link` of one file: tables of images and parquet files."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from bench.fuzz.changes import many, of_bytes, text_form
from bench.fuzz.target import Form, Given, Target, World, in_file, put
from ict.errors import IctError
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

    try:
        task = get_task("mine")
        sizes = [len(load_split(task, split)) for split in SPLITS]
    except IctError as error:
        raise RuntimeError(f"what was linked cannot be read: {error}") from error
    if not all(sizes):
        raise RuntimeError(f"a linked task has lists of {sizes} images")


def _table_world(root: Path) -> World:
    return _linked("table.csv", root / "own", TABLES, root)


def parquet(columns: dict[str, Any], names: Any) -> bytes:
    """A file of these columns, with names of classes as the hub keeps them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"label": {"names": names}, "category": {"names": names}}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    out = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(about), out, compression="none")
    return out.getvalue()


def _parquet_change(random: Random, content: bytes) -> bytes:
    """A column of another type or name, a cell that is none, or bytes."""
    if random.random() < 0.5:
        return of_bytes(random, content)
    image, empty = small_image(random.randrange(9)), random.choice((None, b"", b"x"))
    images: list[Any] = random.choice(
        ([image] * 8, [image] * 7 + [empty], ["a.png"] * 8, [{"bytes": image}] * 8, [{"bytes": empty}] * 8, [{"path": "a"}] * 8)
    )  # fmt: skip
    labels: list[Any] = random.choice(
        ([0, 1] * 4, [0, 1] * 3 + [0, -1], ["a", "b"] * 3 + ["a", None], [0.5, 1.0] * 4, [0, 7] * 4, [[1]] * 8,
         [float("nan"), 1.0] * 4, ["a\n", "\x1b"] * 4, [True, False] * 4, [2**62, 1] * 4, [b"a", b"b"] * 4)
    )  # fmt: skip
    names = random.choice((["cat", "dog"], ["cat"], ["cat", "cat"], [1, 2], "cat", None))
    columns = random.choice(("image", "picture")), random.choice(("label", "class", "which"))
    return parquet(dict(zip(columns, (images, labels), strict=True)), names)


def _parquet_world(root: Path) -> World:
    """Parquet files as the Hugging Face hub has them."""
    pictures = [{"bytes": small_image(i), "path": f"{i}.png"} for i in range(8)]
    contents = [one["bytes"] for one in pictures]
    labels = [i % 2 for i in range(8)]
    samples = [
        parquet({"image": pictures, "label": labels}, ["cat", "dog"]),
        parquet({"image": contents, "class": [f"c{i}" for i in labels]}, []),
        parquet({"picture": contents, "category": [float(i) for i in labels]}, ["cat", "dog"]),
    ]
    return _linked("train.parquet", root / "own", samples, root)


def targets() -> list[Target]:
    """One for each form."""
    sheets = "ict/documents/sheets.py"
    own = "ict/tasks/own/lists.py:class_names,parted,_drawn,one_form,_place,shown_name"
    return [
        Target(name="tables of images", parser=("ict/tasks/own/table.py", sheets, own), share=2,
               form=text_form("image,label;split\t\n\"abc.png", is_file=True), world=_table_world),
        Target(name="parquet files", parser=("ict/tasks/own/parquet.py:ParquetImages,_Rows,_opened,_image_column,_holds_images,"
               "_label_column,_class_names,_content,_part_of,_kind",), form=Form(change=_parquet_change, junk=many(_parquet_change)), world=_parquet_world),
    ]  # fmt: skip
