"""Lists and folders as other programs leave them: read as meant, or refused with what to do."""

import json
import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from ict.errors import InputError
from ict.resolve import resolve
from ict.tasks import SPLITS, fingerprint, get_task, list_tasks, load_split
from ict.tasks.digests import file_digests
from ict.tasks.links import read_places
from ict.tasks.places import open_inside
from tests.promises.refusals import sentence
from tests.tasks.command import ict
from tests.tasks.own_images import class_folders, parquet
from tests.vtab_layout import make_task, set_line, write_image


def row(name: str) -> dict:
    return next(row for row in list_tasks() if row["name"] == name)


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        (r"images\train800\000000.jpg 0", "utf-8"),
        ('"images/train800/000000.jpg" 0', "utf-8"),
        ("'images/train800/000000.jpg'\t0", "utf-8"),
        (r'"images\train800\000000.jpg" 0', "utf-8-sig"),
        ("images/train800/000000.jpg\t0", "utf-16"),
        (unicodedata.normalize("NFD", "images/é ç.jpg") + " 0", "utf-8"),
        ("images/é ç.jpg 0", "cp1252"),
    ],
)
def test_a_list_of_another_program_is_read(root, written, encoding):
    """0.1.0 called the image missing in all of these, and labels of the UTF-16 list no numbers."""
    folder = make_task(root / "birds")
    write_image(folder / unicodedata.normalize("NFC", "images/é ç.jpg"), 0)
    (folder / "train800.txt").write_text(f"{written}\r\n", encoding=encoding, newline="")
    split = load_split("birds", "train800")
    assert split.labels.tolist() == [0]
    assert split.image(0).size == (12, 10)


@pytest.mark.parametrize(
    "written",
    ['images/a.jpg "1"', '"images/a.jpg 1"', '"images/a.jpg" "1"', "images/a.jpg\t+1"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "  \t\r\n"])
