"""Trees of files: class folders that are linked as a task, and whatever may lie in a store.

An input is a list of (path, what lies there); one change renames, adds or takes away one of them.
"""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from bench.fuzz import changes, of_store, values
from bench.fuzz.of_own import read_task, small_image
from bench.fuzz.target import Form, Given, Target, World, put
from ict.tasks.own.link import Wish, link

CLASSES = (
    [["train/cat/a.png", "image"], ["train/dog/b.png", "image"], ["train/cat/c.png", "image"],
     ["val/cat/d.png", "image"], ["test/dog/e.png", "image"], ["train/dog/f.png", "image"], ["train/dog/g.png", "image"]],
    [[f"{name}/{i}.png", "image"] for name in ("cat", "dog") for i in range(6)],
    [["cat/a.png", "image"], ["cat/deep/b.png", "image"], ["dog/a.jpg", "image"], ["dog/.hidden", "text"],
     ["dog/b.png", "image"], ["cat/d.png", "image"], ["dog/c.webp", "image"], ["cat/x.txt", "text"], ["dog/e.png", "image"],
     ["cat/f.png", "image"], ["dog/g.png", "image"]],
)  # fmt: skip
IN_A_STORE = (
    [[".hidden", "text"], ["runs/.partial/a", "text"], ["notes.txt", "text"]],
    [["jobs/.x", "text"], ["sets/.x.json.1.ab.tmp", "text"], ["trash/what.txt", "text"]],
)
_ROOMS = "runs scores inspect causal studies sets imported jobs trash workers images".split()
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
_FILES = (
    "",
    "/meta.json",
    "/config.json",
    "/study.json",
    "/causal.json",
    "/job.json",
    ".json",
    "-20260101T080000000000Z",
)


def _change(names: Callable[[Random], str], random: Random, content: bytes) -> bytes:
    """One file or folder more or less, renamed, or a link or pipe in its place."""
    tree = json.loads(content)
    at = random.randrange(len(tree))
    choice = random.randrange(4)
    if choice == 0:
        tree[at][1] = random.choice(_WHATS)
    elif choice == 1:
        tree[at][0] = random.choice((names(random), values.near_text(random, tree[at][0])))
    elif choice == 2:
        del tree[at]
    else:
        tree.append([random.choice((names(random), f"{tree[at][0]}x")), random.choice(_WHATS)])
    return json.dumps(tree or [["a", "folder"]]).encode()


def _class_name(random: Random) -> str:
    return random.choice(_NAMES)


def _store_name(random: Random) -> str:
    """A name in a room of the store, of any length and of any characters."""
    room, odd = (
        random.choice(_ROOMS),
        random.choice((*values.TEXTS, "digits-a-000000000000", "mine")),
    )
    return f"{room}/{odd[:240]}{random.choice(_FILES)}"


def plant(folder: Path, content: bytes) -> None:
    """Puts a tree into `folder`, as far as a file system takes it and it stays within."""
    for name, what in json.loads(content):
        with contextlib.suppress(OSError, ValueError):  # no such name on a disk
            _put(folder, str(name), str(what))


def _put(folder: Path, name: str, what: str) -> None:
    path = folder / name
    if ".." in path.parts or not path.is_relative_to(folder):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path) or not path.resolve().is_relative_to(folder):
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


def _classes_world(root: Path) -> World:
    """Class folders, each input a tree of files."""
    folder = root / "own"

    def place(given: Given) -> None:
        put(folder, Given(b"", "folder"))
        plant(folder, given.content)

    def read(given: Given) -> Sequence[str]:
        follow = len(given.content) % 3 == 0
        json.dumps(link("mine", folder, Wish(follow=follow)))
        read_task()
        return ()

    samples = [json.dumps(tree).encode() for tree in CLASSES]
    return World(
        root=root, samples=samples, place=place, read=read, may_write=("store",), caches=("cache",)
    )


def _store_world(root: Path) -> World:
    """A store in which odd files and folders lie: every list goes on, and names what it cannot read."""
    from ict.store import Store
    from ict.store.base import BaseStore
    from ict.store.trash import trashed
    from ict.store.unreadable import everything

    folder = root / "store"

    def place(given: Given) -> None:
        put(folder, Given(b"", "folder"))
        plant(folder, given.content)

    def read(_given: Given) -> Sequence[str]:
        store: BaseStore = Store(folder)
        odd = everything(store)
        json.dumps([one.run_id for one in trashed(store)])
        store.table(), store.runs(), store.scores()
        return of_store.sentences(odd)

    samples = [json.dumps(tree).encode() for tree in IN_A_STORE]
    return World(root=root, samples=samples, place=place, read=read, caches=of_store.CACHES)


def targets() -> list[Target]:
    """Class folders, and a store."""
    classes, store = (functools.partial(_change, names) for names in (_class_name, _store_name))
    return [
        Target(name="class folders", parser=("ict/tasks/own/class_folders.py", "ict/tasks/own/images.py:images_below,_below,"
               "line_path,once,common_root,listed"), world=_classes_world,
               form=Form(change=classes, junk=changes.many(classes), is_file=False)),
        Target(name="names in a store", parser=("ict/store/unreadable.py", "ict/store/trash.py:trashed,_read",
               "ict/documents/records.py:names_in,odd,split", "ict/store/run_files.py:run_trouble"), world=_store_world,
               form=Form(change=store, junk=changes.many(store), is_file=False)),
    ]  # fmt: skip
