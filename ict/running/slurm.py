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
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.bounded import LONGEST, odd_word
from ict.errors import IctError, InputError, lacking, quoted
from ict.files import make_private_folder
from ict.machine import choose_devices, cores
from ict.running import queue
from ict.running import run_process as child
from ict.running.compile_mode import at_start
from ict.store import transitions
from ict.store.locks import RunLock, start_ticks, written_holder
from ict.store.run_folder import Run, utc_now
from ict.store.slurm_jobs import forget, job_state
from ict.store.store import Store

_SCRIPTED = (
    "setup",
    "teardown",
    "srun_args",
    "additional_parameters",
    "stderr_to_stdout",
    "use_srun",
)
_DEFAULTS: dict[str, Any] = {"time": 240, "cpus_per_task": 1, "array_parallelism": 256}


def submit(
    store: Store,
    ids: Iterable[str],
    *,
    parallel: int | None = None,
    device: str | None = None,
    compile: str | None = None,
    **parameters: Any,
) -> list[str]:
    """Submits one job array for those of `ids` not done, running or queued; gives these ids.

    At most `parallel` jobs at once; `compile` as in `ict.running.local`. `parameters` are submitit's for Slurm (time in minutes,
    partition, cpus_per_task, gpus_per_node, mem_gb, …). The store must be on a disk that the nodes
    share. A job that Slurm pre-empts or whose time runs out is requeued and goes on from its
    checkpoint. Raises InputError where there is no Slurm, or for a parameter it does not know.
    """
    runs = [store.run(run_id) for run_id in dict.fromkeys(ids)]
    to_queue = [run for run in runs if run.status() not in ("done", "running", "queued")]
    if not to_queue:
        return []
    settings = {**_DEFAULTS, **parameters}
    for name, value in settings.items():
        check_parameter(name, value)
    if parallel is not None:
        settings["array_parallelism"] = parallel
    executor = _executor(store, settings)
    for run in to_queue:
        _mark(run)
    try:
        root = queue.data_root()
        tasks = [SlurmRun(str(store.root), run.id, device, root, compile) for run in to_queue]
        jobs = executor.map_array(_call, tasks)
        make_private(executor.folder)
    except Exception as error:
        for run in to_queue:
            transitions.withdraw(run)
        raise IctError(f"Slurm refused the jobs: {_last_line(error)}") from error
    for run, job in zip(to_queue, jobs, strict=True):
        document = {"job": job.job_id, "folder": str(executor.folder), "submitted_at": utc_now()}
        transitions.assign_job(run, document)
    forget()
    return [run.id for run in to_queue]


def _executor(store: Store, settings: Mapping[str, Any]) -> Any:
    """submitit's Slurm executor on a folder of its own: a folder used before holds stale answers."""
    if shutil.which("sbatch") is None:
        raise InputError("there is no Slurm here: the command sbatch was not found")
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise InputError(lacking(error)) from error
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


def check_parameter(name: str, value: Any) -> None:
    """Raises InputError for what cannot stand in one line of a job's script."""
    if name in _SCRIPTED:
        raise InputError(f"--slurm {name} is not to be set: it is text of the job's script")
    if not isinstance(value, (str, int, float)):
        raise InputError(f"--slurm {quoted(name)}={quoted(value)}: give a text or a number")
    if isinstance(value, str) and not (
        value.isascii() and value.isprintable() and len(value) <= LONGEST
    ):
        raise InputError(
            f"--slurm {quoted(name)}={quoted(value)}: give one line of at most {LONGEST} characters, "
            "letters, digits and signs of ASCII"
        )


def make_private(folder: Path) -> None:
    """Every file in `folder` for its owner alone, whatever the umask was."""
    for path in folder.iterdir():
        path.chmod(0o700 if path.is_dir() else 0o600)


