"""Runs as Slurm job arrays (extra `ict[slurm]`), on the same run folders as local workers.

Of submitit only the submission is used: its results are keyed by job id and can be stale, and
without accounting its states stay UNKNOWN. What became of a run stands in its folder; whether its
job lives is asked of `squeue` (`ict.store.slurm_jobs`). `job.json` in the run folder keeps the job's id.

submitit hands pickles over in files, and whoever can write one runs code as the user: their folders
are the user's alone, and so are they.
"""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ict.documents.bounded import odd_word
from ict.documents.identity import is_id
from ict.errors import IctError, InputError, quoted
from ict.files import make_private_folder, refuse_published
from ict.running import queue
from ict.running.slurm_job import CALL, SlurmRuns
from ict.running.slurm_parameters import checked
from ict.store import transitions
from ict.store.locks import start_ticks
from ict.store.run_folder import Run, utc_now
from ict.store.slurm_jobs import forget, job_state
from ict.store.store import Store


def submit(
    store: Store,
    ids: Iterable[str],
    *,
    parallel: int | None = None,
    runs_per_job: int = 1,
    device: str | None = None,
    compile: str | None = None,
    **parameters: Any,
) -> list[str]:
    """Submits one job array for those of `ids` not done, running or queued; gives these ids.

    At most `parallel` jobs at once, each of `runs_per_job` runs (the last of fewer), one after the
    other in a process that keeps what they share; `time` is the job's; `compile` as in
    `ict.running.local`. `parameters` are submitit's for Slurm (time in minutes,
    partition, cpus_per_task, gpus_per_node, mem_gb, …). The store must be on a disk that the nodes
    share. A job that Slurm pre-empts or whose time runs out is requeued and goes on from its
    checkpoint. Raises InputError where there is no Slurm, or for a parameter it does not know.
    """
    if runs_per_job < 1:
        raise InputError(f"runs_per_job={runs_per_job}: choose 1 or more runs a job")
    settings = checked(parameters, parallel)
    runs = [store.run(run_id) for run_id in dict.fromkeys(ids)]
    to_queue = [run for run in runs if run.status() not in ("done", "running", "queued")]
    if not to_queue:
        return []
    refuse_published()
    executor = _executor(store, settings)
    for run in to_queue:
        _mark(run)
    together = [to_queue[i : i + runs_per_job] for i in range(0, len(to_queue), runs_per_job)]
    names = [tuple(run.id for run in members) for members in together]
    try:
        root = queue.data_root()
        tasks = [SlurmRuns(str(store.root), run_ids, device, root, compile) for run_ids in names]
        jobs = executor.map_array(CALL, tasks)
        make_private(executor.folder)
    except Exception as error:
        for run in to_queue:
            transitions.withdraw(run)
        raise IctError(f"Slurm refused the jobs: {_last_line(error)}") from error
    for members, run_ids, job in zip(together, names, jobs, strict=True):
        document = {"job": job.job_id, "runs": run_ids, "folder": str(executor.folder)}
        for run in members:
            transitions.assign_job(run, {**document, "submitted_at": utc_now()})
    forget()
    return [run.id for run in to_queue]


def _executor(store: Store, settings: Mapping[str, Any]) -> Any:
    """submitit's Slurm executor on a folder of its own: a folder used before holds stale answers."""
    if shutil.which("sbatch") is None:
        raise InputError("there is no Slurm here: the command sbatch was not found")
    import submitit

    name = f"{utc_now()[:19].replace(':', '')}-{secrets.token_hex(3)}"
    above = make_private_folder(store.workers_dir) / "slurm"
    folder = make_private_folder(make_private_folder(above) / name)
    if odd := odd_word(str(folder)):
        raise InputError(f"{quoted(str(folder))} {odd}: Slurm's scripts name it; set ICT_STORE")
    executor = submitit.SlurmExecutor(folder=folder)
    try:
        executor.update_parameters(job_name="ict", **settings)
    except ValueError as error:
        raise InputError(str(error).splitlines()[0]) from error
    return executor


def make_private(folder: Path) -> None:
    """Every file in `folder` for its owner alone, whatever the umask was."""
    refuse_published()
    for path in folder.iterdir():
        path.chmod(0o700 if path.is_dir() else 0o600)


def _mark(run: Run) -> None:
    """Queued by this process; the job's id follows."""
    mark = {"launcher": "slurm", "host": socket.gethostname(), "pid": os.getpid()}
    mark |= {"start_ticks": start_ticks(os.getpid()), "at": utc_now()}
    transitions.queue(run, mark)


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def job_of(run: Run) -> str | None:
    """The Slurm job that the run waits in or runs as; None for a local one."""
    job = run.job()
    return job if job is not None and job_state(job) is not None else None


def cancel(store: Store, jobs: Mapping[str, str]) -> list[str]:
    """Cancels the jobs of the runs (run id → job id), pending or running; gives the run ids.

    A job that others wait for or run in goes on: it sees which of its runs are cancelled.
    """
    if not jobs:
        return []
    refuse_published()
    for run_id in jobs:
        transitions.mark_cancelled(store.run(run_id))
    unwanted = {
        job for run_id, job in jobs.items() if not _has_others(store, store.run(run_id), job)
    }
    if not unwanted:
        return list(jobs)
    done = subprocess.run(
        ["scancel", *unwanted], capture_output=True, text=True, check=False, timeout=60
    )
    forget()
    if done.returncode:
        raise IctError(f"scancel: {done.stderr.strip() or 'failed'}")
    return list(jobs)


def _has_others(store: Store, run: Run, job: str) -> bool:
    """Whether a run that is not cancelled waits for the job of `run`, or runs in it."""
    others = [Run(store.runs_dir / run_id) for run_id in run.job_runs() if is_id(run_id)]
    return any(
        other.job() == job and not other.is_cancelled and other.status() in ("queued", "running")
        for other in others
    )


def alive(store: Store, ids: Sequence[str]) -> set[str]:
    """Those of `ids` whose job waits or runs."""
    return {run_id for run_id in ids if job_of(store.run(run_id)) is not None}


def submissions(store: Store) -> list[Path]:
    """Folders of past submissions, with Slurm's own logs of each job."""
    folder = store.workers_dir / "slurm"
    return sorted(folder.iterdir()) if folder.is_dir() else []
