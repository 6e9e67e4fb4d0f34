"""Several runs in one Slurm job (`--runs-per-job`), on a real Slurm of one node: see test_slurm.py."""

import subprocess
import time

import pytest

from ict.errors import InputError
from ict.running import slurm
from ict.running.cancel import cancel as cancel_runs
from ict.store import Store
from tests.running.test_slurm import finish, slurm_store, started, submit  # noqa: F401
from tests.toys import kill, lines, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)


def pids(runs) -> list[str]:
    """Of the processes that the runs were executed in, each start."""
    return [line[0] for run in runs for line in lines(run, "starts.txt")]


@pytest.mark.slurm
def test_each_job_takes_its_runs_one_after_the_other_in_one_process(slurm_store: Store):  # noqa: F811
    runs = toys(slurm_store, 7, seconds=0.05)
    submit(slurm_store, runs, runs_per_job=3)
    jobs = [run.job() for run in runs]
    assert [jobs.count(job) for job in dict.fromkeys(jobs)] == [3, 3, 1]
    finish(runs)
    found = pids(runs)
    assert len(found) == 7
    assert [found.count(pid) for pid in dict.fromkeys(found)] == [3, 3, 1]
    until(lambda: not processes(slurm_store), 15)


@pytest.mark.slurm
def test_cancelling_one_run_of_a_job_loses_no_other(slurm_store: Store):  # noqa: F811
    running, waiting, last = toys(slurm_store, 3, steps=40, seconds=0.05)
    submit(slurm_store, [running, waiting, last], runs_per_job=3)
    until(lambda: started(running), 30)
    begun = time.monotonic()
    assert cancel_runs(slurm_store, [running.id, waiting.id]) == [running.id, waiting.id]
    until(lambda: running.status() == "cancelled", 15)
    assert time.monotonic() - begun < 2.0
    finish([last])
    assert waiting.status() == "cancelled"
    assert [len(lines(run, "starts.txt")) for run in (running, waiting, last)] == [1, 0, 1]


@pytest.mark.slurm
def test_a_deaf_run_that_is_cancelled_is_killed_alone(slurm_store: Store):  # noqa: F811
    deaf, other = toys(slurm_store, 2, steps=1000, seconds=0.05, deaf=True)
    submit(slurm_store, [deaf, other], runs_per_job=2)
    until(lambda: started(deaf), 30)
    cancel_runs(slurm_store, [deaf.id])
    until(lambda: deaf.status() == "cancelled", 15)
    until(lambda: started(other), 15)
    cancel_runs(slurm_store, [other.id])  # the last of the job: the job goes
    until(lambda: not processes(slurm_store), 20)


@pytest.mark.slurm
def test_a_run_that_dies_is_killed_at_once_and_its_job_goes_on(slurm_store: Store):  # noqa: F811
    victim, other = toys(slurm_store, 2, steps=40, seconds=0.05)
    submit(slurm_store, [victim, other], runs_per_job=2)
    until(lambda: started(victim), 30)
    kill(victim.holder()["pid"])
    until(lambda: started(other), 20)
    assert victim.status() == "killed"
    assert submit(slurm_store, [victim, other]) == [victim.id]
    finish([victim, other])
    assert [len(lines(run, "starts.txt")) for run in (victim, other)] == [2, 1]


@pytest.mark.slurm
def test_a_failed_run_stays_failed_and_the_rest_is_pre_empted_and_comes_back(slurm_store: Store):  # noqa: F811
    failing = toys(slurm_store, 1, prefix="fail", fail="the loss became nan")
    runs = toys(slurm_store, 3, steps=20, seconds=0.1)
    submit(slurm_store, [*failing, *runs], runs_per_job=4)
    until(lambda: started(runs[1]), 30)
    time.sleep(0.5)
    subprocess.run(["scancel", "--signal=USR2", slurm.job_of(runs[1])], check=True)
    until(lambda: runs[1].status() != "running", 30)
    assert [run.status() for run in runs] == ["done", "queued", "queued"]
    finish(runs, 120)
    assert failing[0].status() == "failed"
    assert [len(lines(run, "starts.txt")) for run in (*failing, *runs)] == [1, 1, 2, 1]


def test_a_job_takes_one_run_or_more(toy_store: Store):
    with pytest.raises(InputError, match="runs_per_job=0: choose 1 or more"):
        submit(toy_store, toys(toy_store, 1), runs_per_job=0)
