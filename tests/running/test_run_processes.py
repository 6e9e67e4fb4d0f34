"""Processes of one run: killed and resumed it ends with the same numbers; twenty ask, it runs once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ict.store import Store
from tests.running.small_runs import ict_command


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_it_ends_with_the_same_numbers(store, tmp_path):
    """`kill -9` of worker and run, then `ict resume --wait`, against an unbroken twin."""
    words = ["train", "digits", "--limit", "40", "--weights", "none", "--slots", "2"]
    for field in ("epochs=3", "batch_size=8", "drop_path=0.1"):
        words += ["--set", field]
    code, whole, _ = ict_command(*words, "--wait", env={"ICT_STORE": str(tmp_path / "twin")})
    assert code == 0
    _, asked, _ = ict_command(*words)
    here = store.run(asked["run_id"])
    deadline = time.monotonic() + 120
    while not any(
        (live := here.live()) and live.get("epoch") == 2 and live["done"] >= 1 for _ in [0]
    ):
        assert time.monotonic() < deadline, here.status()
        assert here.status() in ("queued", "running")
        time.sleep(0.02)
    for pid in processes_of(store):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert here.status() == "killed"
    assert len(here.progress()) == 1
    code, resumed, _ = ict_command("resume", here.id, "--wait")
    assert code == 0
    for name in ("test_accuracy", "val_accuracy", "train_loss", "test_loss"):
        assert resumed[name] == whole[name], name
    assert [row["train_loss"] for row in here.progress()] == [
        row["train_loss"] for row in Store(tmp_path / "twin").run(whole["run_id"]).progress()
    ]
    first = load_file(here.path / "adapter.safetensors")
    second = load_file(tmp_path / "twin" / "runs" / whole["run_id"] / "adapter.safetensors")
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.slow
def test_twenty_at_once_execute_once(store):
    words = [sys.executable, "-m", "ict", "train", "digits", "--limit", "10", "--weights", "none"]
    words += ["--set", "epochs=1", "--wait", "--json"]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    answers = [json.loads(child.communicate(timeout=300)[0]) for child in children]
    assert {child.returncode for child in children} == {0}
    assert len({answer["run_id"] for answer in answers}) == 1
    assert len({answer["finished_at"] for answer in answers}) == 1
    assert store.run(answers[0]["run_id"]).execution()["starts"] == 1


def processes_of(store):
    """Workers and runs whose command line names the store."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(store.root) in words and ("ict.run" in words or "ict.launch.worker" in words):
                found.append(int(name))
    return found
