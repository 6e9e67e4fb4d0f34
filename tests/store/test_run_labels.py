"""Labels of runs: people's words beside a run, which no two tabs lose and no number reads."""

import json
import threading

import pytest

from ict.documents.labels import Change, Label, changes
from ict.errors import InputError
from ict.store import Run, Store, atomic_write_json
from ict.store import index as run_table
from ict.store.run_labels import change_label, read_label
from ict.store.run_rows import run_rows
from tests.odd_files import CORRUPTIONS


@pytest.fixture
def run(store: Store) -> Run:
    config = {"task": "digits", "seed": 1}
    run = store.create_run(
        {"run_id": "digits-1", "created_at": "2026-01-01T08:00:00.000Z", "config": config}
    )
    atomic_write_json(run.result_path, {"test_accuracy": 0.5})
    return run


def test_a_run_without_a_label_has_the_neutral_one_and_no_file(run: Run):
    assert read_label(run) == Label()
    assert not run.label_path.exists()


def test_a_change_names_only_what_it_changes(run: Run):
    change_label(run, Change(name=" best so far ", tag=("paper", "a")))
    change_label(run, Change(note="a line\nand more", untag=("a", "never there")))
    assert read_label(run) == Label(
        name="best so far", note="a line\nand more", tags=("paper",), archived=False
    )
    change_label(run, Change(name="", archived=True))
    assert read_label(run) == Label(note="a line\nand more", tags=("paper",), archived=True)


def test_what_a_newer_version_wrote_beside_it_stays(run: Run):
    atomic_write_json(run.label_path, {"name": "x", "colour": "red"})
    change_label(run, Change(tag=("t",)))
    assert json.loads(run.label_path.read_text())["colour"] == "red"


def test_many_hands_at_once_lose_nothing(run: Run):
    tags = [f"t{i:02d}" for i in range(24)]
    hands = [threading.Thread(target=change_label, args=(run, Change(tag=(t,)))) for t in tags]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert read_label(run).tags == tuple(tags)


def test_of_two_tabs_both_stand_and_the_same_field_is_asked_again(run: Run):
    seen = change_label(run, Change(name="old", tag=("a", "b")))
    first = changes(seen, Label(name="old", note="mine", tags=("b", "c")))
    second = changes(seen, Label(name="old", note="yours", tags=("a", "b", "d")))
    change_label(run, first)
    with pytest.raises(InputError, match="the note was changed meanwhile to 'mine'"):
        change_label(run, second)
    change_label(run, changes(seen, Label(name="new", tags=("a", "b", "d"))))
    assert read_label(run) == Label(name="new", note="mine", tags=("b", "c", "d"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "x" * 121}, "the name has 121 characters; write at most 120"),
        ({"name": "a\x1b[2J"}, "the name has characters that cannot be printed"),
        ({"name": "two\nlines"}, "the name has characters that cannot be printed"),
        ({"tag": ("a,b",)}, "a tag is 'a,b'; write a word, without a comma"),
        ({"tag": ("  ",)}, "a tag is '  '; write a word"),
        ({"tag": ("a",), "untag": ("a",)}, "tag 'a' is to be added and taken away"),
        ({"tag": tuple(f"t{i}" for i in range(51))}, "that makes 51 tags; a run has at most 50"),
    ],
)
def test_odd_words_are_refused_in_one_sentence(run: Run, fields: dict, sentence: str):
    with pytest.raises(InputError) as caught:
        change_label(run, Change(**fields))
    assert sentence in str(caught.value)
    assert not run.label_path.exists()


def test_the_table_shows_a_changed_label_at_once(store: Store, run: Run):
    plain = store.table()
    for name in ("one", "two", "six"):  # of the same size
        change_label(run, Change(name=name, tag=("t",)))
        (row,) = run_rows(store)
        assert (row.name, row.tags, row.archived, row.test_accuracy) == (name, ("t",), False, 0.5)
        run_table._memory.clear()  # and from the file
        assert run_rows(store)[0].name == name
    change_label(run, Change(name="", untag=("t",)))
    assert store.table() == plain


@pytest.mark.parametrize("corruption", sorted(set(CORRUPTIONS) - {"empty", "table", "dangling"}))
def test_an_odd_file_is_named_and_the_run_stays(store: Store, run: Run, corruption: str):
    change_label(run, Change(name="x", tag=("t",)))
    CORRUPTIONS[corruption](run.label_path)
    assert read_label(run) == Label()
    table, odd = store.read_table()
    assert [(row["run_id"], row.get("name")) for row in table] == [(run.id, None)]
    assert [one.path for one in odd] == [run.path]
    assert odd[0].reason.startswith("label.json: ")
    assert "delete the file" in odd[0].reason or "take it out of the store" in odd[0].reason
    with pytest.raises(InputError, match=r"label\.json"):
        change_label(run, Change(name="y"))


def test_a_deleted_run_has_no_label_to_change(store: Store, run: Run):
    store.remove(run.id)
    with pytest.raises(InputError, match="no run 'digits-1'"):
        change_label(run, Change(name="x"))
