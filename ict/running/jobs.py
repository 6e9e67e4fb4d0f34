"""Jobs: `ict` commands that run detached from whoever asked for them; start, cancel, tidy up.

A job is a command line out of COMMANDS, which the app's buttons start and `ict jobs start` too. It runs
as `python -m ict.cli.job_process` in a session of its own: it survives Ctrl-C, the terminal and the app.
The same words are the same job (`ict.store.job_folder`), and a job that runs is not started twice.
Jobs that compute take turns on a machine, as two that share the cores are slower than one after the
other; they do not wait for runs. Nothing here imports torch.
"""

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ict.documents.bounded import odd_word
from ict.errors import InputError, did_you_mean, quoted
from ict.files import (
    StoreError,
    atomic_write_json,
    make_folder,
    open_log,
    refuse_published,
    remove_file,
    remove_folder,
    rename,
    touch,
)
from ict.running.slots import machine_dir
from ict.store import names
from ict.store.job_folder import Job, job_folder, read_job, read_jobs
from ict.store.locks import LOCK_FD, RunLock, is_process, lock_holder
from ict.store.run_folder import utc_now
from ict.store.store import Store

COMPUTING = ("score", "overlap", "stability", "energy", "causal", "inspect", "criteria report")
"""Commands that take turns."""
COMMANDS = (
    *COMPUTING, "study run", "data check", "data link", "data download", "data cache", "import",
    "report", "figure", "fold",
)  # fmt: skip
PROCESS = "ict.cli.job_process"  # above this floor: named, not imported
KEPT = 50
"""Ended jobs that a store keeps, each for DAYS."""
DAYS = 30
GRACE_SECONDS = 1.0  # from SIGTERM to SIGKILL; cancel is over within two seconds
_CLEARED = (names.ENDED, names.CANCELLED, names.RESULT, names.LIVE, names.EXECUTION, names.LOG)


def check_words(words: Sequence[str]) -> None:
    """Raises InputError for what is no command of COMMANDS, or has a word that no command line needs."""
    for word in words:
        if odd := odd_word(word):
            raise InputError(f"word {quoted(word)} of the command {odd}")
    if command_of(words) is None:
        said = " ".join(words[:2])
        raise InputError(
            f"{quoted(said)} is no command of a job; choose one of {', '.join(COMMANDS)}"
            f"{did_you_mean(said, COMMANDS)}"
        )


def command_of(words: Sequence[str]) -> str | None:
    """The one of COMMANDS that the words begin with."""
    beginnings = (" ".join(words[:count]) for count in (2, 1))
    return next((one for one in beginnings if one in COMMANDS), None)


def start(store: Store, words: Sequence[str]) -> Job:
    """Starts the job and returns at once; one that is running already is only given.

    Raises InputError for what is no job, StoreError where the store cannot be written to.
    """
    check_words(words)
    folder = job_folder(store, words)
    lock = _locked(folder)
    if lock is not None:
        with lock:
            for name in _CLEARED:
                remove_file(folder / name)
            atomic_write_json(folder / names.JOB, {"words": list(words), "asked_at": utc_now()})
            _spawn(store, folder, lock)
        tidy(store)
    job = read_job(folder)
    if not isinstance(job, Job):
        raise InputError(str(job or f"{folder}: the job was removed meanwhile; start it again"))
    return job


def _locked(folder: Path) -> RunLock | None:
    """The lock of a job's folder; None while it runs."""
    lock = RunLock(folder / names.LOCK)
    while True:
        make_folder(folder)
        if lock.acquire():
            return lock
        if lock_holder(lock.path) is not None:
            return None  # otherwise the folder was tidied away while the lock was opened


