"""`--threads` and OMP_NUM_THREADS bound what a command computes with."""

import importlib
import os

import pytest

from ict.cli import _MODULES
from ict.machine import choose_threads
from ict.running.missing_scores import Wanted


@pytest.mark.parametrize(
    "name", ["train", "score", "overlap", "stability", "energy", "causal", "inspect"]
)
def test_every_command_that_computes_takes_threads(name: str):
    command = importlib.import_module(f"ict.cli.{_MODULES[name]}").COMMANDS[name]
    (option,) = (one for one in command.params if one.name == "threads")
    assert "OMP_NUM_THREADS" in option.help


def test_missing_scores_are_computed_within_the_limit():
    command = Wanted(threads=3).command("digits")
    assert command[command.index("--threads") + 1] == "3"
    assert "--threads" not in Wanted().command("digits")


def test_a_command_tells_openmp_before_torch_comes_in(monkeypatch: pytest.MonkeyPatch):
    from ict.machine import calm_threads

    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    calm_threads(choose_threads(2, here=8).count)
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"  # as the user has it
