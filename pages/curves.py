"""Curves: any runs over their epochs, the run table, means over seeds."""

import streamlit as st
from ict_app.common import address, readers, shell
from ict_app.tune import curve_view, manage, parallel_view, run_groups, run_table

from ict.figures import findings

shown = shell.heading("Curves", "Runs over their epochs, side by side, with every seed in sight.")
manage.undo()
everything = readers.run_rows(shown)
if not everything:
    shell.empty(
        "No run yet. A digits run takes about a minute.", button="Start a run", page="train"
    )
    shell.stop()
rows = run_table.filters(run_table.unarchived(everything))
if not rows:
    st.info("No run matches these filters.", icon=":material/filter_alt_off:")
    shell.stop()
place = st.container()
tabs = address.tabs(
    {"runs": "Runs", "means": "Means over seeds", "parallel": "Parallel coordinates"}, key="as"
)
with tabs["runs"]:
    columns = run_table.columns(shown, everything)
    picked = run_groups.table(rows, columns)
    run_groups.actions(shown, picked, columns)
with tabs["means"]:
    run_groups.groups(rows)
if tabs["parallel"].open:
    with tabs["parallel"]:
        parallel_view.draw(picked or rows)
with place:
    shell.finding(findings.of_runs(picked or rows, shown))
    curve_view.curves(shown, picked or rows)
