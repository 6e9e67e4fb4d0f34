"""One bad file of a run hides no other run: it is named once, with what to do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.promises.odd_stores import ODD_CONFIGS, ODD_RESULTS, ict, ids, left_out, rewrite

pytestmark = pytest.mark.usefixtures("no_jobs")


@pytest.mark.promise("A store in which nothing is wrong names nothing")
def test_a_whole_store_has_nothing_to_say(whole):
    store, _ = whole
    assert store.unreadable() == []
    for words in (["runs"], ["runs", "--group"], ["tasks"], ["study", "show", "k_ratio"]):
        assert ict(*words).stderr == ""


@pytest.mark.promise(
    "A run folder of another user is named and left out; all other runs are listed"
)
@pytest.mark.parametrize("words", [(), ("--group",)])
def test_a_run_folder_of_another_user(whole, monkeypatch, words):
    _, paths = whole
    folder = paths["result"].parent
    before = ids()
    real = {name: getattr(os, name) for name in ("stat", "open", "listdir", "scandir", "lstat")}

    def refusing(name: str) -> Any:
        def call(path: Any = ".", *more: Any, **options: Any) -> Any:
            if (
                isinstance(path, (str, Path))
                and f"{folder}/" in f"{path}/"
                and str(path) != str(folder)
            ):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path, *more, **options)

        return call

    for name in real:
        monkeypatch.setattr(os, name, refusing(name))
    done = ict("runs", *words)
    assert "ask its owner" in left_out(done, folder.name)
    monkeypatch.undo()
    monkeypatch.setenv("ICT_STORE", str(folder.parents[1]))
    assert len(ids()) == len(before)


@pytest.mark.promise(
    "A run folder of mode 0700 of another user, met by a process that may not look into it"
)
def test_a_run_folder_that_this_process_may_not_look_into(whole):
    _, paths = whole
    folder, rest = paths["result"].parent, ids()
    words = [sys.executable, "-m", "ict", "runs", "--json"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root needs setpriv to give up its right to read everything")
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
        os.chown(folder, 12345, 12345)
    folder.chmod(0o700 if os.geteuid() == 0 else 0)
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    finally:
        os.chown(folder, os.geteuid(), -1)
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert [row["run_id"] for row in json.loads(done.stdout)] == [
        i for i in rest if i != folder.name
    ]
    assert done.stderr.count(folder.name) == 1
    assert "permission denied; ask its owner" in done.stderr


@pytest.mark.promise("index.json is only a cache: one of wrong types is built anew")
@pytest.mark.parametrize(
    "change",
    [
        {"runs": [1]},
        {"runs": {"x": 3}},
        {"version": "1"},
        {"test_accuracy": "high"},
        {"created_at": None},
        {"k": {"a": 1}},
    ],
)
def test_an_index_of_wrong_types_is_built_anew(whole, change):
    from ict import run_table

    _, paths = whole
    before = json.loads(ict("runs", "--json").stdout)
    index = json.loads(paths["index"].read_text())
    for name, value in change.items():
        if name in index:
            index[name] = value
        else:
            for entry in index["runs"].values():
                if "columns" in index:
                    which, _, values = entry
                    columns = index["columns"][which]
                    if name not in columns:
                        columns.append(name)
                    place = columns.index(name)
                    values[place : place + 1] = [value]
                else:
                    entry["row"][name] = value
    paths["index"].write_text(json.dumps(index))
    run_table._memory.clear()
    done = ict("runs", "--json")
    assert json.loads(done.stdout) == before
    assert ict("runs", "--group").stderr == done.stderr == ""
    assert json.loads(paths["index"].read_text())["runs"].keys() == {
        row["run_id"] for row in before
    }


@pytest.mark.promise(
    "A result of wrong types is named once with its field; all other runs are listed and grouped"
)
@pytest.mark.parametrize("odd", ODD_RESULTS.values(), ids=ODD_RESULTS)
def test_a_result_of_wrong_types(whole, odd):
    _, paths = whole
    run = paths["result"].parent.name
    before = ids()
    rewrite(paths["result"], **odd)
    paths["index"].unlink()
    for words in (["runs"], ["runs", "--group"], ["runs", "--json"], ["study", "show", "k_ratio"]):
        line = left_out(ict(*words), run)
        assert "result.json" in line
    assert ids() == [name for name in before if name != run]


@pytest.mark.promise(
    "A config.json that is no configuration is named once; all other runs are listed"
)
@pytest.mark.parametrize("odd", ODD_CONFIGS.values(), ids=ODD_CONFIGS)
def test_a_config_that_is_none(whole, odd):
    store, paths = whole
    run = paths["config"].parent.name
    before = ids()
    if isinstance(odd, dict):
        rewrite(paths["config"], **odd)
    else:
        paths["config"].write_text(odd)
    paths["index"].unlink()  # it hid what it had seen whole
    for words in (["runs"], ["runs", "--group"], ["runs", "--json"], ["study", "show", "k_ratio"]):
        assert "config.json" in left_out(ict(*words), run)
    assert ids() == [name for name in before if name != run]
    assert all(one.id != run for one in store.runs())
    assert "config.json" in json.loads(ict("show", run, "--json", code=2).stdout)["error"]


@pytest.mark.promise(
    "A config that lacks fields, or names a backbone that timm lacks, spoils no report"
)
@pytest.mark.parametrize("odd", [{}, {"backbone": "vit_of_the_future", "method": "ict", "k": [3]}])
@pytest.mark.usefixtures("timm_here")
def test_a_config_that_lacks_fields(whole, odd, tmp_path):
    _, paths = whole
    rewrite(paths["config"], config={"task": "digits", **odd})
    paths["index"].unlink()
    ict("report", "k_ratio", "--out", str(tmp_path / "r.html"))
    ict("figure", "k-ratio", "--task", "digits", "--out", str(tmp_path / "k.json"))
    left_out = json.loads((tmp_path / "k.json").read_text())["left_out"]
    assert (paths["config"].parent.name in str(left_out)) == bool(odd)


@pytest.mark.promise("A config of a newer schema, or with settings of one, says that it is newer")
@pytest.mark.parametrize(
    "newer", [{"schema": 99}, {"config": {"task": "digits", "schema": 99}},
              {"config": {"task": "digits", "from_the_future": 1}}]
)  # fmt: skip
def test_a_config_of_a_newer_version(whole, newer):
    _, paths = whole
    rewrite(paths["config"], **newer)
    line = left_out(ict("runs"), paths["config"].parent.name)
    assert "a newer version of ict wrote it; update ict" in line
    assert "delete" not in line


@pytest.mark.promise("A figure of a run that cannot be read says why; among others it is left out")
def test_a_figure_of_a_bad_run(whole, tmp_path):
    _, paths = whole
    bad = paths["result"].parent.name
    rewrite(paths["result"], test_accuracy="high")
    out = tmp_path / "c.json"
    asked = ["figure", "k-ratio", "--out", str(out), "--force", "--json", "--from", bad]
    error = json.loads(ict(*asked, code=2).stdout)["error"]
    assert error.startswith(str(paths["result"].parent))
    assert "test_accuracy is 'high'" in error
    others = [row["run_id"] for row in json.loads(ict("runs", "--status", "done", "--json").stdout)]
    done = ict(*asked, *others)
    assert json.loads(out.read_text())["left_out"] == {"not finished (unreadable)": [bad]}
    assert "1 (not finished (unreadable))" in done.output
