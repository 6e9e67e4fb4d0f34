"""Curves: any runs over their epochs, the run table, means over seeds."""

import streamlit as st
from ict_app.common import readers, shell
from ict_app.tune import curve_view, run_table

from ict.figures import findings

shown = shell.heading("Curves", "Runs over their epochs, side by side, with every seed in sight.")
everything = readers.run_rows(shown)
if not everything:
    shell.empty(
        "No run yet. A digits run takes about a minute.", button="Start a run", page="train"
    )
    st.stop()
rows = run_table.filters(everything)
if not rows:
    st.info("No run matches these filters.", icon=":material/filter_alt_off:")
    st.stop()
place = st.container()
single, grouped = st.tabs(
    ["Runs", "Means over seeds"], key="as", on_change="rerun", bind="query-params"
)
with single:
    picked = curve_view.table(rows)
    curve_view.actions(shown, picked)
with grouped:
    curve_view.groups(rows)
with place:
    shell.finding(findings.of_runs(picked or rows, shown))
    curve_view.curves(shown, picked or rows)
