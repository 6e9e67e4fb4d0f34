"""Which Slurm jobs live, asked of `squeue`: without accounting nothing else knows of a dead job."""

import shutil
import subprocess
import time
from collections.abc import Mapping

_SECONDS = 3.0  # how long an answer holds; a page that polls must not flood the controller
_ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}
_answer: tuple[float, dict[str, str]] | None = None


def job_states() -> Mapping[str, str]:
    """State (PENDING, RUNNING, …) of every Slurm job that waits or runs, by its id.

    An array's jobs are there under both ids, `123_4` and their own number. Empty without Slurm. If
    the controller does not answer, the last answer holds. COMPLETING counts as living: a requeued
    job passes through it on its way back to PENDING.
    """
    return _answer_not_older_than(_SECONDS)


def job_state(job: str | None) -> str | None:
    """State of one job; None when it is gone. An unknown one, maybe just submitted, is asked for."""
    if job is None:
        return None
    return job_states().get(job) or _answer_not_older_than(_SECONDS / 6).get(job)


def _answer_not_older_than(seconds: float) -> Mapping[str, str]:
    global _answer  # noqa: PLW0603 -- one answer for the whole process
    if _answer is None or time.monotonic() - _answer[0] > seconds:
        jobs = _squeue()
        previous = _answer[1] if _answer else {}
        _answer = (time.monotonic(), previous if jobs is None else jobs)
    return _answer[1]


def forget() -> None:
    """Makes the next `job_states` ask anew, after a submission or a cancel."""
    global _answer  # noqa: PLW0603
    _answer = None


def _squeue() -> dict[str, str] | None:
    if shutil.which("squeue") is None:
        return {}
    command = ["squeue", "--noheader", "--array", "--format=%i %A %T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    lines = [line.split() for line in done.stdout.splitlines()]
    living = [line for line in lines if len(line) == 3 and line[2] not in _ENDED]
    return {job: state for *jobs, state in living for job in jobs}
