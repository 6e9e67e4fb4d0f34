"""Runs as tables: the latest ones, live; all of them, filtered and grouped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ict.analysis import groups
from ict.analysis.columns import values
from ict.analysis.run_names import run_names
from ict.documents.bounded import whole_number
from ict.store import Store
from ict.store.run_rows import NAMED, RunRow
from ict.store.table_view import keep_columns, kept_columns
from ict_app.common import address, kept, published, readers, words
from ict_app.tune import manage

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

LATEST = 12
MARKS = {
    "done": "● done",
    "running": "▶ running",
    "queued": "◷ queued",
    "failed": "✕ failed",
    "killed": "◼ killed",
    "cancelled": "○ cancelled",
    "created": "· not started",
}
_NUMBERS = {
    "seed", "epochs", "test_accuracy", "val_accuracy", "train_accuracy", "trainable_parameters",
    "train_seconds", "peak_memory_bytes",
}  # fmt: skip
_PERCENT = {"test_accuracy": "test", "val_accuracy": "val", "train_accuracy": "train"}
_LABELS = ("name", "tags")
_COLUMNS = (
    "status", *_LABELS, "test_accuracy", "val_accuracy", "task", "method", "criterion", "k", "seed", "epochs",
    "backbone", "tune_site", "trainable_parameters", "train_seconds", "peak_memory_bytes", "created_at",
    "run_id",
)  # fmt: skip


_FILTER_WIDTH = 158  # px: six side by side, and room for a value where the window is narrow
_MOST_VALUES = 200  # of a field that is filtered by
_FILTERS = (
    "status", "task", "backbone", "method", "criterion", "score_task", "k", "seed", "epochs", "tags",
)  # fmt: skip


def frame(rows: Sequence[RunRow], columns: Sequence[str] = _COLUMNS) -> pd.DataFrame:
    """The columns that people look at, in percent, MiB and words; text stays text.

    A name is what people call a run, else the fields in which it differs from the other rows.
    """
    said = [n for n in columns if n != "tags" or any(row.tags for row in rows)]
    table = pd.DataFrame([{n: _plain(n, row.get(n)) for n in said} for row in rows], columns=said)
    if "name" in table:
        names = run_names(rows)
        table["name"] = [names[row.run_id] for row in rows]
    for name in _PERCENT:
        if name in table:
            table[name] = pd.to_numeric(table[name]) * 100
    if "peak_memory_bytes" in table:
        table["peak_memory_bytes"] = pd.to_numeric(table["peak_memory_bytes"]) / 2**20
    if "created_at" in table:
        table["created_at"] = pd.to_datetime(table["created_at"], errors="coerce", utc=True)
    return table


def _plain(name: str, value: Any) -> Any:
    """A value as the table shows it; what is neither a number nor text is made text."""
    if name == "status":
        return MARKS.get(value, value)
    if name == "k" and value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if name in _NUMBERS or value is None or isinstance(value, str):
        return value
    return str(value)


def fields(rows: Sequence[RunRow]) -> list[str]:
    """Every column in which the rows differ, those that people look at first."""
    return kept.of_rows(_fields, rows)


def _fields(rows: Sequence[RunRow]) -> list[str]:
    found = {name: values(rows, name) for name in _every(rows)}
    return [name for name, of in found.items() if of and of.count(of[0]) < len(of)]


def _every(rows: Sequence[RunRow]) -> list[str]:
    """Every column, those that people look at first."""
    return kept.of_rows(_columns_of, rows)


def _columns_of(rows: Sequence[RunRow]) -> list[str]:
    more = sorted({name for row in rows for name in row.more})
    return list(dict.fromkeys((*_COLUMNS, *_FILTERS, *sorted(NAMED), *more)))


def columns(shown: Store, rows: Sequence[RunRow]) -> list[str]:
    """A field for the columns of the table, kept in the link and, on a click, in the store."""
    known = _every(rows)
    kept = [name for name in kept_columns(shown) if name in known]
    with st.popover("Columns", icon=":material/view_column:"):
        chosen = address.multiselect(
            "Columns of the table", known, key="columns", default=kept or _COLUMNS,
            placeholder="those of before", wrap=False,
        )  # fmt: skip
        if not readers.is_example(shown):
            _keep(shown, chosen, kept)
    return chosen or kept or list(_COLUMNS)


def _keep(shown: Store, chosen: Sequence[str], kept: Sequence[str]) -> None:
    """Buttons that keep the chosen columns in the store, and that take the usual ones back."""
    changed = bool(chosen) and list(chosen) != list(kept or _COLUMNS)
    published.button(
        "Keep for this store", icon=":material/save:", disabled=not changed, on_click=_keep_now,
        args=(shown, list(chosen)),
    )  # fmt: skip
    if kept:
        published.button(
            "Usual columns", icon=":material/undo:", on_click=_keep_now, args=(shown, [])
        )


def _keep_now(shown: Store, chosen: Sequence[str]) -> None:
    if manage.attempt(lambda: keep_columns(shown, chosen)):
        address.put(columns=None)


def title(name: str) -> str:
    """A column as people call it."""
    return "run" if name == "run_id" else groups.words(name, "").strip()


def unarchived(rows: Sequence[RunRow]) -> list[RunRow]:
    """The rows without the archived ones, unless these are asked for; the switch says how many."""
    if not (count := sum(row.archived for row in rows)):
        return list(rows)
    wanted = address.toggle(f"{words.runs(count)} archived: show too", key="archived")
    return [row for row in rows if wanted or not row.archived]


def column_config() -> "dict[str, ColumnConfig]":
    """Names, units and digits of the columns of `frame`."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "status": text("status", width=105, pinned=True),
        "name": text(
            "name", width="medium", help="What you call it, else what tells it from the other rows."
        ),
        "tags": text("tags"),
        "score_task": text("score task"),
        "tune_site": text("site"),
        "k": text("K", width=60),
        "seed": number("seed", format="%d", width=60),
        "epochs": number("epochs", format="%d", width=70),
        "test_accuracy": number("test %", format="%.1f", width=75),
        "val_accuracy": number("val %", format="%.1f", width=70),
        "trainable_parameters": number("trained parameters", format="localized"),
        "train_seconds": number("seconds", format="%.0f", width=80),
        "peak_memory_bytes": number("memory MiB", format="%.0f", width=100),
        "created_at": st.column_config.DatetimeColumn(
            "created", format="YYYY-MM-DD HH:mm", width=140
        ),
        "run_id": text("run", width="large"),
    }


