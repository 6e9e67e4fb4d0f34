"""Criteria: do different measures of importance rank alike, and does what they rank matter?"""

import streamlit as st
from ict_app.channels import criteria_view, first_step_view
from ict_app.common import readers, shell, words
from ict_app.jobs import forms

from ict.analysis.families import gradients_of, of_criteria
from ict.errors import IctError

shown = shell.heading(
    "Criteria", "Do different measures of importance choose the same channels, and do those matter?"
)
records = readers.scores_of(shown)
families = of_criteria(records)
checks = criteria_view.checks(shown)
task = next((str(record.task) for record in records), "digits")
if not families and not checks and not gradients_of(records):
    shell.empty(
        f"No two criteria on one task yet. `ict score {task} --criterion taylor` scores it by another, "
        f"`ict causal {task} --criterion class_l2 --criterion taylor` also replaces the channels.",
        button="Start a run with another criterion", page="train", tasks=task, criterion="taylor",
    )  # fmt: skip
    forms.missing("Score it here:", forms.score, "score", criteria_view.other_criterion(task))
    forms.missing("Or replace its channels:", forms.causal, "causal", criteria_view.compared(task))
    st.stop()
try:
    if families:
        criteria_view.agreement(shown, families)
    else:
        st.info("No two criteria on one task yet: `ict score TASK --criterion taylor`.")
    forms.folded(forms.SCORE, forms.score, "score", criteria_view.other_criterion(task))
    st.subheader("Causal check", anchor=False)
    if checks:
        criteria_view.causal(checks)
    else:
        st.info("No causal check yet: `ict causal TASK --criterion class_l2 --criterion taylor`.")
    forms.folded(forms.CAUSAL, forms.causal, "causal", criteria_view.compared(task))
    first_step_view.draw(shown, records)
except IctError as error:
    st.error(words.plain(error), icon=":material/error:")
