"""Runs of a few seconds on the digits, in this process or by `ict` in one of its own."""

import json
import os
import subprocess
import sys

from ict.resolve import resolve

SMALL = {"task": "digits", "limit": 20, "epochs": 2, "batch_size": 8}


def ict_command(*words, timeout=240, env=None):
    """`ict WORDS --json` in a process of its own: exit code, what it printed as JSON, stderr."""
    child = subprocess.run(
        [sys.executable, "-m", "ict", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )
    assert child.stdout, child.stderr
    return child.returncode, json.loads(child.stdout), child.stderr


def small_run(store, weights="none", **asked):
    return store.create_run(resolve({**SMALL, **asked}, weights=weights).record())