def test_a_label_as_tables_write_it(root, written, end):
    """0.1.0 left such lines out of the labels and linked tasks of one class; `\\r` alone made one line of all."""
    folder = make_task(root / "birds")
    write_image(folder / "images/a.jpg", 0)
    lines = (written, "images/train800/000000.jpg 0", "")
    (folder / "train800.txt").write_text(end.join(lines), newline="")
    assert load_split("birds", "train800").labels.tolist() == [1, 0]
    assert row("birds")["complete"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32"])
def test_an_encoding_without_a_mark_is_one_sentence(root, encoding):
    """0.1.0 called such a task complete."""
    path = make_task(root / "birds") / "train800.txt"
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(InputError, match=r"train800\.txt: is not text in UTF-8.*save it as UTF-8$"):
        load_split("birds", "train800")
    assert row("birds")["missing"] == [
        "train800.txt: is not text in UTF-8, or UTF-16 with a byte order mark; save it as UTF-8"
    ]


def test_labels_that_are_no_classes_of_the_folder_are_not_linked(root, tmp_path):
    """0.1.0 linked both, the first as a task of one class."""
    folder = make_task(tmp_path / "mine")
    (folder / "info.json").write_text('{"num_classes": 1}')
    words = ("data", "link", "birds", str(folder))
    assert "train800.txt, line 2: label 1 is out of range: the task has 1 classes" in sentence(
        *words
    )
    (folder / "info.json").unlink()
    for split in SPLITS:
        path = folder / f"{split}.txt"
        path.write_text(path.read_text().replace(" 0\n", " 1\n"))
    assert "every label is 1: a task needs two classes or more" in sentence(*words)


def test_an_image_with_two_labels_in_one_list_is_said(root):
    """0.1.0 said that it is repeated, and not that the labels differ."""
    folder = make_task(root / "birds")
    set_line(folder / "train800.txt", 2, "images/train800/000000.jpg 1")
    problems = json.loads(ict("data", "check", "birds", "--json")[1])["problems"]
    (said,) = [p["message"] for p in problems if p["kind"] == "repeated image"]
    assert said.endswith("is already in line 1, with label 0, not 1")


@pytest.mark.parametrize(
    "path", [r'"..\secret.jpg"', "'../secret.jpg'", '"/etc/passwd"', r'"C:\a"']
)
def test_quotes_and_backslashes_lead_nowhere_else(root, path):
    folder = make_task(root / "birds")
    write_image(root / "secret.jpg", 1)
    set_line(folder / "train800.txt", 1, f"{path} 0")
    with pytest.raises(InputError, match=r"train800\.txt, line 1: "):
        load_split("birds", "train800")


def test_labels_that_count_from_1_are_numbered_from_0_by_a_link(root, tmp_path):
    """0.1.0 linked such a folder with a class more, which no image has."""
    folder = make_task(tmp_path / "mine", classes=2)
    for split in SPLITS:
        lines = (folder / f"{split}.txt").read_text().split("\n")
        plus = [
            f"{path} {int(label) + 1}" for path, _, label in (x.rpartition(" ") for x in lines[:-1])
        ]
        (folder / f"{split}.txt").write_text("\n".join(plus))
    assert json.loads(ict("data", "link", "birds", str(folder), "--json")[1])["classes"] == 2
    split = load_split("birds", "test")
    assert (set(split.labels.tolist()), split.class_names) == ({0, 1}, ("1", "2"))


def test_a_largest_label_of_40000_with_three_classes_is_noticed(root, tmp_path):
    """0.1.0 made a head of 40,001 classes."""
    folder = make_task(root / "mine", classes=3)
    set_line(folder / "train800.txt", 1, "images/train800/000000.jpg 40000")
    with pytest.raises(
        InputError, match="labels go up to 40000, and only 4 are used; `ict data link"
    ):
        get_task("mine")
    assert not row("mine")["complete"]
    code, output = ict("data", "check", "mine", "--json")
    report = json.loads(output)
    assert (code, [p["kind"] for p in report["problems"]][:1]) == (1, ["sparse labels"])
    assert len(report["class_counts"]["train800"]) < 10
    assert json.loads(ict("data", "link", "birds", str(folder), "--json")[1])["classes"] == 4
    assert load_split("birds", "train800").class_names == ("0", "1", "2", "40000")


def test_a_run_asks_for_the_lists_that_it_reads(root):
    """0.1.0 refused the paper's protocol without train800.txt, and its dry run said nothing."""
    folder = make_task(root / "birds")
    whole = fingerprint("birds")
    for split in ("train800", "val200"):
        (folder / f"{split}.txt").rename(folder / f"{split}.away")
    paper = {"task": "birds", "train_split": "train800val200", "method": "linear"}
    assert resolve(paper, weights="none").config.data not in (None, whole)
    quick = ("train", "birds", "--method", "linear", "--dry-run")
    assert "train800.txt: the list file is missing" in sentence(*quick)
    assert ict(*quick, "--set", "train_split=train800val200")[0] == 0
    for split in ("train800", "val200"):
        (folder / f"{split}.away").rename(folder / f"{split}.txt")
    assert resolve(paper, weights="none").config.data == whole == fingerprint("birds")


@pytest.mark.parametrize(
    ("split", "line"),
    [
        ("train800", "images/train800/000000.jpg"),
        ("val200", "images/val200/000000.jpg two"),
        ("test", "../a.jpg 1"),
        ("test", "images/test/000000.jpg 7"),
    ],
)
def test_a_task_whose_lists_cannot_be_read_is_not_complete(root, split, line):
    """0.1.0 counted lines and called it complete."""
    folder = make_task(root / "birds")
    assert row("birds")["complete"]
    set_line(folder / f"{split}.txt", 1, line)
    assert not row("birds")["complete"]
    assert row("birds")["missing"][0].startswith(f"{split}.txt, line 1: ")


@pytest.fixture
def cached(tmp_path) -> Path:
    """A folder of the layout whose images are links into a cache, as DVC and git-annex leave them."""
    folder = make_task(tmp_path / "mine")
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        blob = tmp_path / f"cache/files/md5/{number:02d}/blob"
        blob.parent.mkdir(parents=True)
        shutil.move(path, blob)
        path.symlink_to(blob)
    return folder


def test_links_into_a_cache_are_followed_where_that_is_asked_for(root, tmp_path, cached):
    """0.1.0: `leaves the task's folder by a symbolic link`, and `No such option '--follow-links'`."""
    assert ict("data", "link", "birds", str(cached))[0] == 0
    with pytest.raises(InputError, match=r"by a symbolic link; .*--follow-links"):
        load_split("birds", "test")
    assert ict("data", "link", "birds", str(cached), "--follow-links")[0] == 0
    assert read_places()["birds"].inside == tmp_path / "cache/files/md5"
    assert load_split("birds", "test").image(0).size == (12, 10)
    assert json.loads(ict("data", "check", "birds", "--json")[1])["ok"]
    assert resolve({"task": "birds"}, weights="none").config.data == fingerprint("birds")


def test_every_file_lies_in_the_recorded_folder_when_it_is_opened(root, tmp_path, cached):
    """0.1.0 looked at links when it read the list alone: one that was changed since gave the other image."""
    ict("data", "link", "birds", str(cached), "--follow-links")
    split = load_split("birds", "test")
    (tmp_path / "secret").mkdir()
    write_image(tmp_path / "secret/a.jpg", 3)
    path = split.paths[0]
    path.unlink()
    path.symlink_to(tmp_path / "secret/a.jpg")  # after the list was read
    with pytest.raises(InputError, match=r"leads out of .*/cache/files/md5 by a symbolic link"):
        split.image(0)
    with pytest.raises(InputError, match="leads out of"):
        file_digests(cached, [str(path)], inside=split.inside)
    report = json.loads(ict("data", "check", "birds", "--json")[1])
    assert "unsafe path" in {problem["kind"] for problem in report["problems"]}
    with pytest.raises(InputError, match="leaves the task's folder"):
        load_split("birds", "test")


def test_class_folders_and_parquet_files_behind_links(root, tmp_path):
    """0.1.0: `it has no train800.txt, …` for both."""
    real = class_folders(tmp_path / "store of images")
    (tmp_path / "mine").mkdir()
    for folder in real.iterdir():
        (tmp_path / "mine" / folder.name).symlink_to(folder)
    words = ("data", "link", "birds", str(tmp_path / "mine"))
    assert "--follow-links" in sentence(*words)
    assert ict(*words, "--follow-links")[0] == 0
    assert len(load_split("birds", "test")) > 0
    blobs = parquet(tmp_path / "blobs") / "data"
    (tmp_path / "snapshot").mkdir()
    for file in blobs.iterdir():
        (tmp_path / "snapshot" / file.name).symlink_to(file)
    words = ("data", "link", "fish", str(tmp_path / "snapshot"))
    assert "--follow-links" in sentence(*words)
    assert ict(*words, "--follow-links")[0] == 0


def test_a_pipe_or_device_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a FIFO"), (Path("/dev/zero"), "a device")):
        with pytest.raises(InputError, match=f"is {kind}, not a file"):
            open_inside(path, None)
