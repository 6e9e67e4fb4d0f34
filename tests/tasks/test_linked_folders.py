"""`ict data link` and `ict tasks`: where the folder of a task lies, told and listed."""

import json
import os

import pytest

from ict.tasks.links import read_links
from tests.tasks.command import ict
from tests.vtab_layout import make_task


def test_link_then_train_data_are_found(root, tmp_path):
    folder = make_task(tmp_path / "elsewhere/my birds", classes=3)
    code, output = ict("data", "link", "birds", str(folder), "--json")
    assert code == 0
    assert json.loads(output)["classes"] == 3
    assert read_links() == {"birds": folder}
    code, output = ict("tasks", "--json")
    row = next(row for row in json.loads(output) if row["name"] == "birds")
    assert (row["available"], row["path"], row["test"]) == (True, str(folder), 3)


def test_link_uses_the_catalogues_name_and_absolute_paths(root, tmp_path, monkeypatch):
    make_task(tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    assert ict("data", "link", "cifar100", "c")[0] == 0
    assert read_links() == {"cifar": tmp_path / "c"}


@pytest.mark.parametrize(
    ("task", "folder", "said"),
    [
        ("birds", "gone", "there is no such folder"),
        ("birds", "vtab", "it has no train800.txt, val200.txt, train800val200.txt, test.txt"),
        ("digits", "ok", "is a bundled task"),
        ("all", "ok", "cannot name a task"),
        ("a/b", "ok", "cannot name a task"),
        ("others", "ok", "`score_task=others` means all tasks but the run's own"),
    ],
)
def test_link_refuses(root, tmp_path, task, folder, said):
    make_task(tmp_path / "ok")
    code, output = ict("data", "link", task, str(tmp_path / folder), "--json")
    assert code == 2
    assert said in json.loads(output)["error"]
    assert read_links() == {}


def test_link_hints_at_the_folder_below(root, tmp_path):
    make_task(tmp_path / "vtab-1k/cifar")
    code, output = ict("data", "link", "cifar", str(tmp_path / "vtab-1k"))
    assert code == 2
    assert "(its folder 'cifar' has lists)" in output


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_link_into_a_read_only_store_is_one_sentence(root, tmp_path):
    (tmp_path / "store").mkdir(mode=0o500)
    code, output = ict("data", "link", "birds", str(make_task(tmp_path / "b")), "--json")
    assert code == 1
    assert "cannot be written" in json.loads(output)["error"]


def test_link_into_a_store_that_is_a_file_is_one_sentence(root, tmp_path):
    (tmp_path / "store").write_text("")
    code, output = ict("data", "link", "birds", str(make_task(tmp_path / "b")), "--json")
    assert code != 0
    assert str(tmp_path / "store") in json.loads(output)["error"]


def test_tasks_as_text_and_json(root):
    make_task(root / "birds")
    code, output = ict("tasks", "--json")
    rows = json.loads(output)
    assert code == 0
    assert [row["name"] for row in rows][-1] == "birds"
    assert len(rows) == 4 + 19 + 1
    code, text = ict("tasks")
    assert code == 0
    assert "ict data download TASK" in text
    assert f"looked under ICT_VTAB_ROOT {root}" in text