def _mark(run: Run) -> None:
    """Queued by this process; the job's id follows."""
    mark = {"launcher": "slurm", "host": socket.gethostname(), "pid": os.getpid()}
    mark |= {"start_ticks": start_ticks(os.getpid()), "at": utc_now()}
    transitions.queue(run, mark)


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


@dataclass
class SlurmRun:
    """What one task of the array does on its node: runs `ict.running.execute` as a child and passes signals on."""

    root: str
    run_id: str
    device: str | None
    data_root: str | None
    compile: str | None = None

    def __call__(self) -> int:
        store = Store(self.root)
        run = store.run(self.run_id)
        lock = RunLock(run.lock_path)
        if self._runs_as_another_job(run) or not lock.acquire():
            return 0
        try:
            if transitions.dropped(run):
                return 0
            return self._run(store, run, lock)
        finally:
            lock.release()

    def _run(self, store: Store, run: Run, lock: RunLock) -> int:
        share = int(os.environ.get("SLURM_CPUS_PER_TASK") or cores())
        job = os.environ.get("SLURM_JOB_ID")
        device = choose_devices(self.device)[0]
        execution = {
            "threads": child.threads_of(run, device, None, slots=1, here=share),
            "device": device,
            "slots": 1,
            "launcher": "slurm",
            "job": job,
            **at_start(run, self.compile),
        }
        transitions.begin(run, execution)
        self._child = child.start(
            store, run, lock=lock, new_session=False, data_root=self.data_root
        )
        os.umask(0o077)  # the run has its own by now; submitit writes its answer as a pickle
        signal.signal(signal.SIGTERM, self._stop)
        lock.describe(self._child.pid, job=job)
        while self._child.poll() is None:  # not wait(): a signal handler waits for it as well
            time.sleep(0.1)
        return int(self._child.returncode)

    def _runs_as_another_job(self, run: Run) -> bool:
        """Where nodes do not see each other's locks, squeue knows of the other job."""
        job = written_holder(run.lock_path).get("job")
        return job != os.environ.get("SLURM_JOB_ID") and job_state(job) is not None

    def _stop(self, _number: int = 0, _frame: object = None) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def checkpoint(self) -> Any:
        """Called by submitit on its pre-emption signal: the run stops, the job is requeued."""
        import submitit

        self._stop()
        deadline = time.monotonic() + 60  # longer than an epoch of a large run is not waited for
        while self._child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        fresh = SlurmRun(self.root, self.run_id, self.device, self.data_root, self.compile)
        return submitit.helpers.DelayedSubmission(_call, fresh)


class _Call:
    """Calls a SlurmRun; submitit looks for `checkpoint` on the function it was given."""

    def __call__(self, run: SlurmRun) -> int:
        return run()

    def checkpoint(self, run: SlurmRun) -> Any:
        return run.checkpoint()


_call = _Call()


def job_of(run: Run) -> str | None:
    """The Slurm job that the run waits in or runs as; None for a local one."""
    job = run.job()
    return job if job is not None and job_state(job) is not None else None


def cancel(store: Store, jobs: Mapping[str, str]) -> list[str]:
    """Cancels the jobs of the runs (run id → job id), pending or running; gives the run ids."""
    if not jobs:
        return []
    for run_id in jobs:
        transitions.mark_cancelled(store.run(run_id))
    done = subprocess.run(
        ["scancel", *jobs.values()], capture_output=True, text=True, check=False, timeout=60
    )
    forget()
    if done.returncode:
        raise IctError(f"scancel: {done.stderr.strip() or 'failed'}")
    return list(jobs)


def alive(store: Store, ids: Sequence[str]) -> set[str]:
    """Those of `ids` whose job waits or runs."""
    return {run_id for run_id in ids if job_of(store.run(run_id)) is not None}


def submissions(store: Store) -> list[Path]:
    """Folders of past submissions, with Slurm's own logs of each job."""
    folder = store.workers_dir / "slurm"
    return sorted(folder.iterdir()) if folder.is_dir() else []
