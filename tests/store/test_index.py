"""The run table: one flat row a run; its index is only a cache."""

import json
import os

import pytest

from ict.store import Run, Store, atomic_write_json
from ict.store import index as run_table
from ict.store.locks import RunLock


def make(store: Store, run_id: str, **config: object) -> Run:
    record = {"run_id": run_id, "created_at": f"2026-{run_id}", "config": config}
    return store.create_run(record)


def finish(run: Run, accuracy: float, **numbers: object) -> None:
    atomic_write_json(run.path / "result.json", {"test_accuracy": accuracy, **numbers})


@pytest.fixture(params=["memory", "file", "none"])
def forget(request: pytest.FixtureRequest, store: Store):
    """Runs each test with the index in memory, read back from its file, and deleted."""

    def go() -> None:
        if request.param != "memory":
            run_table._memory.clear()
        if request.param == "none":
            (store.root / "index.json").unlink(missing_ok=True)

    return go


def test_a_row_is_flat_and_the_configuration_wins(store: Store, forget):
    run = make(store, "a", task="digits", k=[24], blocks=[0, 1], epochs=8)
    finish(run, 0.75, epochs=7, versions={"torch": "2"}, notes=["short"], device="cpu")
    for _ in range(3):
        assert store.table() == [
            {
                "run_id": "a",
                "status": "done",
                "created_at": "2026-a",
                "recipe": None,
                "task": "digits",
                "k": 24,
                "blocks": "0, 1",
                "epochs": 8,
                "test_accuracy": 0.75,
                "device": "cpu",
            }
        ]
        forget()


def test_every_change_is_seen(store: Store, forget):
    run = make(store, "b", task="digits")
    assert [row["status"] for row in store.table()] == ["created"]
    forget()
    with RunLock(run.path / "lock"):
        assert [row["status"] for row in store.table()] == ["running"]
        forget()
    finish(run, 0.25)
    assert [row["test_accuracy"] for row in store.table()] == [0.25]
    forget()
    make(store, "a", task="count")
    assert [row["run_id"] for row in store.table()] == ["a", "b"]  # by created_at
    forget()
    finish(run, 0.5)  # another result under the same name
    assert [row.get("test_accuracy") for row in store.table()] == [None, 0.5]
    forget()
    store.remove("b")
    assert [row["run_id"] for row in store.table()] == ["a"]


def test_an_error_is_in_the_row(store: Store):
    run = make(store, "a", task="digits")
    atomic_write_json(run.path / "error.json", {"message": "the disk was full"})
    assert [(row["status"], row["error"]) for row in store.table()] == [
        ("failed", "the disk was full")
    ]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1, "runs": 3}', '{"version": 0}'])
def test_a_broken_index_is_rebuilt(store: Store, content: str):
    finish(make(store, "a", task="digits"), 0.5)
    before = store.table()
    (store.root / "index.json").write_text(content)
    run_table._memory.clear()
    assert store.table() == before
    assert json.loads((store.root / "index.json").read_text())["runs"].keys() == {"a"}


def test_a_store_that_cannot_hold_the_index_is_read_all_the_same(store: Store, monkeypatch):
    finish(make(store, "a", task="digits"), 0.5)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(os, "replace", refuse)
    assert [row["run_id"] for row in store.table()] == ["a"]
    assert not (store.root / "index.json").exists()


def test_rows_are_the_callers_to_change(store: Store):
    finish(make(store, "a", task="digits"), 0.5)
    store.table()[0]["task"] = "spoiled"
    assert store.table()[0]["task"] == "digits"


def test_filter(store: Store):
    make(store, "a", task="digits")
    make(store, "b", task="count")
    assert [row["run_id"] for row in store.table(lambda row: row["task"] == "count")] == ["b"]
