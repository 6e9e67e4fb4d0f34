"""Criteria: do different measures of importance rank alike, and does what they rank matter?"""

import streamlit as st
from ict_app.channels import criteria_view, first_step_view
from ict_app.common import readers, shell
from ict_app.jobs import forms

from ict.analysis.families import gradients_of, of_criteria

shown = shell.heading(
    "Criteria", "Do different measures of importance choose the same channels, and do those matter?"
)
records = readers.scores_of(shown)
families = of_criteria(records)
checks = criteria_view.checks(shown)
task = next((str(record.task) for record in records), "digits")
other, both = criteria_view.other_criterion(task), criteria_view.compared(task)
if not families and not checks and not gradients_of(records):
    shell.empty(
        "No two criteria on one task yet: score a task by another one, or replace its channels.",
        button="Start a run with another criterion", page="train", tasks=task, criterion="taylor",
    )  # fmt: skip
    forms.missing("Score it here:", forms.score, "score", other)
    forms.missing("Or replace its channels:", forms.causal, "causal", both)
    shell.stop()
if families:
    shell.part(criteria_view.agreement, shown, families)
    forms.folded(forms.SCORE, forms.score, "score", other)
else:
    forms.missing("No two criteria on one task yet:", forms.score, "score", other)
st.subheader("Causal check", anchor=False)
if checks:
    shell.part(criteria_view.causal, shown, checks)
    forms.folded(forms.CAUSAL, forms.causal, "causal", both)
else:
    forms.missing("No causal check yet:", forms.causal, "causal", both)
forms.folded("Report on criteria", forms.report_card, "card", other)
shell.part(first_step_view.draw, shown, records)
