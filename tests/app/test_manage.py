"""Runs as people manage them in the app: labels, archive, trash with undo, columns, filters, groups."""

import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ict.documents.labels import Change, Label
from ict.store import Store
from ict.store.run_labels import change_label, read_label
from ict.store.run_rows import run_rows
from ict.store.trash import trashed
from tests.app import fixture_store
from tests.app.conftest import Open


@pytest.fixture
def store(stores: dict[str, Store], tmp_path: Path) -> Iterator[Store]:
    """Two finished runs and a killed one, newest last; the page's state `managed`."""
    store = stores["managed"] = Store(tmp_path / "managed")
    fixture_store.add_done(store, seed=1, accuracy=0.8)
    fixture_store.add_done(store, seed=2, accuracy=0.9)
    fixture_store.add_killed(store, seed=3)
    yield store
    del stores["managed"]


def ids(store: Store) -> list[str]:
    """As the table shows them: newest first."""
    return [row.run_id for row in run_rows(store)][::-1]


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def labels_of(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def texts(app: AppTest) -> str:
    found = [*app.markdown, *app.caption, *app.error, *app.text, *app.subheader]
    return "\n".join(str(element.value) for element in found)


def seeds(app: AppTest) -> list[int]:
    return sorted(app.dataframe[0].value["seed"])


def seed_of(store: Store, run_id: str) -> int:
    return int(store.run(run_id).config["seed"])


def test_a_run_is_named_tagged_and_noted_on_its_page(open_page: Open, store: Store):
    run = store.run(ids(store)[0])
    app = press(open_page("run", "managed", run=run.id), "Name and tags")
    app.text_input[0].set_value("the first *try*")
    app.text_area[0].set_value("as in the draft")
    app.multiselect[-1].set_value(["paper"])
    change_label(run, Change(tag=("from another tab",)))
    app = press(app, "Save")
    assert not app.exception
    label = Label(
        name="the first *try*", note="as in the draft", tags=("from another tab", "paper")
    )
    assert read_label(run) == label
    assert r"the first \*try\*" in texts(app)
    assert "as in the draft" in texts(app)


def test_a_note_that_changed_meanwhile_is_not_written_over(open_page: Open, store: Store):
    run = store.run(ids(store)[0])
    app = press(open_page("run", "managed", run=run.id), "Name and tags")
    app.text_area[0].set_value("mine")
    change_label(run, Change(note="theirs"))
    app = press(app, "Save")
    assert "the note was changed meanwhile" in texts(app)
    assert read_label(run).note == "theirs"


def test_a_deleted_run_lies_in_the_trash_until_undo(open_page: Open, store: Store):
    before = ids(store)
    app = open_page("curves", "managed", pick=before[:2])
    assert store.run_ids() == sorted(before)  # a link does nothing
    app = press(app, "Delete 2 runs")
    assert not app.exception
    assert ids(store) == before[2:]
    assert len(trashed(store)) == 2
    assert "**2 runs** moved to the trash" in texts(app)
    app = press(app, "Undo")
    assert not app.exception
    assert ids(store) == before
    assert trashed(store) == []
    assert "Undo" not in labels_of(app)


def test_a_deleted_run_is_called_as_in_the_list(open_page: Open, store: Store):
    named, plain = ids(store)[:2]
    change_label(store.run(named), Change(name="the first *try*"))
    app = press(open_page("curves", "managed", pick=[named]), "Delete 1 run")
    assert r"**the first \*try\*** moved to the trash, where it is kept" in texts(app)
    assert named not in texts(app)
    assert "Undo" in labels_of(app)
    seed = seed_of(store, plain)
    app = press(open_page("curves", "managed", pick=[plain]), "Delete 1 run")
    assert f"· seed {seed}** moved to the trash" in texts(app).replace(r"\·", "·")


def test_the_last_run_comes_back_to_an_empty_store(open_page: Open, store: Store):
    before = ids(store)
    app = press(open_page("curves", "managed", pick=before), "Delete 3 runs")
    assert ids(store) == []
    assert "Undo" in labels_of(app)
    press(app, "Undo")
    assert ids(store) == before


def test_archived_runs_are_out_of_sight_until_asked_for(open_page: Open, store: Store):
    run_id = ids(store)[1]
    app = press(open_page("curves", "managed", pick=[run_id]), "Archive")
    assert not app.exception
    assert read_label(store.run(run_id)).archived
    hidden = seed_of(store, run_id)
    assert seeds(app) == sorted({1, 2, 3} - {hidden})
    app.toggle(key="archived").set_value(True).run()
    assert seeds(app) == [1, 2, 3]
    app = press(open_page("curves", "managed", archived="true", pick=[run_id]), "Unarchive")
    assert not read_label(store.run(run_id)).archived


def test_tags_of_several_runs_are_added_and_the_others_stay(open_page: Open, store: Store):
    first, second, third = ids(store)
    change_label(store.run(first), Change(tag=("own", "old")))
    change_label(store.run(second), Change(tag=("old",)))
    app = press(open_page("curves", "managed", pick=[first, second]), "Tags")
    app.multiselect[-1].set_value(["new"])
    app = press(app, "Save")
    assert not app.exception
    tags = [read_label(store.run(run_id)).tags for run_id in (first, second, third)]
    assert tags == [("new", "own"), ("new",), ()]
    app = open_page("curves", "managed", only_tags="own")
    assert seeds(app) == [seed_of(store, first)]
    assert list(app.dataframe[0].value["tags"]) == ["new, own"]


def test_only_those_are_resumed_that_can_be(
    open_page: Open, store: Store, monkeypatch: pytest.MonkeyPatch
):
    handed: list[str] = []
    monkeypatch.setattr("ict.running.local.submit", lambda _store, ids: handed.extend(ids))
    app = open_page("curves", "managed", pick=ids(store))
    assert not any(label.startswith("Cancel") for label in labels_of(app))
    app = press(app, "Resume 1 run")
    assert not app.exception
    assert [seed_of(store, run_id) for run_id in handed] == [3]


def test_columns_and_filters_are_any_fields_and_lie_in_the_link(open_page: Open, store: Store):
    app = open_page("curves", "managed", columns=["seed", "train_seconds", "score_task"])
    assert list(app.dataframe[0].value.columns) == ["seed", "train_seconds", "score_task"]
    app.multiselect(key="columns").set_value(["seed", "precision"]).run()
    assert list(app.dataframe[0].value.columns) == ["seed", "precision"]
    app = open_page("curves", "managed", only_seed="2")
    assert seeds(app) == [2]
    app = open_page("curves", "managed", filter_by="test_accuracy", only_test_accuracy="0.8")
    assert seeds(app) == [1]


def test_groups_are_by_any_field_and_say_what_they_mix(open_page: Open, stores: dict[str, Store]):
    app = open_page("curves", "study", **{"as": "Means over seeds"}, group_by=["task", "seed"])
    assert not app.exception
    table = app.dataframe[-1].value
    done = [row for row in run_rows(stores["study"]) if row.done]
    assert len(table) == len({(row.task, row.seed) for row in done})
    assert sum(table["runs"]) == len(done)
    assert "Runs of one group also differ in" in texts(app)
    assert "K" in texts(app)


def test_exported_rows_hold_what_the_store_holds(store: Store):
    from ict_app.tune import manage

    rows = run_rows(store)
    change_label(store.run(rows[0].run_id), Change(tag=("a", "b")))
    content = manage.csv_of(run_rows(store), ["seed", "tags", "test_accuracy"])
    table = pd.read_csv(io.BytesIO(content))
    assert list(table["run_id"]) == [row.run_id for row in rows]
    assert table["tags"][0] == "a, b"
    assert list(table["test_accuracy"][:2]) == [row.test_accuracy for row in rows[:2]]


def test_columns_are_kept_in_the_store_until_the_usual_ones_are_wanted(
    open_page: Open, store: Store
):
    app = open_page("curves", "managed", columns=["seed", "precision"])
    app = press(app, "Keep for this store")
    assert not app.exception
    assert dict(app.query_params) == {}
    again = open_page("curves", "managed")
    assert list(again.dataframe[0].value.columns) == ["seed", "precision"]
    again = press(again, "Usual columns")
    assert "test_accuracy" in again.dataframe[0].value.columns


def test_rows_are_named_by_what_tells_them_apart(open_page: Open, store: Store):
    change_label(store.run(ids(store)[0]), Change(name="the one"))
    app = open_page("curves", "managed")
    names = list(app.dataframe[0].value["name"])
    assert names[0] == "the one"
    assert names[1:] == [f"seed {seed_of(store, run_id)}" for run_id in ids(store)[1:]]
