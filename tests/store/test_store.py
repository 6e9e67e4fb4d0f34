"""The store: derived status, whole files, tolerant readers, one sentence when the disk refuses."""

import errno
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ict.errors import IctError, InputError
from ict.files import StoreError, atomic_write_bytes, read_json_lines, sweep_temporary
from ict.scores import ChannelScores, to_bytes
from ict.store import Run, Store, append_line, atomic_write_json, read_json
from ict.store.locks import RunLock
from ict.store.transitions import mark_cancelled


def make(store: Store, run_id: str = "digits-a-1", **config: object) -> Run:
    return store.create_run({"run_id": run_id, "config": {"task": "digits", **config}})


def touch(run: Run, *names: str) -> None:
    for name in names:
        (run.path / name).touch()


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ((), "created"),
        (("queued",), "queued"),
        (("execution.json",), "killed"),
        (("progress.jsonl",), "killed"),
        (("execution.json", "queued"), "queued"),
        (("execution.json", "cancelled"), "cancelled"),
        (("queued", "cancelled"), "cancelled"),
        (("result.json",), "created"),  # empty: a result is written whole
    ],
)
def test_status_follows_from_the_files(store: Store, files: tuple[str, ...], status: str):
    run = make(store)
    touch(run, *files)
    assert run.status() == status


def test_status_with_content(store: Store):
    run = make(store)
    atomic_write_json(run.path / "error.json", {"message": "no"})
    touch(run, "execution.json")
    assert run.status() == "failed"
    lock = RunLock(run.path / "lock")
    lock.acquire()
    assert run.status() == "running"
    atomic_write_json(run.path / "result.json", {"test_accuracy": 0.5})
    assert run.status() == "done"
    lock.release()
    assert run.status() == "done"


def test_a_store_copied_while_a_run_was_running_says_killed(store: Store, tmp_path: Path):
    run = make(store)
    touch(run, "execution.json")
    with RunLock(run.path / "lock") as lock:
        lock.describe(os.getpid())
        subprocess.run(["cp", "-r", store.root, tmp_path / "copy"], check=True)
        copy = Store(tmp_path / "copy")
        assert [row["status"] for row in store.table()] == ["running"]
        assert [row["status"] for row in copy.table()] == ["killed"]


def test_a_slurm_job_that_is_gone_leaves_its_run_killed(store: Store, monkeypatch):
    run = make(store)
    atomic_write_json(run.path / "queued", {"launcher": "slurm", "pid": None})
    atomic_write_json(run.path / "job.json", {"job": "7_0"})
    monkeypatch.setattr("ict.store.run_folder.job_state", {"7_0": "PENDING"}.get)
    assert run.status() == "queued"
    monkeypatch.setattr("ict.store.run_folder.job_state", {}.get)
    assert run.status() == "killed"


def test_a_holder_on_another_host_is_asked_for_as_a_job(store: Store, monkeypatch):
    run = make(store)
    touch(run, "execution.json")
    (run.path / "lock").write_text(json.dumps({"host": "node7", "pid": 3, "job": "41"}))
    monkeypatch.setattr("ict.store.run_folder.job_state", {"41": "RUNNING"}.get)
    assert run.status() == "running"
    monkeypatch.setattr("ict.store.run_folder.job_state", {"41": "PENDING"}.get)  # requeued
    assert run.status() == "queued"
    monkeypatch.setattr("ict.store.run_folder.job_state", {}.get)
    assert run.status() == "killed"


def test_create_run_keeps_what_is_there(store: Store):
    first = make(store, seed=1)
    assert make(store, seed=2).config == first.config == {"task": "digits", "seed": 1}


@pytest.mark.parametrize("bad", ["../x", "a/b", "", ".hidden", "a\0b", "x" * 300, "~", "/etc"])
def test_no_id_leaves_the_store(store: Store, bad: str):
    with pytest.raises(InputError):
        store.create_run({"run_id": bad, "config": {}})
    with pytest.raises(InputError):
        store.run(bad)
    with pytest.raises(InputError):
        store.score_dir(bad)
    assert not store.root.exists()


def test_a_run_is_found_by_a_unique_beginning(store: Store):
    make(store, "digits-a-1")
    make(store, "digits-b-1")
    assert store.run("digits-b").id == "digits-b-1"
    assert store.run("digits-a-1").id == "digits-a-1"
    with pytest.raises(InputError, match="2 runs begin so"):
        store.run("digits")
    with pytest.raises(InputError, match="did you mean 'digits-a-1'"):
        store.run("digts-a-1")


def test_the_root_is_absolute_and_nothing_is_written(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICT_STORE", "here")
    store = Store()
    assert store.root == tmp_path / "here"
    assert (store.table(), store.runs(), store.scores(), store.unreadable()) == ([], [], [], [])
    assert not store.root.exists()
    monkeypatch.delenv("ICT_STORE")
    assert Store().root == tmp_path / "ict_store"


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.json"
    atomic_write_json(path, {"a": 1})

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"a\.json: the disk is full; free some space") as caught:
        atomic_write_json(path, {"a": 2})
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.exit_code == 1
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_store_that_cannot_be_written_to_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(IctError, match="is a file: set ICT_STORE to a folder"):
        Store(tmp_path / "file")
    with pytest.raises(IctError, match="no folder can be made there; set ICT_STORE"):
        make(Store(tmp_path / "file" / "below"))


