"""Run: one run by link, live while it runs."""

import streamlit as st
from ict_app.common import readers, shell
from ict_app.tune import run_view

shown = shell.heading("Run", "One run: what it does now, its curves, and what came out.")
asked = st.query_params.get("run")
known = {row.run_id for row in readers.run_rows(shown)}
if asked and asked not in known and not readers.find_run(shown, asked):
    st.caption("The link names a run that is not in this store.")
run_id = run_view.choose(shown)
if run_id is None:
    shell.empty(
        "No run yet. A digits run takes about a minute.", button="Start a run", page="train"
    )
else:
    run_view.draw(shown.run(run_id), shown)
