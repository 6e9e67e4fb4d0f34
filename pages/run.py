"""Run: one run by link, live while it runs."""

import streamlit as st
from ict_app.common import readers, shell
from ict_app.tune import run_view

shown = shell.heading("Run", "One run: what it does now, its curves, and what came out.")
linked = st.query_params.get("run")
run_ids = {row.run_id for row in readers.run_rows(shown)}
if linked and linked not in run_ids and not readers.find_run(shown, linked):
    st.caption("The link names a run that is not in this store.")
run_id = run_view.choose(shown)
if run_id is None:
    shell.empty(
        "No run yet. A digits run takes about a minute.", button="Start a run", page="train"
    )
else:
    run_view.draw(shown.run(run_id), shown)
