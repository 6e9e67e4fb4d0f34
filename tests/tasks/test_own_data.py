"""`ict data link` of class folders, tables and parquet files: a task that trains, the folder only read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.store.store import Store
from ict.tasks import SPLITS, get_task, load_split
from tests.promises.refusals import sentence
from tests.tasks.command import ict
from tests.tasks.own_images import CLASSES, class_folders, parquet, png, table
from tests.vtab_layout import make_task, write_image

MAKERS = {
    "class folders": lambda at: class_folders(at / "mine"),
    "with parts": lambda at: class_folders(at / "mine", parts=("train", "val", "test")),
    "table": lambda at: table(at / "mine.csv"),
    "parquet": lambda at: parquet(at / "mine"),
}


def linked(*words: str | Path) -> dict:
    code, output = ict("data", "link", "birds", *map(str, words), "--json")
    assert code == 0, output
    return json.loads(output)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below with its size and time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("kind", MAKERS)
def test_images_of_ones_own_become_a_task_and_train(root, tmp_path, kind):
    """0.1.0 refused each: `it has no train800.txt, val200.txt, train800val200.txt, test.txt`."""
    home = tmp_path / "home"
    home.mkdir()
    source = MAKERS[kind](home)
    before = tree(home)
    answer = linked(source)
    assert tree(home) == before
    assert answer["classes"] == 3
    assert get_task("birds").classes == 3
    splits = {split: load_split("birds", split) for split in SPLITS}
    assert splits["test"].class_names == ("two  blanks".replace("  ", " "), CLASSES[0], CLASSES[2])
    assert {split: len(one) for split, one in splits.items()} == answer["counts"]
    assert json.loads(ict("data", "check", "birds", "--json")[1])["ok"]
    store = Store()
    asked = {
        "task": "birds",
        "epochs": 1,
        "image_size": 16,
        "precision": "fp32",
        "k": 8,
        "limit": 9,
    }
    run = store.create_run(resolve(asked, weights="none").record())
    execute(run.id, store, threads=1, device="cpu")
    assert run.result().train_images == min(9, answer["counts"]["train800"])


def test_800_200_and_the_rest_share_the_classes_out_and_follow_the_seed(root, tmp_path):
    rows = ["image,label"]
    write_image(tmp_path / "one.png", 1)
    for index in range(2000):
        os.link(tmp_path / "one.png", tmp_path / f"{index}.png")
        rows.append(f"{index}.png,{'rare' if index % 10 == 0 else 'often'}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    counts = linked(tmp_path / "t.csv")["counts"]
    assert counts == {"train800": 800, "val200": 200, "train800val200": 1000, "test": 1000}
    first = {split: load_split("birds", split) for split in SPLITS}
    for split, images in {"train800": 800, "val200": 200, "test": 1000}.items():
        assert np.bincount(first[split].labels).tolist() == [images * 9 // 10, images // 10]
    parts = [set(first[split].paths) for split in ("train800", "val200", "test")]
    assert len(set.union(*parts)) == 2000
    assert set(first["train800val200"].paths) == parts[0] | parts[1]
    linked(tmp_path / "t.csv", "--seed", "1")
    assert set(load_split("birds", "test").paths) != parts[2]
    linked(tmp_path / "t.csv")
    assert load_split("birds", "test").paths == first["test"].paths


def test_parts_are_as_given(root, tmp_path):
    class_folders(tmp_path / "mine", parts=("Train", "validation", "TEST"))
    answer = linked(tmp_path / "mine")
    assert answer["counts"] == {
        "train800": 24, "val200": 24, "train800val200": 48, "test": 24,
    }  # fmt: skip
    for split, part in {"train800": "Train", "val200": "validation", "test": "TEST"}.items():
        assert {path.parts[-3] for path in load_split("birds", split).paths} == {part}


def test_numbers_are_classes_in_their_order(root, tmp_path):
    """0.1.0 had no tables (`there is no such folder`), and made 40,001 classes of a list that names 40000."""
    rows = ["path\tclass\tsplit"]
    for index in range(30):
        write_image(tmp_path / f"{index}.png", index)
        part = ("train", "train", "test")[index // 3 % 3]
        rows.append(f"{index}.png\t{(40000, 2, 10)[index % 3]}\t{part}")
    (tmp_path / "t.tsv").write_text("\n".join(rows), encoding="utf-16")
    assert linked(tmp_path / "t.tsv")["classes"] == 3
    assert load_split("birds", "test").class_names == ("2", "10", "40000")


def test_a_table_may_name_its_columns_and_the_folder_of_its_images(root, tmp_path):
    """0.1.0: `t.csv cannot be linked as 'birds': there is no such folder`."""
    table(tmp_path / "a/t.csv")
    text = (tmp_path / "a/t.csv").read_text().replace("file_name,label", "Bild;Art")
    other = tmp_path / "t.csv"
    other.write_text(text.replace("png,", "png;"), encoding="utf-8-sig")
    words = ("data", "link", "birds", str(other))
    assert "no column of images; there are 'Bild', 'Art'; name one with --image-column" in sentence(
        *words
    )
    answer = linked(
        other, "--images", tmp_path / "a", "--image-column", "Bild", "--label-column", "Art"
    )
    assert answer["classes"] == 3


def test_parquet_of_strings_without_names_and_of_one_part(root, tmp_path):
    """0.1.0: `it has no train800.txt, val200.txt, train800val200.txt, test.txt`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"img": png(i), "target": "ab"[i % 2]} for i in range(20)]
    (tmp_path / "p").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p/train.parquet")
    assert linked(tmp_path / "p")["counts"]["test"] == 4
    assert load_split("birds", "test").class_names == ("a", "b")


