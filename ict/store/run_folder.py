"""One run folder: its files, and the status that follows from them and from one OS lock.

The status is never a stored word, which could lie. Readers tolerate files that are missing, empty
or half-written.
"""

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ict.files import open_regular, read_json, read_json_lines
from ict.store import names
from ict.store.locks import is_process, lock_holder, written_holder
from ict.store.names import RunPaths
from ict.store.slurm_jobs import job_state

if TYPE_CHECKING:  # the readers take longer to import than a worker to look round
    from ict.documents.records import Odd
    from ict.store.run_result import RunResult

STATUSES = ("done", "running", "queued", "failed", "killed", "cancelled", "created")
TERMINAL = ("done", "failed", "killed", "cancelled")


def utc_now() -> str:
    """Now in UTC to the millisecond, as every file of the store writes times."""
    now = datetime.datetime.now(datetime.UTC)
    return now.isoformat(timespec="milliseconds")


class Run(RunPaths):
    """One run folder. Reads the disk at each call and keeps nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    @property
    def record(self) -> dict[str, Any]:
        """config.json: run_id, config, recipe, recipe_fields, sources, created_at, command.

        Empty where `trouble` has a reason.
        """
        from ict.store.run_files import read_config

        config = read_config(self.path)
        return config if isinstance(config, dict) else {}

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.record.get("config", {})
        return config

    def trouble(self) -> "Odd | None":
        """Why this is no run that can be read: its folder, its configuration or its result."""
        from ict.store.run_files import run_trouble

        return run_trouble(self.path)

    @property
    def is_gone(self) -> bool:
        """Whether its folder is not there: the run, or the whole store, was removed or moved."""
        return not os.path.lexists(self.path)

    @property
    def has_config(self) -> bool:
        """Whether it was written: a folder without is no run."""
        return self.has(names.CONFIG)

    @property
    def is_done(self) -> bool:
        """Whether a result stands: a file that is there is whole."""
        return self.has(names.RESULT)

    @property
    def is_cancelled(self) -> bool:
        return self.marked(names.CANCELLED)

    @property
    def has_failed(self) -> bool:
        """Whether the last try left its error."""
        return self.has(names.ERROR)

    @property
    def has_adapter(self) -> bool:
        return self.has(names.ADAPTER)

    @property
    def has_selection(self) -> bool:
        return self.has(names.SELECTION)

    @property
    def is_queued(self) -> bool:
        """Whether it is marked as queued; `status` says whether it still waits."""
        return self.marked(names.QUEUED)

    @property
    def is_resumable(self) -> bool:
        """Whether it has saved a state that it goes on from."""
        return self.marked(names.CHECKPOINT)

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
        return lock_holder(self.lock_path)

    def status(self) -> str:
        """One of STATUSES; `created` was written but never asked to run."""
        if self.is_done:
            return "done"
        if self.holder() is not None:
            return "running"
        if self.is_done:  # it ended between the two looks
            return "done"
        return self._unlocked_status()

    def _unlocked_status(self) -> str:
        started = (names.EXECUTION, names.PROGRESS, names.CHECKPOINT)
        if self.is_cancelled:
            status = "cancelled"
        elif self.is_queued:
            status = self._queued_status()
        elif self.has_failed:
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
        return self.job() or written_holder(self.lock_path)["job"]

    def job(self) -> str | None:
        """The Slurm job that `job.json` names."""
        job: str | None = (self._read(names.JOB) or {}).get("job")
        return job

    def job_runs(self) -> tuple[str, ...]:
        """All runs of that job, this one among them."""
        named: list[str] = (self._read(names.JOB) or {}).get("runs") or [self.id]
        return tuple(named)

    def queued(self) -> dict[str, Any]:
        """The content of the `queued` marker: sequence, slots, devices, tries, launcher."""
        return self._read(names.QUEUED) or {}

    def result(self) -> "RunResult | None":
        """What came out; None while there is none, or where `result.json` is no result."""
        from ict.documents.records import Odd
        from ict.store.run_files import read_result

        result = read_result(self.path)
        return None if isinstance(result, Odd) else result

    def error(self) -> dict[str, Any] | None:
        """message, type and traceback of the last failed try."""
        return self._read(names.ERROR)

    def execution(self) -> dict[str, Any] | None:
        return self._read(names.EXECUTION)

    def live(self) -> dict[str, Any] | None:
        """Phase, done, total, eta_seconds, … of a running run; None before its first report."""
        return self._read(names.LIVE)

    def saved_epoch(self) -> int:
        """The epoch whose state a start goes on from; 0 where it begins anew."""
        document = read_json(self.state_epoch_path) if self.is_resumable else None
        epoch = document.get("epoch") if isinstance(document, dict) else None
        return epoch if isinstance(epoch, int) else 0

    def selection(self) -> dict[str, Any] | None:
        """selection.json as `Selection.from_dict` takes it; None while there is none, or if it is odd."""
        return self._read(names.SELECTION)

    def _read(self, name: str) -> dict[str, Any] | None:
        from ict.store.run_files import read_file

        document = read_file(self.path, name)
        return document if isinstance(document, dict) else None

    def troubles(self) -> "list[Odd]":
        """Every file of the run that cannot be read, its configuration and result first."""
        from ict.store.run_files import odd_files

        first = self.trouble()
        return [*([first] if first else []), *odd_files(self.path)]

    def progress(self) -> list[dict[str, Any]]:
        """One row an epoch, by epoch; of a repeated epoch the last. Torn and odd lines are left out."""
        rows = read_json_lines(self.progress_path)
        by_epoch = {row["epoch"]: row for row in rows if _is_epoch(row)}
        return [by_epoch[epoch] for epoch in sorted(by_epoch)]

    def log_tail(self, lines: int = 40) -> str:
        """The last `lines` lines of log.txt, at most 64 KiB."""
        try:
            with open(open_regular(self.log_path), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
                tail = file.read(65536).decode(errors="replace")
        except (OSError, ValueError):
            return ""
        return "\n".join(tail.splitlines()[-lines:])


def holder_process(run: Run) -> int | None:
    """The process id of the run if it lives on this machine."""
    holder = run.holder()
    return holder["pid"] if holder and is_process(holder) else None


def _is_epoch(row: dict[str, Any]) -> bool:
    """Whether a line of progress.jsonl is one: an epoch, and numbers (NaN where a loss was lost)."""
    numbers = (value for name, value in row.items() if name != "epoch")
    fine = all(
        v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in numbers
    )
    epoch = row.get("epoch")
    return fine and isinstance(epoch, int) and not isinstance(epoch, bool) and 0 <= epoch < 10**9
