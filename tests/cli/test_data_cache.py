"""`ict data cache`: what is kept, filled ahead, counted, removed; a second run decodes nothing."""

import json
from pathlib import Path

import pytest

from ict.tasks.decoded import cache
from tests.tasks.command import ict
from tests.vtab_layout import make_task


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    return make_task(tmp_path / "birds", train=9, classes=3)


def test_filled_once_listed_and_cleared(task):
    filled = json.loads(ict("data", "cache", "birds", "--size", "16", "--json")[1])
    assert [(row["split"], row["decoded"], row["kept"]) for row in filled] == [
        ("train800", 9, True),
        ("val200", 2, True),
        ("train800val200", 11, True),
        ("test", 3, True),
    ]
    code, text = ict("data", "cache", "birds", "--size", "16")
    assert code == 0
    assert text.splitlines()[0] == "train800: 9 images, 0 decoded, 0.0 MB"
    said = json.loads(ict("data", "cache", "--json")[1])
    assert said["folder"] == str(cache.folder())
    assert said["bound_bytes"] == cache.bound_bytes()
    assert said["bytes"] == sum(row["bytes"] for row in filled)
    assert {(one["task"], one["split"], one["size"], one["images"]) for one in said["sets"]} == {
        ("birds", row["split"], 16, row["images"]) for row in filled
    }
    assert "4 sets of decoded images, 0.0 MB of at most " in ict("data", "cache")[1]
    assert ict("data", "cache", "--clear")[1].startswith("removed 0.0 MB of decoded images from ")
    assert json.loads(ict("data", "cache", "--json")[1])["sets"] == []


def test_what_does_not_fit_is_said_and_takes_no_other_splits_room(task, monkeypatch):
    monkeypatch.setenv(cache.BOUND, "15000")  # train800 takes 11,044, the next one 5,640
    code, text = ict("data", "cache", "birds", "--size", "16")
    assert code == 1
    said = [line.split(", ")[-1] for line in text.splitlines()[:4]]
    assert said == ["0.0 MB", "not kept", "not kept", "not kept"]
    assert text.count(f"not kept: {cache.folder()} may hold 0.0 GB") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["birds"], "give the pixels a side, such as --size 224"),
        (["birds", "--size", "16", "--clear"], "--clear on its own"),
        (["--size", "16"], "name the task whose images to decode"),
        (["bird", "--size", "16"], "no task 'bird'"),
        (["birds", "--size", "0"], "choose 1 to 4096"),
    ],
)
def test_words_that_do_not_fit_together(task, words, said):
    code, text = ict("data", "cache", *words)
    assert code == 2
    assert said in text


def test_no_cache_is_not_filled(task, monkeypatch):
    monkeypatch.setenv(cache.BOUND, "0")
    code, text = ict("data", "cache", "birds", "--size", "16")
    assert code == 2
    assert "asks for no cache" in text


def test_a_list_that_a_task_has_not_is_left_out(task):
    (task / "train800val200.txt").unlink()
    rows = json.loads(ict("data", "cache", "birds", "--size", "16", "--json")[1])
    assert [row["split"] for row in rows] == ["train800", "val200", "test"]
