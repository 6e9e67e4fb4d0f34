"""Runs as tables: the latest ones, live; all of them, filtered and grouped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ict.documents.bounded import whole_number
from ict.store import Store
from ict.store.run_rows import RunRow
from ict_app.common import address, readers, words

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
_PERCENT = {"test_accuracy": "test", "val_accuracy": "val", "train_accuracy": "train"}
_COLUMNS = (
    "status", "task", "backbone", "method", "criterion", "tune_site", "k", "seed", "epochs",
    "test_accuracy", "val_accuracy", "trainable_parameters", "train_seconds", "peak_memory_bytes",
    "created_at", "run_id",
)  # fmt: skip


def frame(rows: Sequence[RunRow]) -> pd.DataFrame:
    """The columns that people look at, in percent, MiB and words; text stays text."""
    shown = [{name: row.get(name) for name in _COLUMNS} for row in rows]
    for row in shown:
        row["k"] = "" if row["k"] is None else str(row["k"])
    table = pd.DataFrame(shown, columns=_COLUMNS)
    table["status"] = table["status"].map(lambda status: MARKS.get(status, status))
    for name in _PERCENT:
        if name in table:
            table[name] = pd.to_numeric(table[name]) * 100
    table["peak_memory_bytes"] = pd.to_numeric(table["peak_memory_bytes"]) / 2**20
    table["created_at"] = pd.to_datetime(table["created_at"], errors="coerce", utc=True)
    return table


def column_config() -> "dict[str, ColumnConfig]":
    """Names, units and digits of the columns of `frame`."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "status": text("status", width=105, pinned=True),
        "tune_site": text("site"),
        "k": text("K", width=60),
        "seed": number("seed", format="%d", width=60),
        "epochs": number("epochs", format="%d", width=70),
        "test_accuracy": number("test %", format="%.1f", width=75),
        "val_accuracy": number("val %", format="%.1f", width=70),
        "trainable_parameters": number("trained parameters", format="localized"),
        "train_seconds": number("seconds", format="%.0f", width=80),
        "peak_memory_bytes": number("memory MiB", format="%.0f", width=100),
        "created_at": st.column_config.DatetimeColumn("created", format="YYYY-MM-DD HH:mm"),
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
    rows = sorted(readers.run_rows(Store(root)), key=_urgency)[:LATEST]
    chosen = st.dataframe(
        frame(rows), hide_index=True, column_config=column_config(), key="latest_runs",
        on_select="rerun", selection_mode="single-row", height="content", placeholder="",
        column_order=("status", "task", "method", "k", "seed", "test_accuracy", "val_accuracy",
                      "trainable_parameters", "train_seconds", "created_at", "run_id"),
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
    """Multiselects for what differs between the runs; gives the rows that remain."""
    names = [n for n in ("status", "task", "backbone", "method", "criterion", "k", "epochs")
             if len({row.get(n) for row in rows}) > 1]  # fmt: skip
    kept = list(rows)
    if not names:
        return kept
    for column, name in zip(st.columns(len(names)), names, strict=True):
        values = sorted(
            {str(row.get(name)) for row in rows if row.get(name) is not None}, key=_order
        )
        chosen = address.multiselect(
            "K" if name == "k" else name.capitalize(), values, key=f"only_{name}", place=column,
            placeholder="all", wrap=False,
        )  # fmt: skip
        if chosen:
            kept = [row for row in kept if str(row.get(name)) in chosen]
    return kept


def _order(text: str) -> tuple[int, float, str]:
    value = whole_number(text)
    return (1, 0.0, text) if value is None else (0, float(value), "")


__all__ = ["MARKS", "column_config", "filters", "frame", "latest", "open_run", "words"]
