"""Criteria: do different measures of importance rank alike, and does what they rank matter?"""

import streamlit as st
from ict_app.channels import criteria_view, first_step_view
from ict_app.common import readers, shell

from ict.analysis.families import gradients_of, of_criteria

shown = shell.heading(
    "Criteria", "Do different measures of importance choose the same channels, and do those matter?"
)
records = readers.scores_of(shown)
families = of_criteria(records)
checks = criteria_view.checks(shown)
if not families and not checks and not gradients_of(records):
    task = next((str(record.task) for record in records), "digits")
    shell.empty(
        f"No two criteria on one task yet. `ict score {task} --criterion taylor` scores it by another, "
        f"`ict causal {task} --criterion class_l2 --criterion taylor` also replaces the channels.",
        button="Start a run with another criterion", page="train", tasks=task, criterion="taylor",
    )  # fmt: skip
    st.stop()
if families:
    shell.part(criteria_view.agreement, shown, families)
else:
    st.info("No two criteria on one task yet: `ict score TASK --criterion taylor`.")
st.subheader("Causal check", anchor=False)
if checks:
    shell.part(criteria_view.causal, shown, checks)
else:
    st.info("No causal check yet: `ict causal TASK --criterion class_l2 --criterion taylor`.")
shell.part(first_step_view.draw, shown, records)
