"""`ict runs label, delete, restore, trash`, and what the list shows of labels."""

import json

import pytest
from click.testing import CliRunner, Result

from ict.cli import main
from ict.store import Store, atomic_write_json
from tests.toys import toys

pytest_plugins = ("tests.toy_plugin",)


def ict(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def ask(*words: object, code: int = 0) -> object:
    return json.loads(ict(*words, "--json", code=code).stdout)


@pytest.fixture
def store(toy_store: Store) -> Store:
    for run in toys(toy_store, 3):
        atomic_write_json(run.path / "result.json", {"test_accuracy": 0.5})
    return toy_store


def ids(*words: object) -> list[str]:
    return [row["run_id"] for row in ask("runs", *words)]


def test_a_label_is_written_shown_and_filters(store: Store):
    assert "the first try" not in ict("runs").stdout
    said = ask("runs", "label", "toy-000", "--name", "the one", "--note", "as in table 2",
               "--tag", "paper", "--tag", "late")  # fmt: skip
    label = {"name": "the one", "note": "as in table 2", "tags": ["late", "paper"]}
    assert said == [{"run_id": "toy-000", **label, "archived": False}]
    ict("runs", "label", "toy-000", "toy-002", "--tag", "two", "--untag", "late")
    assert [row["tags"] for row in ask("runs", "label", "toy-000", "toy-002")] == [
        ["paper", "two"],
        ["two"],
    ]
    table = ict("runs").stdout.splitlines()
    assert table[0].split()[:3] == ["run_id", "name", "tags"]
    assert table[1].split("  ")[:3] == ["toy-000", "the one", "paper, two"]
    assert ids("--tag", "two") == ["toy-000", "toy-002"]
    assert ids("--tag", "paper", "--tag", "two") == ["toy-000", "toy-002"]
    assert ids("--tag", "nothing") == []
    assert [group["runs"] for group in ask("runs", "--group")] == [3]


def test_archived_ones_are_out_of_the_list_and_nowhere_else(store: Store):
    ict("runs", "label", "toy-001", "--archive")
    assert ids() == ["toy-000", "toy-002"]
    assert ids("--all") == ["toy-000", "toy-001", "toy-002"]
    assert "1 archived left out; `ict runs --all` shows them" in ict("runs").stderr
    assert ask("show", "toy-001")["status"] == "done"
    ict("runs", "label", "toy-001", "--unarchive")
    assert ids() == ["toy-000", "toy-001", "toy-002"]


def test_deleted_ones_lie_in_the_trash_and_come_back(store: Store):
    assert ict("runs", "trash").stdout == "the trash is empty\n"
    ict("runs", "label", "toy-000", "--name", "mine")
    assert ask("runs", "delete", "toy-000", "toy-001") == {"deleted": ["toy-000", "toy-001"]}
    assert ids() == ["toy-002"]
    rows = ask("runs", "trash")
    assert [(row["run_id"], row["name"]) for row in rows] == [
        ("toy-001", None),
        ("toy-000", "mine"),
    ]
    assert ask("runs", "restore", "toy-000") == {"restored": ["toy-000"]}
    assert ids() == ["toy-000", "toy-002"]
    assert "--yes" in ask("runs", "trash", "--empty", code=2)["error"]
    assert ask("runs", "trash", "--empty", "--yes") == {"removed": ["toy-001"]}
    assert "no run 'toy-001' in" in ask("runs", "restore", "toy-001", code=2)["error"]


def test_a_waiting_one_is_not_deleted(store: Store):
    (run,) = toys(store, 1, prefix="late")
    atomic_write_json(run.queued_path, {"sequence": 1})
    error = ask("runs", "delete", "toy-000", run.id, code=2)["error"]
    assert error == "run late-000 is queued; cancel it first: ict cancel late-000"
    assert ids() == ["toy-000", "toy-001", "toy-002", "late-000"]


def test_options_of_the_list_do_not_go_with_a_command(store: Store):
    error = ask("runs", "--task", "toy", "delete", "toy-000", code=2)["error"]
    assert error.startswith("options of `ict runs` do not go with delete")
    assert len(store.run_ids()) == 3
