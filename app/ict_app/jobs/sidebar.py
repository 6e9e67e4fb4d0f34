"""The sidebar's line on jobs, behind which all of them are: state, command, cancel, log."""

import streamlit as st

from ict.store.job_folder import Job, read_jobs
from ict_app.common import readers, words
from ict_app.jobs import view

SHOWN = 8
_MARKS = {"done": "check", "failed": "error", "cancelled": "do_not_disturb_on", "killed": "cancel"}


def draw() -> None:
    """Nothing without jobs; looks again while one is on its way."""
    jobs = read_jobs(readers.own_store())[0]
    if jobs:
        alive = any(job.alive for job in jobs)
        st.fragment(_line, run_every=2 if alive else 10)()


def _line() -> None:
    jobs = read_jobs(readers.own_store())[0]
    with st.popover(line_words(jobs), icon=":material/terminal:", type="tertiary", key="jobs"):
        for job in jobs[:SHOWN]:
            with st.container(border=True):
                _one(job)
        if len(jobs) > SHOWN:
            st.caption(f"{len(jobs) - SHOWN} earlier ones: `ict jobs`.")


def line_words(jobs: list[Job]) -> str:
    """`1 job running, 2 waiting`; how many there were where none is on its way."""
    running = sum(job.status == "running" for job in jobs)
    waiting = sum(job.status == "queued" for job in jobs)
    if not running + waiting:
        return "1 job ended" if len(jobs) == 1 else f"{len(jobs)} jobs ended"
    parts = [f"{running} job{'' if running == 1 else 's'} running"] if running else []
    return ", ".join([*parts, *([f"{waiting} waiting"] if waiting else [])])


def _one(job: Job) -> None:
    st.code(job.command, language="bash", wrap_lines=True)
    if job.alive:
        view.running(job, key=f"side_{job.id}")
        return
    st.caption(f":material/{_MARKS[job.status]}: {job.status}, {_when(job)}")
    if job.error:
        st.caption(words.plain(job.error))


def _when(job: Job) -> str:
    return f"{(job.ended_at or job.asked_at)[:16].replace('T', ' ')} UTC"