def latest(shown: Store) -> None:
    """The newest runs; polls while one of them is on its way."""
    rows = readers.run_rows(shown)
    if not rows:
        st.caption("No run yet. The button above starts one; digits takes about a minute.")
        return
    alive = any(row.status in ("running", "queued") for row in rows)
    st.fragment(_latest, run_every=2 if alive else None)(str(shown.root))


def _latest(root: str) -> None:
    rows = [row for row in readers.run_rows(Store(root)) if not row.archived]
    rows = sorted(rows, key=_urgency)[:LATEST]
    chosen = st.dataframe(
        frame(rows), hide_index=True, column_config=column_config(), key="latest_runs",
        on_select="rerun", selection_mode="single-row", height="content", placeholder="",
        column_order=("status", *_LABELS, "test_accuracy", "val_accuracy", "task", "method", "k", "seed",
                      "train_seconds", "created_at"),
    )  # fmt: skip
    st.caption("Select a row to open the run.")
    if chosen.selection.rows:
        open_run(rows[chosen.selection.rows[0]].run_id)


def _urgency(row: RunRow) -> int:
    return {"running": 0, "queued": 1}.get(row.status, 2)


def open_run(run_id: str) -> None:
    """Goes to the run's page."""
    address.go("run", run=run_id)


def filters(rows: Sequence[RunRow]) -> list[RunRow]:
    """Multiselects for what differs between the runs, and for any field that is asked for.

    Gives the rows that remain.
    """
    values = kept.of_rows(_filtered_by, rows)
    names = [n for n in _FILTERS if n in values]
    left = list(rows)
    if not names:
        return left
    if others := [n for n in values if n not in names]:
        with st.popover("More filters", icon=":material/filter_list:"):
            names += address.multiselect(
                "Filter by", others, key="filter_by", placeholder="any field in which runs differ",
                wrap=False,
            )  # fmt: skip
    place = st.container(horizontal=True)
    for name in names:
        label = title(name)
        chosen = address.multiselect(
            label[:1].upper() + label[1:], values[name], key=f"only_{name}", place=place,
            placeholder="all", wrap=False, width=_FILTER_WIDTH,
        )  # fmt: skip
        if chosen:
            left = [row for row in left if not {*chosen}.isdisjoint(_texts(row, name))]
    return left


def _filtered_by(rows: Sequence[RunRow]) -> dict[str, list[str]]:
    """The values of each field in which the rows differ, of few enough."""
    return {n: found for n in fields(rows) if len(found := _values(rows, n)) <= _MOST_VALUES}


def _texts(row: RunRow, name: str) -> list[str]:
    """The values of a field as text: a run has many tags."""
    value = row.get(name)
    if name == "tags":
        return [str(tag) for tag in value]
    return [] if value is None else [str(value)]


def _values(rows: Sequence[RunRow], name: str) -> list[str]:
    return sorted({text for row in rows for text in _texts(row, name)}, key=_order)


def _order(text: str) -> tuple[int, float, str]:
    value = whole_number(text)
    return (1, 0.0, text) if value is None else (0, float(value), "")


__all__ = [
    "MARKS", "column_config", "columns", "fields", "filters", "frame", "latest", "open_run", "title",
    "unarchived", "words",
]  # fmt: skip
