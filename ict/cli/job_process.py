"""The process of a job: runs its command as the command line does, and writes down how it ended.

Started by `ict.running.jobs` as `python -m ict.cli.job_process STORE JOB`, with the job's lock, which it
holds until it ends, however it ends.
"""

import contextlib
import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from ict.cli.progress_file import PROGRESS
from ict.errors import one_sentence
from ict.files import LostError, atomic_write_json
from ict.running import jobs
from ict.store import names
from ict.store.job_folder import Job, read_job
from ict.store.locks import RunLock
from ict.store.run_folder import utc_now
from ict.store.store import Store

_MOST_RESULT = 1 << 20  # characters of a printed document that are kept


def main(arguments: list[str]) -> None:
    root, name = arguments
    store = Store(Path(root))
    folder = store.jobs_dir / name
    lock = RunLock.inherited(folder / names.LOCK)
    job = read_job(folder)
    if lock is None or not isinstance(job, Job):
        raise SystemExit(f"{folder}: no job that was started here; use `ict jobs start`")
    lock.describe(os.getpid())
    try:
        with lock.guard():
            _run(store, folder, job)
    except LostError as error:
        raise SystemExit(str(error)) from None


def _run(store: Store, folder: Path, job: Job) -> None:
    os.environ[PROGRESS] = str(folder / names.LIVE)
    if jobs.command_of(job.words) in jobs.COMPUTING:
        jobs.turn(store).acquire(blocking=True)  # until this process ends
    atomic_write_json(folder / names.EXECUTION, {"started_at": utc_now(), "pid": os.getpid()})
    code, said = _executed(job.words)
    _end(folder, code, said)


def _executed(words: tuple[str, ...]) -> tuple[int, str]:
    """The exit code of `ict WORDS --json`, and what it printed."""
    from ict.cli import main as ict

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            ict([*words, "--json"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return code, printed.getvalue()
    except Exception as error:
        traceback.print_exc()  # into the log
        return 1, json.dumps({"error": f"{type(error).__name__}: {error}; the log has more"})
    return 0, printed.getvalue()


def _end(folder: Path, code: int, said: str) -> None:
    document = _document(said)
    if document is not None:
        atomic_write_json(folder / names.RESULT, document)
    error = document.get("error") if isinstance(document, dict) else None
    sentence = one_sentence(str(error)) if code and error else None
    ended = {"exit_code": code & 255, "error": sentence, "ended_at": utc_now()}
    atomic_write_json(folder / names.ENDED, ended)


def _document(said: str) -> Any:
    """The JSON document that was printed; None for none, and for one that is too long to keep."""
    try:
        return json.loads(said) if len(said) <= _MOST_RESULT else None
    except ValueError:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