def _spawn(store: Store, folder: Path, lock: RunLock) -> None:
    """Starts the process, which inherits the lock: it is held until the process ends."""
    if lock.fd is None:
        raise ValueError(f"{folder}: take the lock of a job before it is started")
    refuse_published()
    with open_log(folder / names.LOG) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", PROCESS, str(store.root), folder.name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock.fd,),
            env={
                **os.environ,
                "ICT_STORE": str(store.root),
                LOCK_FD: str(lock.fd),
                "PYTHONUNBUFFERED": "1",
            },
        )
    lock.describe(process.pid)
    # A served app lives long: wait for the process, so that no zombie stays behind.
    threading.Thread(target=process.wait, daemon=True).start()


def turn(store: Store) -> RunLock:
    """Held by the job of this machine that computes now."""
    return RunLock(make_folder(machine_dir(store)) / "jobs.turn")


def cancel(store: Store, ids: Iterable[str]) -> list[str]:
    """Ends jobs with their process groups, within two seconds; gives the ids of those that had not ended.

    Of a study its runs are cancelled too. Raises InputError for an id that is none, and for a job that
    runs on another machine.
    """
    jobs = [find(store, one) for one in dict.fromkeys(ids)]
    busy = [job for job in jobs if job.alive]
    for job in busy:
        _refuse_elsewhere(job)
    for job in busy:
        touch(job.path / names.CANCELLED, {"at": utc_now()})
        _stop(job)
    for job in busy:
        _cancel_runs(store, job)
    return [job.id for job in busy]


def find(store: Store, name: str) -> Job:
    """The job of that id, or of that unique beginning; raises InputError with the nearest."""
    jobs = {job.id: job for job in read_jobs(store)[0]}
    matches = [one for one in jobs if one.startswith(name)]
    if name in jobs or len(matches) == 1:
        return jobs[name if name in jobs else matches[0]]
    if matches:
        raise InputError(f"job {quoted(name)} is not unique: it begins {len(matches)} ids")
    raise InputError(f"no job {quoted(name)} in {store.root}{did_you_mean(name, jobs)}")


def _refuse_elsewhere(job: Job) -> None:
    holder = lock_holder(job.path / names.LOCK)
    if holder and holder.get("pid") and not is_process(holder):
        raise InputError(f"job {job.id} runs on {quoted(holder.get('host'))}; cancel it there")


def _stop(job: Job) -> None:
    """SIGTERM to the group, SIGKILL where it is still there after GRACE_SECONDS."""
    refuse_published()
    lock = job.path / names.LOCK
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 0.9)):
        holder = lock_holder(lock)
        if holder is None:
            return
        if is_process(holder):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(holder["pid"], number)
        deadline = time.monotonic() + seconds
        while lock_holder(lock) is not None and time.monotonic() < deadline:
            time.sleep(0.02)


def _cancel_runs(store: Store, job: Job) -> None:
    """The runs of a study go with the job that waits for them."""
    if command_of(job.words) != "study run":
        return
    from ict.running.cancel import cancel as cancel_runs
    from ict.store.studies import load_study, read_toml

    source = job.words[2]
    with contextlib.suppress(InputError):  # cancelled before there was a study
        name = read_toml(source)["name"] if source.endswith(".toml") else source
        there = set(store.run_ids())
        cancel_runs(store, [one for one in load_study(store, name).run_ids if one in there])


def tidy(store: Store) -> None:
    """Removes ended jobs beyond the last KEPT, and those of more than DAYS ago."""
    since = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=DAYS)).isoformat()
    ended = [job for job in read_jobs(store)[0] if not job.alive]
    for place, job in enumerate(ended):
        if place >= KEPT or job.asked_at < since:
            remove(job)


def remove(job: Job) -> bool:
    """Deletes an ended job's folder; False for one that runs. Nothing that it made goes with it."""
    lock = RunLock(job.path / names.LOCK)
    if not lock.acquire():
        return False
    with lock, contextlib.suppress(StoreError):
        gone = job.path.with_name(f".removed-{job.id}-{os.getpid()}")
        rename(job.path, gone)
        remove_folder(gone)
    return True
