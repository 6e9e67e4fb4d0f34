"""Slurm: a real one of one node where there is one (.ci/slurm.sh starts it), without accounting."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.errors import InputError
from ict.running import slurm
from ict.running.cancel import cancel as cancel_runs
from ict.store import Run, Store
from ict.store import slurm_jobs as jobs
from tests.toy_runner import expected
from tests.toys import kill, lines, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)


def answers() -> bool:
    if shutil.which("squeue") is None:
        return False
    try:
        return (
            subprocess.run(["squeue"], capture_output=True, timeout=5, check=False).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


@pytest.fixture
def slurm_store(toy_store: Store, monkeypatch: pytest.MonkeyPatch):
    """A store on this machine's Slurm; its jobs end with the test."""
    if not answers():
        pytest.skip("no Slurm answers here; .ci/slurm.sh starts one")
    monkeypatch.setattr("ict.store.slurm_jobs._SECONDS", 0.2)
    yield toy_store
    mine = {slurm.job_of(run) for run in toy_store.runs()} - {None}
    if mine:
        subprocess.run(["scancel", *mine], check=False)


def submit(store: Store, runs: list[Run], **options: object) -> list[str]:
    return slurm.submit(store, [run.id for run in runs], **options)


def finish(runs: list[Run], seconds: float = 60) -> None:
    until(lambda: all(run.status() == "done" for run in runs), seconds)
    for run in runs:
        assert run.result().unknown["digest"] == expected(run)
        assert not run.marked("queued")


def started(run: Run) -> bool:
    return run.status() == "running" and (run.path / "checkpoint" / "state.json").exists()


@pytest.mark.slurm
def test_an_array_of_eight_with_two_at_once(slurm_store: Store):
    runs = toys(slurm_store, 8, seconds=0.2)
    assert submit(slurm_store, runs, parallel=2) == [run.id for run in runs]
    assert {run.status() for run in runs} == {"queued"}
    assert slurm.alive(slurm_store, [run.id for run in runs]) == {run.id for run in runs}
    assert submit(slurm_store, runs) == []  # all wait already
    finish(runs)
    spans = [tuple(map(float, lines(run, "spans.txt")[0][:2])) for run in runs]
    assert max(sum(a <= begun < b for a, b in spans) for begun, _ in spans) <= 2
    assert submit(slurm_store, runs) == []
    assert {run.execution()["launcher"] for run in runs} == {"slurm"}


@pytest.mark.slurm
@pytest.mark.parametrize("how", ["scancel", "kill -9"])
def test_a_killed_job_is_seen_and_finishes_after_resubmission(slurm_store: Store, how: str):
    run, other = toys(slurm_store, 2, steps=20, seconds=0.1)
    submit(slurm_store, [run, other])
    until(lambda: started(run), 30)
    if how == "scancel":
        subprocess.run(["scancel", slurm.job_of(run)], check=True)
    else:
        kill(run.execution()["pid"])
        kill(run.holder()["pid"])
    until(lambda: run.status() == "killed", 30)
    before = json.loads((run.path / "checkpoint" / "state.json").read_text())["step"]
    assert before > 0
    assert submit(slurm_store, [run, other]) == [run.id]
    finish([run, other])
    assert [len(lines(r, "starts.txt")) for r in (run, other)] == [2, 1]


@pytest.mark.slurm
def test_a_job_killed_before_it_started_is_seen(slurm_store: Store):
    runs = toys(slurm_store, 3, steps=20, seconds=0.1)
    submit(slurm_store, runs, parallel=1)
    last = runs[-1]
    subprocess.run(["scancel", slurm.job_of(last)], check=True)
    until(lambda: last.status() == "killed", 30)
    assert runs[1].status() == "queued"
    assert submit(slurm_store, [last]) == [last.id]
    finish(runs)


@pytest.mark.slurm
def test_pre_emption_checkpoints_and_the_job_comes_back(slurm_store: Store):
    run = toys(slurm_store, 1, steps=20, seconds=0.1)[0]
    submit(slurm_store, [run])
    until(lambda: started(run), 30)
    time.sleep(0.5)
    subprocess.run(["scancel", "--signal=USR2", slurm.job_of(run)], check=True)
    until(lambda: run.status() != "running", 30)
    assert run.status() == "queued"  # requeued by itself, under the same job
    finish([run], 120)
    assert len(lines(run, "starts.txt")) == 2


@pytest.mark.slurm
def test_the_submitting_process_killed(slurm_store: Store):
    runs = toys(slurm_store, 3, seconds=0.2)
    code = (
        "import sys, time\nfrom ict.running import slurm\nfrom ict.store import Store\n"
        "slurm.submit(Store(), sys.argv[1:])\nprint('submitted', flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-c", code, *[run.id for run in runs]]
    app = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert app.stdout.readline() == "submitted\n"
    os.killpg(app.pid, 9)
    app.wait()
    finish(runs)


