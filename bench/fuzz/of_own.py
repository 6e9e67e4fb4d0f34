"""`ict data link`: tables of images, parquet files and class folders of one's own."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from bench.fuzz import changes, values
from bench.fuzz.changes import BINARY, text_form
from bench.fuzz.target import Form, Given, Target, World, in_file, put
from ict.tasks.own.link import Wish, link

TABLES = (
    b"image,label,split\na.png,cat,train\nb.png,dog,train\nc.png,cat,val\nd.png,dog,test\n",
    b"path;class\na.png;1\nb.png;2\nc.png;1\nd.png;2\n./e.png;1.0\nf.png;2\ng;1\nh.png;2\n",
    "\ufefffile\tlabel\na.png\té\nb.png\tz\nc.png\té\nd.png\tz\ne.png\té\nf.png\tz\ng.png\té\n".encode(
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
        _read_task()
        return ()

    return World(
        root=root,
        samples=samples,
        place=in_file(path),
        read=read,
        may_write=("store",),
        caches=("cache",),
    )


def _read_task() -> None:
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


TREES = (
    [["train/cat/a.png", "image"], ["train/dog/b.png", "image"], ["train/cat/c.png", "image"],
     ["val/cat/d.png", "image"], ["test/dog/e.png", "image"], ["train/dog/f.png", "image"], ["train/dog/g.png", "image"]],
    [[f"{name}/{i}.png", "image"] for name in ("cat", "dog") for i in range(6)],
    [["cat/a.png", "image"], ["cat/deep/b.png", "image"], ["dog/a.jpg", "image"], ["dog/.hidden", "text"],
     ["dog/b.png", "image"], ["cat/d.png", "image"], ["dog/c.webp", "image"], ["cat/x.txt", "text"]],
)  # fmt: skip
_WHATS = (
    "image",
    "text",
    "empty",
    "folder",
    "link:/etc",
    "link:..",
    "link:cat",
    "link:/nowhere",
    "fifo",
)
_NAMES = (
    "a\nb.png", "cat/\x1b[31m.png", "é/a.png", "e\u0301/a.png", " /a.png", "cat/a b.png ", "..a/b.png",
    "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o.png", "loose.png", "train", "val/x/y.png", "\udcff/a.png", "x" * 250 + "/a.png",
    "-1/a.png", "CAT/a.png", "cat.png/a.png",
)  # fmt: skip


def _tree_change(random: Random, content: bytes) -> bytes:
    """One file or folder more or less, renamed, or a link or pipe in its place."""
    tree = json.loads(content)
    at = random.randrange(len(tree))
    choice = random.randrange(4)
    if choice == 0:
        tree[at][1] = random.choice(_WHATS)
    elif choice == 1:
        tree[at][0] = random.choice((*_NAMES, values.near_text(random, tree[at][0])))
    elif choice == 2:
        del tree[at]
    else:
        tree.append(
            [random.choice((*_NAMES, *(f"{one[0]}x" for one in tree))), random.choice(_WHATS)]
        )
    return json.dumps(tree or [["a", "folder"]]).encode()


def _tree_world(root: Path) -> World:
    """Class folders, each input a tree of files."""
    folder = root / "own"

    def place(given: Given) -> None:
        put(folder, Given(b"", "folder"))
        for name, what in json.loads(given.content):
            _plant(folder, str(name), str(what))

    def read(given: Given) -> Sequence[str]:
        follow = len(given.content) % 3 == 0
        json.dumps(link("mine", folder, Wish(follow=follow)))
        _read_task()
        return ()

    samples = [json.dumps(tree).encode() for tree in TREES]
    return World(
        root=root, samples=samples, place=place, read=read, may_write=("store",), caches=("cache",)
    )


def _plant(folder: Path, name: str, what: str) -> None:
    """Puts one thing into the tree, if a file system takes it and it stays within."""
    try:
        path = folder / name
        if ".." in path.parts or not path.is_relative_to(folder):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.resolve().is_relative_to(folder):
            return
        kinds: dict[str, Callable[[], object]] = {
            "image": lambda: path.write_bytes(small_image(len(name))),
            "folder": path.mkdir, "text": lambda: path.write_text("a"), "empty": path.touch,
        }  # fmt: skip
        if what.startswith("link:"):
            path.symlink_to(what.removeprefix("link:"))
        elif what == "fifo":
            put(path, Given(b"", "FIFO"))
        else:
            kinds.get(what, path.touch)()
    except (OSError, ValueError):
        pass  # no such name on a disk


def targets() -> list[Target]:
    """One for each form."""
    tree = Form(change=_tree_change, junk=changes.many(_tree_change), is_file=False)
    sheets = "ict/documents/sheets.py"
    own = "ict/tasks/own/lists.py:class_names,parted,_drawn,one_form,_place,shown_name"
    return [
        Target(name="tables of images", parser=("ict/tasks/own/table.py", sheets, own), share=2,
               form=text_form("image,label;split\t\n\"abc.png", is_file=True), world=_table_world),
        Target(name="parquet files", parser=("ict/tasks/own/parquet.py:ParquetImages,_Rows,_opened,_image_column,_holds_images,"
               "_label_column,_class_names,_content,_part_of,_kind",), form=BINARY, world=_parquet_world),
        Target(name="class folders", parser=("ict/tasks/own/class_folders.py", "ict/tasks/own/images.py:images_below,_below,"
               "line_path,once,common_root,listed"), form=tree, world=_tree_world),
    ]  # fmt: skip
