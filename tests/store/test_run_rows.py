"""Runs and epochs as records say what the flat rows of the store say."""

from pathlib import Path

import pytest

from ict.analysis.groups import SETTINGS, key
from ict.store.epoch_rows import Epoch, as_epochs
from ict.store.run_rows import NAMED, RunRow, as_rows, run_rows
from ict.store.store import Store

EXAMPLE = Store(Path(__file__).parents[2] / "tests" / "example_0_1_0")


def test_every_column_of_every_run_is_in_its_record():
    table = EXAMPLE.table()
    rows = run_rows(EXAMPLE)
    assert [row.run_id for row in rows] == [flat["run_id"] for flat in table]
    for row, flat in zip(rows, table, strict=True):
        assert {name: row.get(name) for name in flat} == flat
        assert (row.task, row.done, row.at_chosen_rate) == (flat["task"], True, True)
    assert as_rows(table) == rows == as_rows(rows)


def test_a_column_that_a_version_had_not_is_not_one_that_is_empty():
    older, newer = RunRow.of({"task": "digits"}), RunRow.of({"schedule": None})
    assert older.get("schedule", "batch") == "batch"
    assert newer.get("schedule", "batch") is None
    assert key(older, ("schedule",)) != key(newer, ("schedule",))
    assert set(NAMED).isdisjoint(older.more)


def test_more_columns_leave_the_run_as_it_was():
    row = RunRow.of({"run_id": "a", "k": 24, "epochs": 20})
    wider = row.having(k=48, series="random")
    assert (wider.run_id, wider.k, wider.get("epochs"), wider.get("series")) == (
        "a",
        48,
        20,
        "random",
    )
    assert (row.k, row.get("series")) == (24, None)
    assert key(wider, SETTINGS) != key(row, SETTINGS)


def test_only_the_channels_of_another_task_are_foreign():
    assert RunRow(task="digits", score_task="count").foreign
    assert not RunRow(task="digits", score_task="digits").foreign
    assert not RunRow(task="digits").foreign


def test_an_epoch_keeps_its_number_apart_from_what_was_measured():
    (one,) = as_epochs([{"epoch": 3, "train_loss": 0.5, "val_accuracy": None}])
    assert one == Epoch(3, {"train_loss": 0.5, "val_accuracy": None})
    assert one.having("train_loss", 0.25).measured == {"train_loss": 0.25, "val_accuracy": None}
    assert one.get("train_loss") == pytest.approx(0.5)
