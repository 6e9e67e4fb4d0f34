"""Runs of seconds on the digits, and the folders of runs and scores that are kept with the code."""

import json
import subprocess
import sys
from pathlib import Path

from ict.run import run as execute

from ict.config import resolve

ROOT = Path(__file__).resolve().parents[2]
GOLDEN, EXAMPLE = ROOT / "tests/golden", ROOT / "tests/example_0_1_0"
SMALL = {"task": "digits", "limit": 8, "epochs": 2, "batch_size": 8, "criterion": "random",
         "precision": "fp32"}  # fmt: skip


def ict(*words, code=0):
    """`ict WORDS --json` in a process of its own: what it printed."""
    child = subprocess.run(
        [sys.executable, "-m", "ict", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert child.returncode == code, child.stdout + child.stderr
    return json.loads(child.stdout)


def a_run(store, **asked):
    return store.create_run(resolve({**SMALL, **asked}, weights="none").record())


def finish(run, store):
    """The run's result as its file holds it."""
    execute(run.id, store, threads=1, device="cpu")
    return json.loads((run.path / "result.json").read_text())
