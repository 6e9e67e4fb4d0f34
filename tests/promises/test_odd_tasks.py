"""One odd link, information or folder of a task hides no other task, and is named once."""

import json
import os
import shutil
from typing import Any

import pytest

from tests.odd_files import NESTED
from tests.promises.odd_stores import ict, left_out

pytestmark = pytest.mark.usefixtures("no_jobs")


@pytest.mark.promise(
    "A links.json that is torn or odd is named once; bundled tasks and the rest are listed"
)
@pytest.mark.parametrize(
    "content", ["", '{"birds": "/', "[1]", '{"birds": 3}', '{"birds": "rel"}', '{"a\\ud800": "/x"}']
)
def test_links_that_are_torn_or_odd(whole, content):
    _, paths = whole
    paths["links"].write_text(content)
    done = ict("tasks", "--json")
    assert {"digits", "svhn"} <= {row["name"] for row in json.loads(done.stdout)}
    if content:
        left_out(done, "links.json")
        left_out(ict("tasks"), "links.json")
    assert ict("train", "digits", "--dry-run", "--json").exit_code == 0


@pytest.mark.promise(
    "An odd link spoils its own task alone: another linked task is found and checked"
)
def test_an_odd_link_beside_a_sound_one(whole):
    _, paths = whole
    links = {"birds": str(paths["info"].parent), "owls": 3, "svhn": "here"}
    paths["links"].write_text(json.dumps(links))
    report = json.loads(ict("data", "check", "birds", "--json", code=1).stdout)  # no image is there
    assert "links.json" not in json.dumps(report)
    for name in ("owls", "svhn"):  # never the folder of that name under ICT_VTAB_ROOT
        said = json.loads(ict("data", "check", name, "--json", code=2).stdout)["error"]
        assert "links no folder: owls → 3, svhn → 'here'" in said
    assert ict("data", "link", "owls", links["birds"]).exit_code == 0
    assert json.loads(paths["links"].read_text()) == {
        "birds": links["birds"],
        "owls": links["birds"],
    }


@pytest.mark.promise("One task's info.json never hides the other tasks")
@pytest.mark.parametrize(
    "content", ["[" * NESTED, '{"num_classes": "two"}', '{"title": "\\ud800"}', "[]", "{"]
)
def test_the_info_of_one_task(whole, content):
    _, paths = whole
    paths["info"].write_text(content)
    rows = json.loads(ict("tasks", "--json").stdout)
    (row,) = [row for row in rows if row["name"] == "birds"]
    assert (row["available"], row["classes"]) == (True, 2)
    left_out(ict("tasks"), "info.json")


@pytest.mark.promise(
    "A task's folder that may not be looked into is named once; the other tasks are listed"
)
def test_a_task_folder_of_another_user(whole, monkeypatch, tmp_path):
    root = tmp_path / "vtab"
    for name in ("eagles", "owls"):
        shutil.copytree(whole[1]["list"].parent, root / name)
    monkeypatch.setenv("ICT_VTAB_ROOT", str(root))
    real = os.stat

    def refusing(path: Any, *more: Any, **options: Any) -> Any:
        if f"{root}/eagles/" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(os, "stat", refusing)
    done = ict("tasks", "--json")
    names = {row["name"] for row in json.loads(done.stdout)}
    assert {"digits", "birds", "owls"} <= names
    left_out(done, "eagles")
