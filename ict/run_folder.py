"""One run folder: its files, and the status that follows from them and from one OS lock.

The status is never a stored word, which could lie. Readers tolerate files that are missing, empty
or half-written.
"""

import contextlib
import datetime
import os
import re
import shutil
from pathlib import Path
from typing import Any

from ict.errors import InputError, quoted
from ict.files import StoreError, read_json, read_json_lines, remove_file, touch
from ict.jobs import job_state
from ict.locks import is_process, lock_holder, written_holder
from ict.result import RunResult

STATUSES = ("done", "running", "queued", "failed", "killed", "cancelled", "created")
CHECKPOINT = "checkpoint"  # folder of what a run resumes from
TERMINAL = ("done", "failed", "killed", "cancelled")
_ID = re.compile(r"\w[\w.+=@-]{0,200}")


def utc_now() -> str:
    """Now in UTC to the millisecond, as every file of the store writes times."""
    now = datetime.datetime.now(datetime.UTC)
    return now.isoformat(timespec="milliseconds")


def is_id(text: str) -> bool:
    """Whether `text` can be the name of a folder in the store; no path leaves it."""
    return _ID.fullmatch(text) is not None


def check_id(text: str, kind: str = "run") -> str:
    """`text` if it can be the name of a folder in the store; raises InputError otherwise."""
    if not is_id(text):
        raise InputError(f"{quoted(text)} is not a {kind} id: letters, digits and ._+=@- only")
    return text


class Run:
    """One run folder. Reads the disk at each call and keeps nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    @property
    def record(self) -> dict[str, Any]:
        """config.json: run_id, config, recipe, recipe_fields, sources, created_at, command."""
        return mapping(self.path / "config.json") or {}

    @property
    def config(self) -> dict[str, Any]:
        config = self.record.get("config")
        return config if isinstance(config, dict) else {}

    def has(self, name: str) -> bool:
        """Whether the file `name` is there and not empty (markers may be empty: use `marked`)."""
        try:
            return os.stat(self.path / name).st_size > 0
        except OSError:
            return False

    def marked(self, name: str) -> bool:
        return os.path.lexists(self.path / name)

    def holder(self) -> dict[str, Any] | None:
        """Host, pid and job of who holds the run's lock; None when it is free."""
        return lock_holder(self.path / "lock")

    def status(self) -> str:
        """One of STATUSES; `created` was written but never asked to run."""
        if self.has("result.json"):
            return "done"
        if self.holder() is not None:
            return "running"
        if self.has("result.json"):  # it ended between the two looks
            return "done"
        return self._unlocked_status()

    def _unlocked_status(self) -> str:
        started = ("execution.json", "progress.jsonl", CHECKPOINT)
        if self.marked("cancelled"):
            status = "cancelled"
        elif self.marked("queued"):
            status = self._queued_status()
        elif self.has("error.json"):
            status = "failed"
        elif any(self.marked(name) for name in started):
            status = self._job_status()
        else:
            status = "created"
        return status

    def _queued_status(self) -> str:
        """A run submitted to Slurm whose job is gone, unstarted, waits for nobody: killed."""
        marker = self.queued()
        if marker.get("launcher") != "slurm":
            return "queued"
        job = self._job()
        waits = is_process(marker) if job is None else job_state(job) is not None
        return "queued" if waits else "killed"

    def _job_status(self) -> str:
        """Of a started run without a lock: killed, unless its Slurm job lives.

        Slurm has then requeued it, or it runs on a host whose locks this file system does not show.
        """
        state = job_state(self._job())
        if state is None:
            return "killed"
        return "queued" if state.startswith(("PENDING", "REQUEUE")) else "running"

    def _job(self) -> str | None:
        """The id of the Slurm job that the run was submitted as, or runs in."""
        job = (mapping(self.path / "job.json") or {}).get("job")
        return job or written_holder(self.path / "lock")["job"]

    def queued(self) -> dict[str, Any]:
        """The content of the `queued` marker: sequence, slots, devices, tries, launcher."""
        return mapping(self.path / "queued") or {}

    def result(self) -> RunResult | None:
        """What came out; None while there is none, or where `result.json` is no result."""
        record = mapping(self.path / "result.json")
        try:
            return None if record is None else RunResult.from_dict(record)
        except InputError:
            return None

    def error(self) -> dict[str, Any] | None:
        """message, type and traceback of the last failed try."""
        return mapping(self.path / "error.json")

    def execution(self) -> dict[str, Any] | None:
        return mapping(self.path / "execution.json")

    def live(self) -> dict[str, Any] | None:
        """Phase, done, total, eta_seconds, … of a running run; None before its first report."""
        return mapping(self.path / "live.json")

    def progress(self) -> list[dict[str, Any]]:
        """One row an epoch, by epoch; of a repeated epoch the last."""
        rows = read_json_lines(self.path / "progress.jsonl")
        by_epoch = {row["epoch"]: row for row in rows if isinstance(row.get("epoch"), int)}
        return [by_epoch[epoch] for epoch in sorted(by_epoch)]

    def log_tail(self, lines: int = 40) -> str:
        """The last `lines` lines of log.txt, at most 64 KiB."""
        try:
            with open(self.path / "log.txt", "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def mark_cancelled(run: Run) -> None:
    """Notes that nobody wants the run any more; a worker passes it over."""
    try:
        touch(run.path / "cancelled", {"at": utc_now()})
    finally:
        remove_file(run.path / "queued")


def tidy(run: Run) -> None:
    """Removes what only an unfinished run needs; called when its result is on disk.

    Never fails: the result stands, whatever is left behind.
    """
    shutil.rmtree(run.path / CHECKPOINT, ignore_errors=True)
    with contextlib.suppress(StoreError):
        remove_file(run.path / "live.json")


def holder_process(run: Run) -> int | None:
    """The process id of the run if it lives on this machine."""
    holder = run.holder()
    return holder["pid"] if holder and is_process(holder) else None


def mapping(path: Path) -> dict[str, Any] | None:
    document = read_json(path)
    return document if isinstance(document, dict) else None
