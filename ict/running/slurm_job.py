"""What a Slurm job does on its node: its runs, one after the other, in a process that keeps what they share.

submitit pickles it; whoever can write such a file runs code as the user (`ict.running.slurm`).
"""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

from ict.machine import choose_devices, cores
from ict.running import run_process
from ict.running.compile_mode import at_start
from ict.running.local import GRACE_SECONDS
from ict.running.run_process import RunProcess
from ict.store import transitions
from ict.store.locks import RunLock, written_holder
from ict.store.run_folder import Run
from ict.store.slurm_jobs import job_state
from ict.store.store import Store

_LOOK_SECONDS = 0.1
_PRIVATE = 0o077
_LAST_CHECKPOINT_SECONDS = 60  # longer than an epoch of a large run is not waited for


@dataclass
class SlurmRuns:
    """The runs of one job; those that are done, failed or cancelled by then are passed over.

    A signal to the job stops the run that it is at and leaves out the rest: their job is gone, so they
    count as killed. A run that is cancelled is stopped alone.
    """

    root: str
    run_ids: tuple[str, ...]
    device: str | None
    data_root: str | None
    compile: str | None = None

    def __call__(self) -> int:
        """The exit code of the last run that did not end well; 0 if all did."""
        self._stopping = False
        store = Store(self.root)
        self._process = RunProcess(store, new_session=False)
        signal.signal(signal.SIGTERM, self._stop)
        code = 0
        try:
            for run_id in self.run_ids:
                if not self._stopping:
                    code = self._locked(Run(store.runs_dir / run_id)) or code
        finally:
            self._process.end()
            os.umask(_PRIVATE)  # the runs had their own; submitit writes its answer as a pickle
        return code

    def _locked(self, run: Run) -> int:
        lock = RunLock(run.lock_path)
        if self._runs_as_another_job(run) or not lock.acquire():
            return 0
        try:
            # one that failed was asked for in this job, which Slurm began anew: else its error is gone
            if transitions.dropped(run) or run.has_failed:
                return 0
            return self._run(run, lock)
        finally:
            lock.release()

    def _run(self, run: Run, lock: RunLock) -> int:
        share = int(os.environ.get("SLURM_CPUS_PER_TASK") or cores())
        job = os.environ.get("SLURM_JOB_ID")
        device = choose_devices(self.device)[0]
        execution = {
            "threads": run_process.threads_of(run, device, None, slots=1, here=share),
            "device": device,
            "slots": 1,
            "launcher": "slurm",
            "job": job,
            **at_start(run, self.compile),
        }
        transitions.begin(run, execution)
        more = run.id != self.run_ids[-1]
        self._process.begin(run, lock=lock, data_root=self.data_root, job=job, more=more)
        code = self._ended(run)
        lock.describe(None)  # whom to signal for this run; see `ict.running.worker`
        if run.is_cancelled:
            self._process.end()
        if not (self._stopping or run.is_done or run.has_failed):
            transitions.leave_job(
                run
            )  # it died, and this job, which lives on, does not try it again
        return code

    def _ended(self, run: Run) -> int:
        """Waits for the run's end; one that is cancelled is told to stop, and then made to."""
        told: float | None = None
        while (code := self._process.wait(_LOOK_SECONDS)) is None:
            if told is None and run.is_cancelled:
                told = time.monotonic()
                self._process.signal(signal.SIGTERM)
            elif told is not None and time.monotonic() - told > GRACE_SECONDS:
                self._process.signal(signal.SIGKILL)
        return code

    def _runs_as_another_job(self, run: Run) -> bool:
        """Where nodes do not see each other's locks, squeue knows of the other job."""
        job = written_holder(run.lock_path).get("job")
        return job != os.environ.get("SLURM_JOB_ID") and job_state(job) is not None

    def _stop(self, _number: int = 0, _frame: object = None) -> None:
        self._stopping = True
        self._process.signal(signal.SIGTERM)

    def checkpoint(self) -> Any:
        """Called by submitit on its pre-emption signal: the run stops, the job is requeued."""
        import submitit

        os.umask(_PRIVATE)
        self._stop()
        self._process.wait_for_end(_LAST_CHECKPOINT_SECONDS)
        fresh = SlurmRuns(self.root, self.run_ids, self.device, self.data_root, self.compile)
        return submitit.helpers.DelayedSubmission(CALL, fresh)


class _Call:
    """Calls SlurmRuns; submitit looks for `checkpoint` on the function it was given."""

    def __call__(self, runs: SlurmRuns) -> int:
        return runs()

    def checkpoint(self, runs: SlurmRuns) -> Any:
        return runs.checkpoint()


CALL = _Call()