def test_reading_tolerates_missing_empty_torn_and_odd_files(store: Store, tmp_path: Path):
    run = make(store)
    for content in (b"", b'{"a": ', b"[1]", b"\xff\xfe", b"3"):
        for name in ("result.json", "error.json", "live.json", "execution.json", "queued"):
            (run.path / name).write_bytes(content)
        assert (run.result(), run.error(), run.live(), run.execution()) == (None,) * 4
        assert run.queued() == {}
        assert isinstance(run.status(), str)
    assert read_json(tmp_path, 7) == 7  # a folder
    assert Run(tmp_path / "gone").log_tail() == ""


def test_appending_ends_a_torn_line_first(tmp_path: Path):
    path = tmp_path / "progress.jsonl"
    append_line(path, '{"epoch": 1}')
    with path.open("a") as file:
        file.write('{"epoch": 2, "tr')
    append_line(path, '{"epoch": 2}')
    assert path.read_text() == '{"epoch": 1}\n{"epoch": 2, "tr\n{"epoch": 2}\n'
    assert read_json_lines(path) == [{"epoch": 1}, {"epoch": 2}]


def test_progress_is_by_epoch_and_the_last_word_on_each(store: Store):
    run = make(store)
    for epoch, loss in [(1, 3.0), (2, 2.0), (3, 9.0), (2, 2.5), (3, 1.0)]:
        append_line(run.path / "progress.jsonl", json.dumps({"epoch": epoch, "train_loss": loss}))
    assert [row["train_loss"] for row in run.progress()] == [3.0, 2.5, 1.0]


def test_the_log_tail_is_the_end(store: Store):
    run = make(store)
    (run.path / "log.txt").write_text("\n".join(map(str, range(100_000))))
    assert run.log_tail(3) == "99997\n99998\n99999"


def test_foreign_and_half_written_folders_are_reported_and_skipped(store: Store):
    make(store, "good-1")
    (store.runs_dir / "foreign").mkdir()
    (store.runs_dir / "half").mkdir()
    (store.runs_dir / "half" / "config.json").write_text('{"run_id": "ha')
    (store.runs_dir / "listy").mkdir()
    (store.runs_dir / "listy" / "config.json").write_text("[]")
    (store.runs_dir / "a file").write_text("")
    torn = make(store, "torn-1")
    (torn.path / "result.json").write_text('{"test_acc')
    (store.scores_dir / "x").mkdir(parents=True)
    again = "delete the folder, or start the run again with the command that made it"
    torn_result = "`ict remove torn-1` deletes the run, then it can be run again"
    reasons = {path.name: reason for path, reason in store.unreadable()}
    assert reasons == {
        "foreign": "no config.json: not a run folder, or half-written; take it out of the store",
        "half": f"config.json: is not whole JSON (line 1: Unterminated string starting at); {again}",
        "listy": f"config.json: the file is [], not a table of fields; {again}",
        "a file": "not a folder; delete it, or take it out of the store",
        "torn-1": "result.json: is not whole JSON (line 1: Unterminated string starting at); "
        + torn_result,
        "x": "no readable meta.json; delete the folder and run `ict score` again",
    }
    assert [row["run_id"] for row in store.table()] == ["good-1"]
    assert [run.id for run in store.runs()] == ["good-1", "torn-1"]


def test_remove_refuses_a_running_one_and_deletes_the_rest(store: Store):
    run = make(store)
    with RunLock(run.path / "lock"), pytest.raises(InputError, match="cancel it first"):
        store.remove(run.id)
    assert run.path.exists()
    store.remove(run.id)
    assert list(store.runs_dir.iterdir()) == []
    with pytest.raises(InputError, match="no run"):
        store.remove(run.id)


def test_cancelling_takes_the_run_out_of_the_queue(store: Store):
    run = make(store)
    touch(run, "queued")
    mark_cancelled(run)
    assert run.status() == "cancelled"
    assert not run.marked("queued")


def test_litter_of_dead_writers_is_swept_and_of_living_ones_kept(tmp_path: Path):
    child = subprocess.Popen(["true"])
    child.wait()
    dead = tmp_path / f".weights.safetensors.{child.pid}.abcd.tmp"
    alive = tmp_path / f".weights.safetensors.{os.getpid()}.abcd.tmp"
    for path in (dead, alive, tmp_path / "kept.tmp", tmp_path / ".odd.tmp"):
        path.touch()
    sweep_temporary(tmp_path)
    left = {".odd.tmp", "kept.tmp", alive.name}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_scores_are_those_that_are_whole(store: Store):
    for name in ("a", "b"):
        folder = store.score_dir(name)
        folder.mkdir(parents=True)
        atomic_write_json(folder / "meta.json", {"task": "digits"})
    whole = to_bytes(ChannelScores({"attn.0": np.ones((2, 3), np.float32)}))
    atomic_write_bytes(store.score_dir("b") / "scores.safetensors", whole)
    path = str(store.score_dir("b") / "scores.safetensors")
    assert store.scores() == [{"task": "digits", "score_id": "b", "path": path}]


def test_a_score_is_found_by_a_unique_beginning(store: Store):
    for name in ("digits-l2-aa", "digits-l2-ab", "count-l2-aa"):
        store.score_dir(name).mkdir(parents=True)
        atomic_write_json(store.score_dir(name) / "meta.json", {"task": "digits"})
        whole = to_bytes(ChannelScores({"attn.0": np.ones((2, 3), np.float32)}))
        atomic_write_bytes(store.score_dir(name) / "scores.safetensors", whole)
    assert store.find_score("count").name == "count-l2-aa"
    assert store.find_score("digits-l2-aa").name == "digits-l2-aa"
    with pytest.raises(InputError, match="2 scores begin so"):
        store.find_score("digits")
    with pytest.raises(InputError, match="`ict scores` lists them"):
        store.find_score("kitti")
