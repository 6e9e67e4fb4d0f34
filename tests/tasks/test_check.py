"""`check_folder` and `ict data check`: every defect of a task's folder, with file and line."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ict.tasks.check import check_folder, readable
from tests.tasks.command import ict
from tests.vtab_layout import make_task, set_line, write_image

REAL = os.environ.get("ICT_VTAB_ROOT") and os.path.abspath(os.environ["ICT_VTAB_ROOT"])


def found(report: dict) -> list[tuple[str, int | None, str]]:
    return [(os.path.basename(p["file"]), p["line"], p["kind"]) for p in report["problems"]]


def errors(report: dict) -> list[tuple[str, int | None, str]]:
    wrong = [p for p in report["problems"] if p["severity"] == "error"]
    return found({"problems": wrong})


def test_a_sound_folder_has_no_problem(root):
    report = check_folder("birds", make_task(root / "birds", train=6, test=4, classes=2))
    assert report["problems"] == []
    assert report["ok"]
    assert report["classes"] == 2
    assert report["counts"] == {"train800": 6, "val200": 2, "train800val200": 8, "test": 4}
    assert report["images_decoded"] == 12
    assert report["class_counts"]["train800"] == {"0": 3, "1": 3}
    assert report["majority_share"]["test"] == 0.5


@pytest.mark.parametrize(
    ("images", "said"), [(36, "one image is 2.8 points"), (200, None), (0, None)]
)
def test_a_small_test_set_says_what_one_image_is_worth(images: int, said: str | None, root):
    report = check_folder("birds", make_task(root / "birds", train=6, test=4, classes=2))
    assert "  4 test images: one image is 25.0 points\n" in readable(report) + "\n"
    text = readable({**report, "counts": {**report["counts"], "test": images}})
    assert (f"{images} test images: {said}" in text) if said else ("one image is" not in text)


def break_everything(folder):
    """A folder of a 102-class task with every defect that a user's copy has had."""
    (folder / "val200.txt").unlink()
    jpeg = folder / "images/train800/000000.jpg"
    jpeg.write_bytes(jpeg.read_bytes()[:-150])
    (folder / "images/train800/000001.jpg").write_bytes(b"")
    write_image(folder / "images/train800/a photo.jpg", seed=77)
    set_line(folder / "train800.txt", 3, "images/train800/000002.jpg 102")
    set_line(folder / "train800.txt", 4, "images/train800/000003.jpg")
    set_line(folder / "train800.txt", 5, "images/train800/a photo.jpg 3")
    set_line(folder / "train800.txt", 6, "/etc/hostname 3")
    set_line(folder / "train800.txt", 7, "../other/000000.jpg 3")
    set_line(folder / "train800.txt", 8, "images/train800/gone.jpg 3")
    lines = (folder / "train800.txt").read_text().replace("\n", "\r\n")
    (folder / "train800.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    copy = folder / "images/test/000001.jpg"
    copy.write_bytes((folder / "images/train800/000007.jpg").read_bytes())
    set_line(folder / "train800.txt", 9, "images/train800/000007.jpg 3")


def test_every_defect_is_reported_with_file_and_line(root):
    folder = make_task(root / "caltech101", train=8)
    break_everything(folder)
    report = check_folder("caltech101", folder)
    assert set(errors(report)) == {
        ("val200.txt", None, "missing list"),
        ("train800.txt", 1, "undecodable image"),
        ("train800.txt", 2, "undecodable image"),
        ("train800.txt", 3, "label out of range"),
        ("train800.txt", 4, "no label"),
        ("train800.txt", 6, "unsafe path"),
        ("train800.txt", 7, "unsafe path"),
        ("train800.txt", 8, "missing image"),
    }
    assert ("test.txt", 2, "duplicate in train and test") in found(report)
    messages = {(p["line"], p["kind"]): p["message"] for p in report["problems"]}
    assert messages[3, "label out of range"].startswith(
        "label 102 is out of range: the task has 102"
    )
    assert messages[2, "undecodable image"].endswith("the file is empty")
    assert "train800.txt, line 9" in messages[2, "duplicate in train and test"]


def test_windows_line_ends_blanks_and_a_byte_order_mark_are_fine(root):
    folder = make_task(root / "birds")
    write_image(folder / "images/train800/a b.jpg", seed=9)
    set_line(folder / "train800.txt", 1, "images/train800/a b.jpg 0")
    set_line(folder / "train800val200.txt", 1, "images/train800/a b.jpg 0")
    for path in folder.glob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_text().replace("\n", "\r\n").encode())
    assert check_folder("birds", folder)["problems"] == []


