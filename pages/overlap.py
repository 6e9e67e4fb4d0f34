"""Overlap: do tasks choose the same channels, more than chance and less than noise would say?"""

import streamlit as st
from ict_app.channels import overlap_view
from ict_app.common import readers, shell
from ict_app.jobs import begins, forms

from ict.analysis.families import of_tasks

shown = shell.heading(
    "Overlap", "Do tasks choose the same channels? More than chance, less than noise?"
)
if not of_tasks(readers.scores_of(shown)):
    shell.empty(
        "No two tasks are scored alike yet. Start a run on a second task with the same backbone.",
        button="Start runs on two tasks", page="train", tasks="sprites_loc",
    )  # fmt: skip
    forms.missing("Or score a second task here:", forms.score, "score", begins.second_task(shown))
    shell.stop()
shell.part(overlap_view.draw, shown)
forms.folded(forms.SCORE, forms.score, "score", begins.second_task(shown))
st.caption(
    "It shows which channels two choices share. It cannot show that a shared channel does the same "
    "thing for both, nor that tuning one task's channels would hurt the other."
)
