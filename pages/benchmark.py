"""Benchmark: this store's runs on VTAB-1K beside published numbers."""

import streamlit as st
from ict_app.common import address, readers, shell
from ict_app.studies import benchmark_view, study_form
from ict_app.tune import run_table

from ict.analysis.benchmark import SOURCE, average_table, store_table
from ict.store.run_rows import imported_run_rows

shown = shell.heading("Benchmark", "VTAB-1K: the runs of this store beside published numbers.")
rows = [*run_table.unarchived(readers.run_rows(shown)), *imported_run_rows(shown)]
own = store_table(rows)
if own.empty:
    st.info("No finished run on a VTAB-1K task yet; below are the published numbers.")
    real_tasks = [row.name for row in readers.tasks() if row.available and row.group != "bundled"]
    label, page = ("Start a run", "train") if real_tasks else ("How to get VTAB-1K", "data")
    if st.button(label, icon=":material/arrow_forward:"):
        backbone = "vit_base_patch16_224.orig_in21k"
        asked = {"tasks": real_tasks[0], "backbone": backbone} if real_tasks else {}
        address.go(page, **asked)
published = address.toggle("Published methods", default=True, key="published")
table = average_table(rows, published=published)
if table.empty:
    shell.stop()
benchmark_view.figures(table, published=published)
st.subheader("All tasks", anchor=False)
benchmark_view.tasks_table(table)
st.caption(
    f"Published: {SOURCE}, ViT-B/16 pre-trained on ImageNet-21k. Many of them report the best of "
    "several looks at the test set, which averages 0.65 points; runs of this store look once."
)
study_form.folded()