def wrong(folder: Path, kind: str) -> Path:
    """A folder or table of which no task can be made."""
    mine = folder / "mine"
    if kind == "no class folder":
        write_image(mine / "a.png", 1)
    elif kind == "one class":
        write_image(mine / "a/a.png", 1)
    elif kind == "an image beside the classes":
        write_image(class_folders(mine) / "a.png", 1)
    elif kind == "parts and a class":
        write_image(class_folders(mine, parts=("train", "test")) / "cats/a.png", 1)
    elif kind == "a line break in a name":
        write_image(class_folders(mine) / "鳥/a\nb.png", 1)
    elif kind == "a device":
        class_folders(mine)
        (mine / "鳥/a.png").symlink_to("/dev/zero")
    elif kind == "a pipe":
        os.mkfifo(class_folders(mine) / "鳥/a.png")
    elif kind == "too few":
        class_folders(mine, each=1)
    elif kind == "no image to validate on":
        for part in ("train", "test"):
            for name in ("cats", "dogs"):
                write_image(mine / part / name / f"{part}{name}.png", len(part + name))
    else:
        text = {
            "a file outside": "image,label\n../a.png,1\nb.png,2\n",
            "a file from the root": "image,label\n/etc/passwd,1\nb.png,2\n",
            "no label": "image,label\na.png,\n",
            "no part": "image,label,split\na.png,1,both\n",
            "a missing file": "image,label\na.png,1\nb.png,2\n",
            "no rows": "image,label\n",
            "markup that is no file": "image,label\n<script>,1\n<b>,2\n",
        }[kind]
        mine = folder / "mine.csv"
        mine.write_text(text)
    return mine


@pytest.mark.parametrize(
    ("kind", "said"),
    {
        "no class folder": "and is not a folder of the VTAB-1K layout, of class folders",
        "one class": "one class, 'a': a task needs two classes or more",
        "an image beside the classes": "lies beside the class folders",
        "parts and a class": "beside them, 'cats'",
        "a line break in a name": "a list cannot hold a name with a line break",
        "a device": "is missing, or no file",
        "a pipe": "is missing, or no file",
        "too few": "3 images are too few",
        "no image to validate on": "2 images for training are too few to draw a val part from",
        "a file outside": "line 2: '../a.png' leaves the task's folder by '..'",
        "a file from the root": "line 2: '/etc/passwd' is an absolute path",
        "no label": "line 2: no label",
        "no part": "line 2: 'both' is no part; write train, val or test",
        "a missing file": "'a.png' is missing",
        "no rows": "no rows below its header",
        "markup that is no file": "'<script>' is missing",
    }.items(),
)
def test_what_is_no_task_is_one_sentence_and_nothing_is_written(root, tmp_path, kind, said):
    assert said in sentence("data", "link", "birds", str(wrong(tmp_path, kind)))
    store = tmp_path / "store"
    assert not store.exists() or not list(store.rglob("*.*"))


def test_one_of_the_19_is_not_made_of_other_images(root, tmp_path):
    words = ("data", "link", "cifar100", str(class_folders(tmp_path / "mine")))
    assert "'cifar' is one of the 19 tasks of VTAB-1K" in sentence(*words)


def test_a_link_made_anew_replaces_the_old_one(root, tmp_path):
    linked(table(tmp_path / "t.csv"))
    linked(class_folders(tmp_path / "mine"))
    assert str(load_split("birds", "test").paths[0]).startswith(str(tmp_path / "mine"))
    linked(make_task(tmp_path / "vtab layout"))
    assert len(load_split("birds", "test")) == 3
