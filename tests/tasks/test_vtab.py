import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ict import tasks
from ict.errors import InputError
from ict.tasks import SPLITS, fingerprint, get_task, list_tasks, load_split
from ict.tasks.links import links_path, write_link
from ict.tasks.vtab import catalogue, recipe
from tests.vtab_layout import make_task, set_line

REAL = os.environ.get("ICT_VTAB_ROOT") and os.path.abspath(os.environ["ICT_VTAB_ROOT"])
needs_real = pytest.mark.skipif(not REAL, reason="ICT_VTAB_ROOT is not set")


def test_catalogue_has_the_19_tasks_in_three_groups():
    listed = catalogue()
    groups = [task.group for task in listed.values()]
    assert [groups.count(g) for g in ("natural", "specialized", "structured")] == [7, 4, 8]
    assert listed["caltech101"].classes == 102
    assert listed["dsprites_ori"].sizes == {
        "train800": 800,
        "val200": 200,
        "train800val200": 1000,
        "test": 73728,
    }
    assert all(task.source and task.licence and task.citation for task in listed.values())


def test_no_folder_variant_belongs_to_two_tasks():
    variants = [variant for task in catalogue().values() for variant in task.folders]
    assert len(variants) == len(set(variants))


def test_recipe_gives_the_csvs_values():
    rows = csv.DictReader(Path(tasks.__file__).with_name("vtab1k.csv").open())
    for row in rows:
        got = recipe(row["folder"])
        assert got is not None
        assert got.pop("augment") == (row["train_aug"] == "true")
        assert got.pop("scale_on_x") == (row["scale_on_x"] == "true")
        assert {key: float(value) for key, value in got.items()} == {
            key: float(row[key]) for key in got
        }
    assert recipe("cifar100") == recipe("cifar")
    assert recipe("digits") is None


def test_split_of_a_sound_folder(root):
    make_task(root / "birds", classes=3)
    split = load_split("birds", "train800val200")
    assert split.labels.tolist() == [0, 1, 2, 0, 0, 1]
    assert split.labels.dtype == np.int64
    assert split.paths[4] == root / "birds/images/val200/000000.jpg"
    assert split.image(0).size == (12, 10)
    assert split.notes == ()
    task = get_task("birds")
    assert (task.group, task.classes, task.official) == ("other", 3, False)
    assert task.sizes["test"] == 3


@pytest.mark.parametrize(
    ("folder", "asked", "name"),
    [
        ("cifar100", "cifar", "cifar"),
        ("cifar", "cifar100", "cifar"),
        ("pets", "oxford_iiit_pet", "oxford_iiit_pet"),
        ("pcam", "Patch-Camelyon", "patch_camelyon"),
        ("flowers102", "flowers102", "oxford_flowers102"),
        ("retinopathy", "diabetic_retinopathy", "diabetic_retinopathy"),
        ("VTAB-svhn", "svhn", "svhn"),
        ("dSprites_Orientation", "dsprites_ori", "dsprites_ori"),
    ],
)
def test_folder_variants(root, folder, asked, name):
    make_task(root / folder)
    split = load_split(asked, "test")
    assert split.task == get_task(asked).name == name
    assert split.paths[0].is_relative_to(root / folder)
    assert split.notes == (
        f"test has 3 of the usual {catalogue()[name].sizes['test']} images: "
        "not the official test set",
    )


def test_the_catalogues_spelling_wins_over_a_variant(root):
    for folder in ("pets", "oxford_iiit_pet", "oxford_pets"):
        make_task(root / folder)
    assert load_split("pets", "test").paths[0].parts[-4] == "oxford_iiit_pet"


def test_classes_come_from_info_json_else_from_the_training_labels(root):
    folder = make_task(root / "birds", classes=2)
    assert get_task("birds").classes == 2
    names = [f"bird {n}" for n in range(5)]
    (folder / "info.json").write_text(json.dumps({"num_classes": 5, "class_names": names}))
    assert get_task("birds").classes == 5
    assert load_split("birds", "test").class_names == tuple(names)
    (folder / "info.json").write_text("{ not json")
    assert get_task("birds").classes == 2
    assert load_split("birds", "test").class_names is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("images/train800/000001.jpg x", "label 'x' is not a number; write `images/… LABEL`"),
        ("images/train800/000001.jpg", "has no label"),
        ("images/train800/000001.jpg 102", "102 is out of range: the task has 102 classes"),
        ("images/train800/000001.jpg -1", "-1 is out of range"),
        ("/etc/hostname 1", "is an absolute path"),
        ("../caltech101/images/train800/000001.jpg 1", "leaves the task's folder by '..'"),
        ("images/train800/gone.jpg 1", "image 'images/train800/gone.jpg' is missing"),
    ],
)
def test_bad_lines_name_file_and_line(root, line, said):
    folder = make_task(root / "caltech101")
    set_line(folder / "train800.txt", 3, line)
    with pytest.raises(InputError) as caught:
        load_split("caltech101", "train800")
    assert str(caught.value).startswith(f"{folder}/train800.txt, line 3: ")
    assert said in str(caught.value)
    assert len(load_split("caltech101", "test")) == 3
    with pytest.raises(InputError) as again:
        fingerprint("caltech101")
    assert str(again.value) == str(caught.value)


def test_a_huge_label_in_a_folder_of_ones_own_does_not_ask_for_a_huge_head(root):
    folder = make_task(root / "birds")
    set_line(folder / "val200.txt", 1, "images/val200/000000.jpg 4000000000")
    with pytest.raises(InputError, match=r"val200.txt, line 1: label 4000000000 is out of range"):
        load_split("birds", "train800")


