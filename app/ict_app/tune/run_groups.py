"""*Curves*: the run table, groups over seeds, two runs compared."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from ict.analysis import groups as run_groups
from ict.analysis.run_names import run_names
from ict.analysis.summary import config_difference
from ict.documents.number_words import number_words, range_words
from ict.store import Store
from ict.store.run_rows import RunRow
from ict_app.common import address, kept, words
from ict_app.common.terms import help_of
from ict_app.tune import manage, run_table


def table(rows: Sequence[RunRow], columns: Sequence[str]) -> list[RunRow]:
    """All runs as rows that can be selected; gives the selected ones."""
    picked = address.rows(
        kept.of_rows(run_table.frame, rows, tuple(columns)), [row.run_id for row in rows], key="pick", noun="run", hide_index=True,
        column_config=run_table.column_config(), height=380, placeholder="",
    )  # fmt: skip
    wanted = set(picked)
    return [row for row in rows if row.run_id in wanted]


def _plain(value: Any) -> str:
    """A field of a configuration as text: nothing for what is not read, whole numbers as such."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return number_words(value) if isinstance(value, float) else str(value)


def _grouped(done: Sequence[RunRow]) -> tuple[list[str], list[run_groups.Group]]:
    """The fields that a visitor groups by, else all settings but the seed; and the groups."""
    options = [name for name in run_table.fields(done) if name not in _GROUP_COLUMNS]
    names = address.multiselect(
        "Group by", options, key="group_by",
        placeholder="all settings but the seed", wrap=False,
    )  # fmt: skip
    if not names:
        return kept.of_rows(_by_settings, done)
    if mixed := kept.of_rows(run_groups.varying_within, done, tuple(names)):
        said = words.plain(", ".join(map(run_table.title, mixed)))
        st.caption(f":material/info: Runs of one group also differ in {said}.")
    return names, run_groups.over_seeds(done, by=names)


def _by_settings(done: Sequence[RunRow]) -> tuple[list[str], list[run_groups.Group]]:
    fields = run_groups.telling(done)
    names = [n for n in run_groups.varying(done) if n in fields or n not in run_groups.DERIVED]
    return names, run_groups.over_seeds(done)


def groups(rows: Sequence[RunRow]) -> None:
    """Runs that differ in the seed alone, or agree in chosen fields: n, mean, interval and best."""
    done = [row for row in rows if row.done]
    if not done:
        st.caption("No finished run to group.")
        return
    names, found = _grouped(done)
    frame = pd.DataFrame([group.to_dict() for group in found])
    for name in ("mean", "low", "high", "best", "sampling"):
        frame[name] = pd.to_numeric(frame[name]) * 100
    frame["interval"] = [
        "" if pd.isna(low) else range_words(low, high, ".1f")
        for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    frame["seeds"] = frame["seeds"].map(lambda seeds: ", ".join(map(str, seeds)))
    frame["peak_memory_bytes"] = pd.to_numeric(frame["peak_memory_bytes"]) / 2**20
    for name in names:
        frame[name] = frame[name].map(_plain)
    number = st.column_config.NumberColumn
    st.dataframe(
        frame, hide_index=True, placeholder="", height="content" if len(frame) < 12 else 420,
        column_order=[*names, *_GROUP_COLUMNS],
        column_config={
            **{name: run_table.title(name) for name in names},
            "over": st.column_config.TextColumn("n counts", help="Nothing, where the method reads "
                                                "no seed: run again, it gives the same numbers."),
            "mean": number("test %, mean", format="%.2f", help=help_of("accuracy")),
            "interval": st.column_config.Column("95 % interval", help=help_of("interval")),
            "best": number("best %", format="%.2f"),
            "sampling": number("± test set", format="%.1f", help=help_of("sampling")),
            "trainable_parameters": number("trained parameters", format="localized"),
            "train_seconds": number("seconds", format="%.0f"),
            "peak_memory_bytes": number("memory MiB", format="%.0f"),
        },
    )  # fmt: skip
    st.caption(
        "n counts training seeds; draws of random channels are averaged within a seed, and counted "
        "where there is one seed. n ≤ 3 is exploratory: the interval is wide, and no test can reach "
        "p < 0.05."
    )


_GROUP_COLUMNS = (
    "n", "over", "runs", "mean", "interval", "best", "sampling", "trainable_parameters", "train_seconds",
    "peak_memory_bytes", "seeds",
)  # fmt: skip


def actions(shown: Store, picked: Sequence[RunRow], columns: Sequence[str]) -> None:
    """Open one, compare two, or do something with all of the selected runs."""
    if not picked:
        st.caption(
            "Select rows to draw only those, to compare two, or to name, tag, archive, resume, cancel, "
            "export or delete them."
        )
        return
    with st.container(horizontal=True):
        if len(picked) == 1 and st.button("Open", icon=":material/open_in_full:"):
            run_table.open_run(picked[0].run_id)
        manage.bulk(shown, picked, columns)
    if len(picked) == 2:
        difference(shown, picked)


def difference(shown: Store, picked: Sequence[RunRow]) -> None:
    """The fields in which two configurations differ."""
    differing = config_difference([shown.run(row.run_id) for row in picked])
    st.markdown("**Configuration difference**")
    names = run_names(picked)
    if not differing:
        st.caption("The two are configured alike.")
        return
    shown_rows = [
        {"field": one.name, **{str(i): words.value(value) for i, value in enumerate(one.values)}}
        for one in differing
    ]
    st.dataframe(
        shown_rows, hide_index=True, height="content",
        column_config={str(i): f"{i + 1}: {names[row.run_id]}" for i, row in enumerate(picked)},
    )  # fmt: skip
