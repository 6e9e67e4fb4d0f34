"""One job: an `ict` command that runs in a process of its own, with its folder `jobs/<id>/` in the store.

    job.json         written first: the words behind `ict`, and when they were asked for
    execution.json   written when it begins; until then it waits for its turn
    live.json        what it does now, as that of a run
    log.txt          what it said on stderr
    result.json      the JSON document that it printed
    ended.json       written last: exit code, error, when
    cancelled        a marker: nobody wants it any more

The id follows from the words, so that one command has one folder. As with runs, the status is no
stored word: it follows from these files and from the lock that the job's process holds.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.identity import digest, is_id, name_of
from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.shapes import fields, list_of, maybe, number, reader, text, whole
from ict.files import read_json
from ict.store import names
from ict.store.base import BaseStore
from ict.store.locks import lock_holder
from ict.store.run_folder import Run

STATUSES = ("queued", "running", "done", "failed", "cancelled", "killed")
ALIVE = ("queued", "running")
_MOST_BYTES = 1 << 20

_ASKED = reader(fields({"words": list_of(text), "asked_at": text}))
_ENDED = reader(
    fields({"exit_code": whole(0, 255), "ended_at": text}, {"error": maybe(text)}),
)
_LIVE = reader(
    fields(
        {"phase": text, "done": whole(), "total": whole()},
        {"unit": text, "eta_seconds": number},
    )
)


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """What a job said last: `done` of `total` in units such as images, and the time left."""

    phase: str
    done: int
    total: int
    unit: str
    eta_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as its folder told when it was looked at."""

    path: Path
    words: tuple[str, ...]
    """Behind `ict`."""
    status: str
    """One of STATUSES; killed is whose process is gone and left no word."""
    asked_at: str
    ended_at: str | None = None
    error: str | None = None
    """One sentence, of one that failed."""
    progress: JobProgress | None = None

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def alive(self) -> bool:
        return self.status in ALIVE

    @property
    def command(self) -> str:
        """As a shell takes it."""
        return shlex.join(["ict", *self.words])

    def result(self) -> dict[str, Any]:
        """The JSON document that it printed; of a list its rows under `rows`; empty without any."""
        document = read_json(self.path / names.RESULT, {})
        return document if isinstance(document, dict) else {"rows": document}

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of what it said on stderr."""
        return Run(self.path).log_tail(lines)


def job_id(words: Sequence[str]) -> str:
    """The id of the job of these words: the same words, the same job."""
    options = [i for i, word in enumerate(words) if word.startswith("-")]
    readable = [_last_name(word) for word in words[: options[0] if options else 3][:3]]
    return name_of("-".join(readable)[:60], digest({"words": list(words)}))


def _last_name(word: str) -> str:
    """What tells a path from others: its last name, of a study's file that of its folder."""
    *above, last = ["", *word.rstrip("/").split("/")]
    return above[-1] if last == names.STUDY_FILE and above[-1] else last


def job_folder(store: BaseStore, words: Sequence[str]) -> Path:
    return store.jobs_dir / job_id(words)


def read_job(path: Path) -> Job | Odd | None:
    """The job in a folder; None where there is none."""
    if not is_id(path.name):
        return Odd(path, "its name is not that of a job; take it out of the store")
    asked = read_record(path / names.JOB, _ASKED, advice=_advice(path), most=_MOST_BYTES)
    if asked is None or isinstance(asked, Odd):
        return asked
    status, ended = _status(path)
    live = _read(path, names.LIVE, _LIVE) if status in ALIVE else None
    return Job(
        path=path,
        words=tuple(asked["words"]),
        status=status,
        asked_at=asked["asked_at"],
        ended_at=ended.get("ended_at"),
        error=ended.get("error"),
        progress=_progress(live) if live else None,
    )


def find_job(store: BaseStore, words: Sequence[str]) -> Job | None:
    """The job of these words; None where they were not asked for, or their folder cannot be read."""
    job = read_job(job_folder(store, words))
    return job if isinstance(job, Job) else None


def read_jobs(store: BaseStore) -> tuple[list[Job], list[Odd]]:
    """The jobs of the store, the last asked for first, and what cannot be read among them."""
    there, troubles = names_in(store.jobs_dir)
    jobs, odd = split(read_job(store.jobs_dir / name) for name in there)
    jobs.sort(key=lambda job: (job.asked_at, job.id), reverse=True)
    return jobs, troubles + odd


def _status(path: Path) -> tuple[str, dict[str, Any]]:
    """The status, and what ended.json says of a job that has ended.

    The lock is asked for again at the end: it may have been started anew between the two looks.
    """
    if lock_holder(path / names.LOCK) is None:
        if ended := _read(path, names.ENDED, _ENDED):
            return ("done" if ended["exit_code"] == 0 else "failed"), ended
        if (path / names.CANCELLED).exists():
            return "cancelled", {}
        if lock_holder(path / names.LOCK) is None:
            return "killed", {}
    return ("running" if (path / names.EXECUTION).exists() else "queued"), {}


def _progress(live: dict[str, Any]) -> JobProgress:
    return JobProgress(
        phase=live["phase"],
        done=live["done"],
        total=live["total"],
        unit=live.get("unit") or "",
        eta_seconds=live.get("eta_seconds"),
    )


def _read(path: Path, name: str, check: Any) -> dict[str, Any]:
    found = read_record(path / name, check, advice=_advice(path), most=_MOST_BYTES)
    return found if isinstance(found, dict) else {}


def _advice(path: Path) -> str:
    return f"delete the folder {path.name}: it only says what was asked for in the app"
