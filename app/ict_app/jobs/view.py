"""A command on a page: the button that starts it as a job, the command to copy, and how it goes.

Everything here follows a click; no link starts anything. What a form holds is no state of the page: its
keys begin with `job_`.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from ict.errors import IctError
from ict.store import Store
from ict.store.job_folder import Job, find_job
from ict_app.common import published, readers, words
from ict_app.jobs import lines, outcomes

LOOK_SECONDS = 1.0
LOG_LINES = 12
IN_EXAMPLE = (
    "The example can be looked at, not changed: switch to *My store* in the sidebar to start this."
)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a button offers: its label, the words behind `ict`, and what has to be done first."""

    label: str
    words: lines.Words
    key: str
    icon: str = "play_arrow"
    hindrance: str | None = None
    """Why it cannot be started as it is."""
    before: Callable[[], None] | None = None
    """What is written before it starts; raises IctError."""
    here: bool = True
    """Whether it changes the store that is shown: not offered in the example."""


def folded(label: str, form: Callable[[], None], *, key: str, icon: str = "add") -> None:
    """A form behind its title; drawn, and paid for, once it is opened."""
    st.fragment(_folded)(label, form, key, icon)


def _folded(label: str, form: Callable[[], None], key: str, icon: str) -> None:
    place = st.expander(label, icon=f":material/{icon}:", key=f"job_open_{key}", on_change="rerun")
    if place.open:
        with place:
            form()


def offer(label: str, line: Sequence[str], *, key: str, icon: str = "play_arrow") -> None:
    """`draw` of a plain offer."""
    draw(Offer(label=label, words=tuple(line), key=key, icon=icon))


def draw(one: Offer) -> None:
    """The button with its command, and the job's state, looked at each second while it runs."""
    store = readers.own_store()
    job = find_job(store, one.words)
    _button(store, one, job)
    if job is not None and not (one.here and readers.is_example(readers.store())):
        st.fragment(_state, run_every=LOOK_SECONDS if job.alive else None)(one, job.alive)


def _button(store: Store, one: Offer, job: Job | None) -> None:
    example = one.here and readers.is_example(readers.store())
    hindrance = published.refusal() or (
        IN_EXAMPLE if example else one.hindrance or _open(one.words)
    )
    running = job is not None and job.alive
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(
            one.label, icon=f":material/{one.icon}:", key=f"job_{one.key}", type="primary",
            disabled=running or hindrance is not None, help=hindrance,
        )  # fmt: skip
        st.code(shlex.join(["ict", *one.words]), language="bash", wrap_lines=True)
    if hindrance:
        st.caption(hindrance)
    if asked and _start(store, one):
        st.rerun()


def _open(line: Sequence[str]) -> str | None:
    said = lines.open_places(line)
    return None if said is None else f"Copy the command, and {said}."


def _start(store: Store, one: Offer) -> bool:
    """Starts the job; False, after a sentence on the page, where that cannot be."""
    from ict.cli.jobs import start

    try:
        if one.before is not None:
            one.before()
        start(store, one.words)
    except IctError as error:
        st.error(words.plain(error), icon=":material/error:")
        return False
    return True


def _state(one: Offer, alive_then: bool) -> None:
    """What the job does, or how it ended."""
    job = find_job(readers.own_store(), one.words)
    if job is None:
        return
    if job.alive != alive_then:
        readers.forget_rows()
        readers.tasks.clear()
        st.rerun(scope="app")
    if job.alive:
        running(job, key=one.key)
    else:
        ended(job, key=one.key)


def running(job: Job, *, key: str) -> None:
    """The bar of a job that runs or waits, and the button that ends it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=360):
            st.progress(_share(job), text=state_words(job))
        if published.button("Cancel", icon=":material/stop:", key=f"job_cancel_{key}"):
            _cancel(job)
            st.rerun(scope="app")


def _cancel(job: Job) -> None:
    from ict.running import jobs

    try:
        jobs.cancel(readers.own_store(), [job.id])
    except IctError as error:
        st.error(words.plain(error), icon=":material/error:")
    readers.forget_rows()


def _share(job: Job) -> float:
    one = job.progress
    return min(1.0, one.done / one.total) if one and one.total else 0.0


def state_words(job: Job) -> str:
    """`scoring digits: 320 of 1,000 images, 12 s left`."""
    if job.status == "queued":
        return "Waits for its turn"
    one = job.progress
    if one is None or not one.total:
        return "Starting"
    left = "" if one.eta_seconds is None else f", {words.duration(one.eta_seconds)} left"
    return f"{words.plain(one.phase)}: {one.done:,} of {one.total:,} {one.unit}{left}"


def ended(job: Job, *, key: str) -> None:
    """How a job ended: what it made, or one sentence on why it made nothing, and its log."""
    if job.status == "done":
        outcomes.draw(job, key=key)
        return
    if job.status == "cancelled":
        st.info("Cancelled.", icon=":material/do_not_disturb_on:")
    elif job.status == "killed":
        st.warning(
            "Its process is gone and left no result: it was killed, or the machine was restarted.",
            icon=":material/cancel:",
        )
    elif job.error:
        st.error(words.plain(job.error), icon=":material/error:")
    else:
        outcomes.draw(job, key=key)
    if tail := job.log_tail(LOG_LINES):
        with st.expander("Last lines of its log"):
            st.code(tail, language=None)