def test_a_missing_list_is_named(root):
    folder = make_task(root / "svhn")
    (folder / "val200.txt").unlink()
    with pytest.raises(InputError, match=r"svhn/val200.txt: the list file is missing"):
        load_split("svhn", "val200")
    row = next(row for row in list_tasks() if row["name"] == "svhn")
    assert row["available"]
    assert not row["complete"]
    assert row["missing"][0] == "val200.txt"


def test_unknown_tasks_and_splits(root):
    make_task(root / "birds")
    with pytest.raises(InputError, match=r"no task 'caltech'?\w*'; did you mean 'caltech101'"):
        get_task("caltech11")
    with pytest.raises(InputError, match="did you mean 'birds'"):
        load_split("brids", "test")
    with pytest.raises(InputError, match=f"looked under ICT_VTAB_ROOT {root}"):
        get_task("qqqqqqqq")
    with pytest.raises(InputError, match="no split 'train'; choose one of train800, val200"):
        load_split("digits", "train")


def test_a_known_task_that_is_not_here(root):
    assert get_task("svhn").classes == 10
    with pytest.raises(InputError, match=r"'svhn' is not on this machine.*ict data download svhn"):
        load_split("svhn", "test")


def test_a_root_that_does_not_exist_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "none"))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    with pytest.raises(InputError, match=f"ICT_VTAB_ROOT {tmp_path}/none does not exist"):
        load_split("cifar", "test")
    rows = {row["name"]: row for row in list_tasks()}
    assert "does not exist" in rows["cifar"]["how_to_get"]
    assert rows["digits"]["available"]


def test_a_root_that_is_itself_a_task_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ICT_VTAB_ROOT", str(make_task(tmp_path / "cifar")))
    with pytest.raises(InputError, match="is itself a task's folder; name the folder above it"):
        load_split("cifar", "test")


def test_a_relative_root_counts_from_the_working_directory(monkeypatch, tmp_path):
    make_task(tmp_path / "data/birds")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ICT_VTAB_ROOT", "data")
    assert load_split("birds", "test").paths[0].is_absolute()


def test_links_win_over_the_root_and_an_explicit_root_over_links(root, tmp_path):
    make_task(root / "birds")
    elsewhere = make_task(tmp_path / "mine/birds", classes=3)
    write_link("birds", elsewhere)
    assert load_split("birds", "test").paths[0].is_relative_to(elsewhere)
    assert get_task("birds").classes == 3
    assert get_task("birds", root=root).classes == 2


def test_a_link_whose_folder_is_gone_is_said(root, tmp_path):
    write_link("svhn", tmp_path / "gone")
    with pytest.raises(InputError, match=r"linked to .*gone, which is not a folder; run `ict data"):
        load_split("svhn", "test")
    row = next(row for row in list_tasks() if row["name"] == "svhn")
    assert not row["available"]


def test_a_broken_links_file_is_named(root):
    links_path().parent.mkdir(parents=True)
    links_path().write_text("[1")
    with pytest.raises(InputError, match=r"links\.json: cannot be read"):
        get_task("svhn")


def test_fingerprint_follows_content_not_place(root, tmp_path):
    first, second = make_task(root / "birds"), make_task(tmp_path / "copy/vögel")
    same = fingerprint("birds")
    assert same.startswith("sha256:")
    assert fingerprint("vögel", root=tmp_path / "copy") == same
    set_line(second / "test.txt", 1, "images/test/000000.jpg 1")
    assert fingerprint("vögel", root=tmp_path / "copy") != same
    image = first / "images/test/000000.jpg"
    image.write_bytes(image.read_bytes() + b"\0")
    assert fingerprint("birds") != same


def test_official_only_when_all_counts_are_the_catalogues(root, monkeypatch):
    folder = make_task(root / "kitti", train=800, val=200, test=711, classes=4)
    assert get_task("kitti").official
    assert load_split("kitti", "test").official
    row = next(row for row in list_tasks() if row["name"] == "kitti")
    assert row["complete"]
    assert row["missing"] == []
    lines = (folder / "test.txt").read_text().splitlines()
    (folder / "test.txt").write_text("\n".join(lines[:-1]))
    assert not get_task("kitti").official
    assert load_split("kitti", "test").notes == (
        "test has 710 of the usual 711 images: not the official test set",
    )


def test_rows_have_the_promised_columns(root):
    rows = list_tasks()
    wanted = "name title group classes available complete train val test missing how_to_get path"
    assert all(set(wanted.split()) | {"official"} <= set(row) for row in rows)
    assert len(rows) == 4 + 19


@needs_real
@pytest.mark.parametrize("name", ["cifar", "caltech101", "oxford_iiit_pet", "kitti"])
@pytest.mark.parametrize("split", SPLITS)
def test_real_folders_load(name, split, monkeypatch):
    part = load_split(name, split, root=REAL)
    info = json.loads((Path(REAL) / name / "info.json").read_text())
    assert len(part) == info["counts"][split]
    assert part.image(0).mode == "RGB"
    short = len(part) != catalogue()[name].sizes[split]
    assert bool(part.notes) == short
    assert not part.official


@needs_real
def test_a_real_short_split_says_what_is_short():
    notes = load_split("oxford_iiit_pet", "train800", root=REAL).notes
    assert notes == ("train800 has 185 of the usual 800 images",)


def test_listing_never_imports_torch(root):
    code = "import sys, ict.tasks as t; t.list_tasks(); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
