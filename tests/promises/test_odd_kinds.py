"""Files of every kind, wrong in every way and many at once: each is named once, and the rest goes on."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.odd_files import CORRUPTIONS, KINDS, NESTED
from tests.promises.odd_stores import NAMED, at_most, ict, ids, left_out, spoil

pytestmark = pytest.mark.usefixtures("no_jobs")


@pytest.mark.promise(
    "Any JSON file of 2,000 brackets is named once, with what to do, and the rest goes on"
)
@pytest.mark.parametrize(
    "kind", [kind for kind in NAMED if not kind.endswith(("scores", "rows", "thumbs"))]
)
def test_two_thousand_brackets_in_any_json(whole, kind):
    _, paths = whole
    CORRUPTIONS["brackets"](paths[kind])
    left_out(
        ict("tasks"),
        str(paths[kind].parent.name if "runs" in paths[kind].parts else paths[kind].name),
    )
    assert len(ids()) >= 4


@pytest.mark.promise("Imported numbers that are odd are named once; the benchmark draws the others")
@pytest.mark.parametrize(
    "content", ["[]", '{"rows": 3}', '{"rows": [{"method": "x"}]}', '{"rows": [["VPT"]]}',
                '{"rows": [{"method": "x", "task": "svhn", "test_accuracy": "high"}]}', "[" * NESTED]
)  # fmt: skip
def test_imported_numbers_that_are_odd(whole, content):
    from ict.imported import imported_rows

    store, paths = whole
    (paths["imported"].parent / "torn.json").write_text(content)
    assert [row["method"] for row in imported_rows(store)] == ["VPT"]
    left_out(ict("runs"), "torn.json")


@pytest.mark.promise("The cache of backbones, torn or of wrong types, is built anew")
@pytest.mark.parametrize(
    "content", ["[]", "[" * NESTED, '{"vit_x": 3}', '{"vit_x": {"name": "vit_x"}}', "\\xff"]
)
def test_the_cache_of_backbones(whole, monkeypatch, content):
    from ict import catalogue

    _, paths = whole
    paths["backbones"].write_text(content)
    record = json.dumps(catalogue.get_backbone("ict_tiny").__dict__ | {"name": "vit_x"})
    answer = subprocess.CompletedProcess([], 0, stdout=record, stderr="")
    monkeypatch.setattr(catalogue.subprocess, "run", lambda *_, **__: answer)
    assert catalogue.get_backbone("vit_x").name == "vit_x"
    assert json.loads(paths["backbones"].read_text())["vit_x"]["blocks" if 0 else "stages"]


@pytest.mark.promise(
    "A store with twenty bad things: every list answers and names each of them once"
)
def test_a_store_with_twenty_bad_things(whole):
    store, paths = whole
    names = spoil(store, paths)
    assert len(names) >= 20
    for words in (["runs"], ["runs", "--group"], ["runs", "--json"], ["tasks"], ["tasks", "--json"],
                  ["study", "show", "k_ratio"], ["study", "list"], ["scores"]):  # fmt: skip
        done = ict(*words)
        for name in names:
            left_out(done, f"/{name}:")
    assert paths["config"].parent.name in ids()


@pytest.mark.promise(
    "Every kind of file in every way in which a file can be wrong: lists answer, and what is odd is named at most once"
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_in_every_way(whole, kind):
    from ict.tasks import list_tasks

    store, paths = whole
    path = paths[kind]
    saved = path.read_bytes()
    runs = {row["run_id"] for row in store.table()}
    for name, spoil_it in CORRUPTIONS.items():
        spoil_it(path)
        with at_most(30):
            listed = {row["run_id"] for row in store.table()}
            assert runs - listed <= {path.parent.name}, name
            assert len(list_tasks()) >= 23, name
            told = store.unreadable()
        assert len(told) <= 1, (name, told)
        if kind in NAMED and kind != "info" and name not in ("empty", "table", "dangling"):
            assert len(told) == 1, name
        if name in ("torn", "closed brackets"):
            done = ict("runs", "--json")
            assert done.stderr.count("left out") == (kind in NAMED), (name, done.stderr)
            assert len(json.loads(ict("tasks", "--json").stdout)) >= 23
        restore(path, saved)
    assert store.unreadable() == []


def restore(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    elif os.path.lexists(path):
        path.unlink()
    path.write_bytes(content)


@pytest.mark.promise("A store of another user is said to be so, not shown as empty")
def test_a_store_that_may_not_be_listed(whole, monkeypatch):
    store, _ = whole
    real = {name: getattr(os, name) for name in ("listdir", "scandir")}

    def refusing(name: str) -> Any:
        def call(path: Any = ".") -> Any:
            if str(path) == str(store.runs_dir):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path)

        return call

    for name in real:
        monkeypatch.setattr(os, name, refusing(name))
    done = ict("runs", "--json")
    assert json.loads(done.stdout) == []
    left_out(done, "/runs:")
