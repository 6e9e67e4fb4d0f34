"""*Ablation*, above: which study is shown, how far it is, and what can be done about the rest."""

import streamlit as st

from ict.analysis.study_controls import answers_most
from ict.store import Store
from ict.store.run_rows import RunRow, study_run_rows
from ict.store.studies import create, list_studies, load_study, standing
from ict_app.common import address, readers
from ict_app.tune.manage import action, cancel
from ict_app.tune.run_view import alive

ALL = "all"


def studies(shown: Store) -> dict[str, str]:
    """Names and titles of the studies of the store, after the choice of all runs."""
    titles = {study.name: study.title for study in list_studies(shown)}
    return {ALL: "all runs of the store", **titles} if titles else {}


def _answering_most(shown: Store) -> str | None:
    """The study that a visitor sees first: one with controls beside the chosen channels."""
    by_id = {row.run_id: row for row in readers.run_rows(shown)}
    return answers_most(
        {
            study.name: [by_id[run_id] for run_id in study.run_ids if run_id in by_id]
            for study in list_studies(shown)
        }
    )


def choose(shown: Store, found: dict[str, str]) -> list[RunRow]:
    """The rows of one study, live while it runs, or of all runs."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = address.select(
            "Study", found, key="study", default=_answering_most(shown), moving=True
        )
        if name == ALL:
            return readers.run_rows(shown)
        everything = rows = study_run_rows(shown, load_study(shown, name))
        tuned = any(not row.chosen for row in rows)
        if tuned and address.toggle(
            "Best learning rate of each only", default=True, key="best_rate"
        ):
            rows = [row for row in rows if row.chosen]
    stand = standing(shown, load_study(shown, name))
    statuses = {row.run_id: row.status for row in everything}
    _state(shown, name, statuses, stand.waiting if stand else 0)
    return rows


def _state(shown: Store, name: str, statuses: dict[str, str], to_come: int) -> None:
    """How far the study is, and what can be done about the rest; `statuses` by run id.

    `to_come` are the runs of a second stage that are not written yet.
    """
    done = sum(status == "done" for status in statuses.values())
    if done == len(statuses) and not to_come:
        return
    waiting = [run_id for run_id, status in statuses.items() if alive(status)]
    rest = len(statuses) - done - len(waiting)
    total = len(statuses) + to_come
    text = f"{done} of {total} runs done, {len(waiting)} on their way"
    if to_come:
        text += f", {to_come} in the second stage, at the rates that the first chooses"
    if done == len(statuses):
        rest = to_come
    st.progress(done / total, text=text)
    with st.container(horizontal=True):
        if waiting and st.button("Look again", icon=":material/refresh:"):
            readers.forget_rows()
            st.rerun()
        if readers.is_example(shown):
            return
        if rest:
            action(f"Start the other {rest}", "play_arrow", lambda: _start_rest(shown, name))
        if waiting:
            action(f"Cancel {len(waiting)}", "stop", lambda: cancel(shown, waiting))


def _start_rest(shown: Store, name: str) -> list[str]:
    """Queues what the study lacks, folders that were deleted included; what is done stays."""
    from ict.running import local

    study = create(shown, load_study(shown, name).document, command="app")
    return local.submit(shown, study.run_ids, slots=study.document.get("slots"))
