"""What goes to Slurm: parameters of one line, folders and pickles of the user alone."""

import os
from pathlib import Path

import pytest

from tests.promises.refusals import ict, sentence


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `sbatch` that takes everything and runs nothing."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, line in (("sbatch", "echo Submitted batch job 4711"), ("squeue", ":"), ("srun", ":")):
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")


STUDY = "name='s'\n[base]\ntask='digits'\nepochs=1\n[grid]\nseed=[1, 2]\n"


@pytest.mark.promise("Slurm's folders and pickles are the user's alone, whatever the umask")
@pytest.mark.usefixtures("fake_slurm")
@pytest.mark.parametrize("there_already", [False, True])
def test_folders_and_pickles_of_slurm_are_private(tmp_path: Path, there_already: bool):
    workers = tmp_path / "store" / "workers"
    before = os.umask(0)
    try:
        if there_already:
            (workers / "slurm").mkdir(parents=True, mode=0o777)
        (tmp_path / "s.toml").write_text(STUDY)
        words = ["--launcher", "slurm", "--no-wait", "--json"]
        result = ict("study", "run", str(tmp_path / "s.toml"), *words)
    finally:
        os.umask(before)
    assert result.exit_code == 0, result.output
    pickles = list(workers.rglob("*.pkl"))
    assert pickles
    modes = {path: path.stat().st_mode & 0o777 for path in [*pickles, *pickles[0].parents[:0]]}
    folders = [workers, workers / "slurm", pickles[0].parent]
    modes |= {path: path.stat().st_mode & 0o777 for path in folders}
    assert {oct(modes[path]) for path in pickles} == {"0o600"}
    assert {oct(modes[path]) for path in folders} == {"0o700"}


@pytest.mark.promise("A parameter of Slurm's jobs is one line of text or a number")
@pytest.mark.usefixtures("fake_slurm")
@pytest.mark.parametrize(
    "parameter",
    ["partition=a\nrm -rf /", "account=a\rb", "comment=" + "x" * 5000, "time=²", "time=" + "9" * 5000,
     "setup=rm -rf /", "qos=a\x1b[31m"],
)  # fmt: skip
def test_parameters_of_slurm_are_one_line(tmp_path: Path, parameter: str):
    (tmp_path / "s.toml").write_text(STUDY)
    words = ["--launcher", "slurm", "--no-wait", "--slurm", parameter]
    assert sentence("study", "run", str(tmp_path / "s.toml"), *words)
    assert not list((tmp_path / "store").rglob("*.sh"))
