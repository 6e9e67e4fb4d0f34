"""Ablation: how accuracy depends on K, against random, lowest, linear and full."""

import streamlit as st
from ict_app.common import address, kept, readers, shell
from ict_app.studies import ablation_view, study_choice, study_form
from ict_app.tune import run_table

from ict.figures import findings

shown = shell.heading(
    "Ablation", "How much depends on K, and on choosing these channels and no others."
)
everything = readers.run_rows(shown)
studies = study_choice.studies(shown)
rows = study_choice.choose(shown, studies) if studies else everything
rows = [row for row in rows if row.done]
if not any(row.done for row in everything):
    shell.empty(
        "No finished run yet. An ablation needs runs at several K.", button="Plan runs at five K",
        page="train", shares=["1/32", "1/16", "1/8", "1/4", "1/2"],
    )  # fmt: skip
    study_form.folded()
    shell.stop()
rows = run_table.filters(run_table.unarchived(rows))
table = kept.of_rows(ablation_view.series, rows)
if table.empty:
    st.info("No run matches these filters.", icon=":material/filter_alt_off:")
    shell.stop()
if others := kept.of_rows(ablation_view.mixed, rows):
    st.warning(f"These runs also differ in {', '.join(others)}: filter, or choose a study.")
shell.finding(findings.of_ablation(rows, shown))
ablation_view.panels(table, rows, ablation_view.fair_words(shown, rows))
tabs = address.tabs({"means": "Means", "pairs": "Paired differences"}, key="ablation")
with tabs["means"]:
    ablation_view.summary_table(rows)
if tabs["pairs"].open:
    with tabs["pairs"]:
        ablation_view.paired(shown, table, rows)
study_form.folded()