@pytest.mark.slurm
def test_a_submitter_that_died_before_its_jobs_leaves_killed_runs(slurm_store: Store):
    run = toys(slurm_store, 1)[0]
    dead = subprocess.Popen(["true"])
    dead.wait()
    marker = {"launcher": "slurm", "pid": dead.pid, "start_ticks": 1}
    (run.path / "queued").write_text(json.dumps(marker))
    assert run.status() == "killed"
    assert submit(slurm_store, [run]) == [run.id]
    finish([run])


@pytest.mark.slurm
def test_cancel_reaches_waiting_and_running_jobs(slurm_store: Store):
    runs = toys(slurm_store, 3, steps=1000, seconds=0.05)
    submit(slurm_store, runs, parallel=1)
    until(lambda: started(runs[0]), 30)
    assert cancel_runs(slurm_store, [run.id for run in runs]) == [run.id for run in runs]
    until(lambda: {run.status() for run in runs} == {"cancelled"}, 15)
    until(lambda: not processes(slurm_store), 15)


@pytest.mark.slurm
def test_each_job_gets_its_own_gpu(slurm_store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    runs = toys(slurm_store, 4, seconds=0.2)
    submit(slurm_store, runs, gpus_per_node=1)
    finish(runs)
    spans = [lines(run, "spans.txt")[0] for run in runs]
    assert {device for *_, device in spans} == {"cuda:0"}  # the one that Slurm shows to each
    times = [(float(a), float(b)) for a, b, _ in spans]
    assert max(sum(a <= begun < b for a, b in times) for begun, _ in times) <= 2  # the node has two


@pytest.mark.slurm
def test_a_study_on_slurm_resubmits_what_was_killed(slurm_store: Store, tmp_path: Path):
    path = tmp_path / "s.toml"
    path.write_text("name='s'\n[base]\ntask='digits'\nepochs=4\n[grid]\nseed=[1, 2, 3]\n")
    killer = (
        "import sys, time\nfrom ict.store import Store\nfrom ict.running import slurm\n"
        "import subprocess\nstore = Store()\n"
        "while not (jobs := [slurm.job_of(r) for r in store.runs() if r.status() == 'running']):\n"
        "    time.sleep(0.1)\n"
        "subprocess.run(['scancel', jobs[0]])"
    )
    killing = subprocess.Popen([sys.executable, "-c", killer])
    words = ["study", "run", str(path), "--launcher", "slurm", "--parallel", "2", "--json"]
    answer = CliRunner().invoke(main, [*words, "--slurm", "time=10"], catch_exceptions=False)
    assert killing.wait(timeout=60) == 0
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.stdout)
    assert (document["runs"], document["done"]) == (3, 3)


def test_without_slurm_it_says_so(toy_store: Store, monkeypatch: pytest.MonkeyPatch):
    run = toys(toy_store, 1)[0]
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="the command sbatch was not found"):
        submit(toy_store, [run])
    assert run.status() == "created"
    jobs.forget()
    assert jobs.job_states() == {}


def test_squeue_is_read_by_both_ids_and_ended_jobs_are_left_out(
    toy_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    squeue = tmp_path / "squeue"
    answer = "7_0 8 RUNNING\\n7_1 7 PENDING\\n9 9 COMPLETED\\n"
    squeue.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    jobs.forget()
    expected_states = {"7_0": "RUNNING", "8": "RUNNING", "7_1": "PENDING", "7": "PENDING"}
    assert jobs.job_states() == expected_states
    squeue.write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setattr("ict.store.slurm_jobs._SECONDS", -1.0)
    assert jobs.job_states() == expected_states  # no answer: the last one holds
    jobs.forget()


@pytest.mark.slurm
def test_a_parameter_that_slurm_does_not_know(slurm_store: Store):
    run = toys(slurm_store, 1)[0]
    with pytest.raises(InputError, match="partitoin"):
        submit(slurm_store, [run], partitoin="gpu")
    assert run.status() == "created"


@pytest.mark.slurm
def test_under_umask_0_what_slurm_runs_leaves_is_private_and_the_runs_are_not(slurm_store: Store):
    before = os.umask(0)
    try:
        runs = toys(slurm_store, 2, seconds=0.1)
        submit(slurm_store, runs)
        finish(runs)
    finally:
        os.umask(before)
    folder = slurm.submissions(slurm_store)[-1]
    until(lambda: len(list(folder.glob("*_result.pkl"))) == 2, 20)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.pkl")}
    assert set(modes.values()) == {0o600}
    for private in (folder, folder.parent, slurm_store.workers_dir):
        assert private.stat().st_mode & 0o777 == 0o700
    for run in runs:  # a store may be shared: the umask says with whom
        assert (run.path / "result.json").stat().st_mode & 0o777 == 0o666
