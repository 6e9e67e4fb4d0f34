"""Which tasks `score_task=others` means, and what a configuration keeps of them."""

import hashlib
import json
from pathlib import Path

import pytest

from ict.errors import InputError
from ict.tasks import fingerprint, get_task
from ict.tasks.links import check_name, write_link
from ict.tasks.others import Scored, is_generic, said, scored_by, scored_tasks
from tests.vtab_layout import make_task, set_line


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "vtab"))
    (tmp_path / "vtab").mkdir()
    return tmp_path / "vtab"


def others(name: str, split: str = "train800", root: Path | None = None) -> Scored:
    return scored_by("others", get_task(name, root=root), split, root=root)


def test_bundled_tasks_have_the_other_bundled_ones_by_name(root):
    make_task(root / "birds")
    assert others("digits").name == "others/count/sprites_loc/sprites_ori"
    assert others("count").name == "others/digits/sprites_loc/sprites_ori"


def test_folders_have_the_other_folders_here_linked_ones_too(root, tmp_path):
    for name in ("fish", "cifar100", "birds"):  # made in no order
        make_task(root / name)
    write_link("ants", make_task(tmp_path / "elsewhere"))
    assert others("birds").name == "others/ants/cifar/fish"
    assert others("cifar100").name == others("cifar").name == "others/ants/birds/fish"
    assert others("dtd").name == "others/ants/birds/cifar/fish"  # which is not here itself
    assert others("birds", root=root).name == "others/cifar/fish"  # no links beside a root


def test_a_task_without_the_split_is_none_of_them(root):
    for name in ("birds", "fish", "moths"):
        make_task(root / name)
    (root / "moths" / "val200.txt").unlink()
    assert others("birds", "train800").name == "others/fish/moths"
    assert others("birds", "val200").name == "others/fish"


def test_none_is_one_sentence(root):
    make_task(root / "birds")
    with pytest.raises(
        InputError, match=r"no task beside 'birds' with a list train800 .* data link"
    ):
        others("birds")


def test_the_name_hangs_on_no_order_and_is_read_back(root):
    there = others("digits")
    for names in (("sprites_ori", "count", "sprites_loc"), ("count", "sprites_loc", "sprites_ori")):
        asked = "/".join(("others", *names, names[0]))
        found = scored_by(asked, get_task("digits"), "train800")
        assert (found.name, found.tasks) == (there.name, there.tasks)
    assert scored_tasks(there.name) == ("count", "sprites_loc", "sprites_ori")
    assert [task.name for task in there.tasks] == list(scored_tasks(there.name))
    assert (scored_tasks("count"), scored_tasks(None)) == (("count",), ())


@pytest.mark.parametrize(
    ("score_task", "sentence"),
    [
        ("others/count/digits", "'digits' is the run's own task"),
        ("others/count/cuont", "no task 'cuont'; did you mean 'count'"),
        ("others/", "no task ''"),
    ],
)
def test_names_that_cannot_be_are_one_sentence(score_task, sentence):
    with pytest.raises(InputError, match=sentence):
        scored_by(score_task, get_task("digits"), "train800")


def test_no_folder_is_linked_under_the_reserved_name():
    with pytest.raises(InputError, match="'others' cannot name a task: `score_task=others` means"):
        check_name("others")


def test_a_folder_of_the_reserved_name_is_no_generic_set(root):
    """A link is refused; a folder under the root may have the name, and is then one task of the set."""
    for name in ("others", "birds", "fish"):
        make_task(root / name)
    assert others("birds").name == "others/fish/others"
    assert not is_generic("others")


def test_the_fingerprint_is_one_hash_over_names_and_data(root):
    for name in ("birds", "fish", "moths"):
        make_task(root / name)
    pairs = [[name, fingerprint(name, splits=("train800",))] for name in ("fish", "moths")]
    of_pairs = f"sha256:{hashlib.sha256(json.dumps(pairs).encode()).hexdigest()}"
    assert others("birds").fingerprint("train800") == of_pairs
    set_line(root / "moths" / "train800.txt", 1, "images/train800/000000.jpg 1")
    assert others("birds").fingerprint("train800") != of_pairs


def test_a_label_names_a_few_and_counts_many():
    assert said("others/count/digits") == "others (count, digits)"
    assert said("others/a/b/c/d") == "others (4 tasks)"
    assert (said("count"), said(None)) == ("count", "None")
    assert not is_generic(float("nan"))
