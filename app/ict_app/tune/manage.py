"""What people do with runs: name, tag, archive, resume, cancel, export, delete and take that back.

Everything here follows a click; no link does any of it.
"""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from ict.documents.labels import (
    LONGEST_NAME,
    LONGEST_NOTE,
    Change,
    Label,
    changes,
)
from ict.errors import IctError
from ict.figures.tables import to_csv
from ict.store import Store
from ict.store.run_labels import change_label, read_label
from ict.store.run_rows import RunRow
from ict.store.trash import DAYS
from ict_app.common import published, readers, visit, words

_DELETED = "runs_deleted"  # root, ids and words of the last deletion of this visitor
_OPEN = "label_open"  # what the fields of a label were opened for
BUSY = ("running", "queued")
RESUMABLE = ("killed", "failed", "cancelled", "created")


def action(label: str, icon: str, act: Callable[[], object]) -> None:
    """A button that does `act`, says what went wrong, and draws the page anew."""
    if published.button(label, icon=f":material/{icon}:") and attempt(act):
        st.rerun()


def action_at_once(label: str, icon: str, act: Callable[[], object]) -> None:
    """The same, but `act` comes before anything is drawn; not in a part that is drawn alone."""
    published.button(label, icon=f":material/{icon}:", on_click=attempt, args=(act,))


def attempt(act: Callable[[], object]) -> bool:
    """Does `act`; False, after a sentence on the page, where it could not be done."""
    try:
        act()
    except IctError as error:
        st.error(words.plain(error), icon=":material/error:")
        return False
    finally:
        readers.forget_rows()
    return True


def cancel(shown: Store, ids: Sequence[str]) -> None:
    """Cancels runs wherever they wait or run."""
    from ict.running.cancel import cancel as cancel_runs

    cancel_runs(shown, ids)


def submit(shown: Store, ids: Sequence[str]) -> None:
    """Starts runs, or goes on with them from their last checkpoints."""
    from ict.running import local

    local.submit(shown, list(ids))


def delete(shown: Store, ids: Sequence[str]) -> None:
    """Moves runs to the trash; the next page offers to take it back."""
    from ict.store.trash import to_trash

    named = _named(shown, ids)  # as lists call them while they are there
    moved = to_trash(shown, ids)
    st.session_state[_DELETED] = (str(shown.root), [one.run_id for one in moved], named)


def _named(shown: Store, ids: Sequence[str]) -> str:
    """What one run is called in lists; how many several are."""
    if len(ids) != 1:
        return words.runs(len(ids))
    return readers.run_names(readers.run_rows(shown)).get(ids[0], ids[0])


def undo() -> None:
    """After a deletion: what was deleted, and the button that brings it back."""
    root, ids, named = st.session_state.get(_DELETED, ("", [], ""))
    if not ids:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        kept = "it is" if len(ids) == 1 else "they are"
        st.markdown(
            f"**{words.plain(named)}** moved to the trash, where {kept} kept for {DAYS} days."
        )
        action("Undo", "undo", lambda: _restore(root, ids))
        if st.button("Dismiss", type="tertiary"):
            del st.session_state[_DELETED]
            st.rerun()


def _restore(root: str, ids: list[str]) -> None:
    from ict.store import trash

    while ids:
        trash.restore(Store(root), ids[-1])
        ids.pop()
    del st.session_state[_DELETED]


def bulk(shown: Store, picked: Sequence[RunRow], columns: Sequence[str]) -> None:
    """Buttons for the picked runs: label, archive, resume, cancel, export, delete."""
    ids = [row.run_id for row in picked]
    export(picked, columns)
    if readers.is_example(shown):
        return
    label_button(shown, ids)
    archived = all(row.archived for row in picked)
    action(
        "Unarchive" if archived else "Archive",
        "unarchive" if archived else "archive",
        lambda: _label(str(shown.root), ids, Change(archived=not archived)),
    )
    if idle := [row.run_id for row in picked if row.status in RESUMABLE]:
        action(f"Resume {words.runs(len(idle))}", "play_arrow", lambda: submit(shown, idle))
    if busy := [row.run_id for row in picked if row.status in BUSY]:
        action(f"Cancel {words.runs(len(busy))}", "stop", lambda: cancel(shown, busy))
    action(f"Delete {words.runs(len(ids))}", "delete", lambda: delete(shown, ids))


def export(picked: Sequence[RunRow], columns: Sequence[str]) -> None:
    """The picked rows as a CSV file."""
    st.download_button(
        f"Export {words.runs(len(picked))}", csv_of(picked, columns), "runs.csv", "text/csv",
        on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def csv_of(rows: Sequence[RunRow], columns: Sequence[str]) -> bytes:
    """Ids and the shown columns, values as the store has them: accuracies are fractions."""
    names = dict.fromkeys(["run_id", *columns])
    return to_csv(pd.DataFrame([{name: _cell(row.get(name)) for name in names} for row in rows]))


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else value


def label_button(shown: Store, ids: Sequence[str]) -> None:
    """Opens the fields of one run's label; of several runs' the tags that all have."""
    here = visit.current().arrivals
    if published.button("Name and tags" if len(ids) == 1 else "Tags", icon=":material/label:"):
        labels = [read_label(shown.run(run_id)) for run_id in ids]
        common = set(labels[0].tags).intersection(*(one.tags for one in labels))
        seen = labels[0] if len(labels) == 1 else Label(tags=tuple(sorted(common)))
        known = {tag for row in readers.run_rows(shown) for tag in row.tags} | {*seen.tags}
        st.session_state[_OPEN] = here, (str(shown.root), list(ids), seen, sorted(known))
    # also when the page is drawn anew, as a run has ended; not when the visitor comes back to it
    since, opened = st.session_state.get(_OPEN, (None, None))
    if since == here and opened[1] == list(ids):
        _edit(*opened)


def _close() -> None:
    st.session_state.pop(_OPEN, None)


@st.dialog("Name, note and tags", on_dismiss=_close)
def _edit(root: str, ids: list[str], seen: Label, known: list[str]) -> None:
    """`seen` is what was there when the button was pressed: what others change meanwhile stands."""
    name, note = seen.name, seen.note
    if len(ids) == 1:
        name = st.text_input("Name", seen.name, max_chars=LONGEST_NAME)
        note = st.text_area("Note", seen.note, max_chars=LONGEST_NOTE)
    else:
        st.caption(f"Tags that all {words.runs(len(ids))} have; the tags of single ones stay.")
    tags = st.multiselect(
        "Tags", known, list(seen.tags), accept_new_options=True, placeholder="Add a tag"
    )
    wanted = Label(name=name, note=note, tags=tuple(tags), archived=seen.archived)
    save = published.button("Save", type="primary", icon=":material/save:")
    if save and attempt(lambda: _label(root, ids, changes(seen, wanted))):
        _close()
        st.rerun()


def _label(root: str, ids: Sequence[str], change: Change) -> None:
    store = Store(root)
    for run_id in ids:
        change_label(store.run(run_id), change)


def label_words(of: Label) -> None:
    """What people say of a run, where they said something."""
    if of.name:
        st.subheader(words.plain(of.name), anchor=False)
    if of.tags or of.archived:
        with st.container(horizontal=True):
            for tag in of.tags:
                st.badge(words.plain(tag), icon=":material/label:", color="gray")
            if of.archived:
                st.badge("archived", icon=":material/archive:", color="orange")
    if of.note:
        st.text(of.note)
