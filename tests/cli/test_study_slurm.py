"""`ict study plan --launcher slurm`: the jobs, and what no cluster would take, before one is asked."""

import json
from pathlib import Path

import pytest

from tests.promises.refusals import ict, sentence

STUDY = "name='s'\n[base]\ntask='digits'\nepochs=1\n[grid]\nseed=[1, 2, 3, 4, 5]\n"
SLURM = ("--launcher", "slurm")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    (tmp_path / "s.toml").write_text(STUDY)
    return str(tmp_path / "s.toml")


def test_a_plan_tells_the_jobs_without_a_cluster(file: str, tmp_path: Path):
    words = (*SLURM, "--slurm", "partition=gpu", "--slurm", "time=30", "--runs-per-job", "2")
    said = ict("study", "plan", file, *words, "--parallel", "2").output
    assert (
        "Slurm: one array of 3 jobs, 2 runs each (the last of 1), 2 at once: "
        "cpus_per_task=1, partition=gpu, time=30\n"
    ) in said
    (job,) = json.loads(ict("study", "plan", file, *words, "--json").output)["jobs"]
    assert (job["runs"], job["jobs"], job["runs_per_job"], job["time"]) == (5, 3, 2, 30)
    assert json.loads(ict("study", "plan", file, "--json").output)["jobs"] == []
    assert not (tmp_path / "store").exists()


def test_stages_are_an_array_each(file: str):
    Path(file).write_text(STUDY + "[tune]\nlr_multiplier=[0.5, 1.0]\n")
    jobs = json.loads(ict("study", "plan", file, *SLURM, "--json").output)["jobs"]
    assert [job["runs"] for job in jobs] == [2, 4]


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("partion=gpu", "did you mean 'partition'"),
        ("time=abc", "give minutes"),
        ("time=0", "give minutes"),
        ("cpus_per_task=four", "give a whole number"),
        ("setup=rm", "is not to be set"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_no_job_can_have_is_refused_before_anything_is_written(
    command: str, parameter: str, said: str, file: str, tmp_path: Path
):
    assert said in sentence("study", command, file, *SLURM, "--slurm", parameter)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("time", ["90", "1:30:00", "1-12", "30:00"])
def test_times_as_slurm_writes_them(time: str, file: str):
    assert f"time={time}" in ict("study", "plan", file, *SLURM, "--slurm", f"time={time}").output


def test_slurm_options_need_the_launcher(file: str):
    assert "need --launcher slurm" in sentence("study", "plan", file, "--slurm", "time=3")
