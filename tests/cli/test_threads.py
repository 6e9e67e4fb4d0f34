"""`--threads` and OMP_NUM_THREADS bound what a command computes with."""

import importlib
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from ict.cli import _MODULES, main
from ict.machine import choose_threads
from ict.running import local
from ict.running.missing_scores import Wanted
from ict.store import Store


@pytest.mark.parametrize(
    "name", ["train", "resume", "score", "overlap", "stability", "energy", "causal", "inspect"]
)
def test_every_command_that_computes_takes_threads(name: str):
    """0.1.0: `No such option '--threads'`."""
    command = importlib.import_module(f"ict.cli.{_MODULES[name]}").COMMANDS[name]
    (option,) = (one for one in command.params if one.name == "threads")
    assert "OMP_NUM_THREADS" in option.help


def test_a_study_hands_its_limit_to_every_run(monkeypatch: pytest.MonkeyPatch, store: Store):
    asked = []
    monkeypatch.setattr(local, "submit", lambda store, ids, **how: asked.append(how) or [*ids])
    study = Path(__file__).parents[2] / "assets" / "studies" / "k_ratio_digits.toml"
    words = ["study", "run", str(study), "--no-wait", "--threads", "3"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert [how["threads"] for how in asked] == [3]
    refused = CliRunner().invoke(main, [*words, "--launcher", "slurm"])
    assert refused.exit_code == 2
    assert "--slurm cpus_per_task=N decides" in refused.output


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