def test_links_out_of_the_folder_are_not_read(root, tmp_path):
    folder = make_task(root / "birds")
    write_image(tmp_path / "outside.jpg", seed=5)
    image = folder / "images/test/000000.jpg"
    image.unlink()
    image.symlink_to(tmp_path / "outside.jpg")
    assert errors(check_folder("birds", folder)) == [("test.txt", 1, "unsafe path")]


def test_empty_lists_and_an_empty_folder(root):
    folder = make_task(root / "birds")
    (folder / "test.txt").write_text("\r\n\n")
    assert ("test.txt", None, "empty list") in errors(check_folder("birds", folder))
    (root / "nothing").mkdir()
    report = check_folder("nothing", root / "nothing")
    assert [kind for _, _, kind in errors(report)] == ["missing list"] * 4
    assert report["classes"] is None


def test_lists_that_disagree_and_repeated_images(root):
    folder = make_task(root / "birds")
    set_line(folder / "train800.txt", 2, "images/train800/000000.jpg 0")
    assert found(check_folder("birds", folder)) == [
        ("train800val200.txt", None, "lists disagree"),
        ("train800.txt", 2, "repeated image"),
    ]


def test_short_lists_and_absent_classes_are_warnings(root):
    report = check_folder("pets", make_task(root / "pets"))
    assert report["task"] == "oxford_iiit_pet"
    assert report["ok"]
    kinds = [kind for _, _, kind in found(report)]
    assert kinds[0] == "folder name variant"
    assert kinds.count("count") == 4
    assert kinds.count("class without images") == 2
    assert not report["official"]


def test_official_counts(root):
    folder = make_task(root / "kitti", train=800, val=200, test=711, classes=4)
    report = check_folder("kitti", folder)
    assert report["official"]
    assert report["problems"] == []


def test_a_bad_info_json_and_an_absurd_label_do_not_stop_the_check(root):
    folder = make_task(root / "birds")
    (folder / "info.json").write_text("[")
    set_line(folder / "val200.txt", 1, "images/val200/000000.jpg 9999999999")
    report = check_folder("birds", folder)
    assert errors(report) == [("val200.txt", 1, "label out of range")]
    assert ("info.json", None, "unreadable info.json") in found(report)


def test_progress_counts_each_image_once(root):
    calls = []
    check_folder("birds", make_task(root / "birds"), progress=lambda *c: calls.append(c))
    assert calls == [(n, 9) for n in range(1, 10)]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b"images/train800/000000.jpg 0",
                    b"images/\xff.jpg 1",
                    b"images 0",
                    b". 0",
                    b"a" * 300 + b" 1",
                ]
            ),
        ),
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_list_makes_the_check_crash(tmp_path_factory, lines):
    folder = make_task(tmp_path_factory.getbasetemp() / "any" / "birds", train=2, val=1, test=1)
    with open(os.fsencode(folder / "images") + b"/\xff.jpg", "wb") as file:
        file.write(b"no image")
    (folder / "train800.txt").write_bytes(b"\n".join(lines))
    report = check_folder("birds", folder)
    assert report["errors"] + report["warnings"] == len(report["problems"])
    readable(report).encode()
    json.dumps(report)


def test_check_prints_its_report_and_exits_1(root):
    break_everything(make_task(root / "caltech101", train=8))
    code, output = ict("data", "check", "caltech101", "--json")
    report = json.loads(output)
    assert code == 1
    assert len(report["problems"]) == report["errors"] + report["warnings"] >= 9
    assert {"file", "line", "kind", "message"} <= set(report["problems"][0])
    code, text = ict("data", "check", "caltech101")
    assert code == 1
    assert "train800.txt, line 3: label 102 is out of range" in text


def test_check_all_and_by_folder(root):
    make_task(root / "birds")
    make_task(root / "cifar100")
    code, output = ict("data", "check", "all", "--json")
    assert code == 0
    assert [report["task"] for report in json.loads(output)] == ["cifar", "birds"]
    code, output = ict("data", "check", str(root / "birds"), "--json")
    assert (code, json.loads(output)["task"]) == (0, "birds")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("svhn", "is not on this machine"),
        ("bird", "did you mean 'birds'"),
        ("digits", "comes with ict"),
        ("./none", "has none of the lists"),
    ],
)
def test_check_of_what_is_not_there(root, task, said):
    make_task(root / "birds")
    code, output = ict("data", "check", task, "--json")
    assert code == 2
    assert said in json.loads(output)["error"]


@pytest.mark.skipif(not REAL, reason="ICT_VTAB_ROOT is not set")
@pytest.mark.parametrize("name", ["cifar", "kitti"])
def test_real_folders_are_sound(name):
    report = check_folder(name, Path(REAL) / name)
    assert report["ok"]
    assert {p["kind"] for p in report["problems"]} <= {"count", "class without images"}
