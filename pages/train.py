"""Train: what should be trained, what that costs, start; and what runs now."""

import streamlit as st
from ict_app.common import address, published, shell, words
from ict_app.tune import launch_form, run_table

from ict.errors import IctError

shown = shell.heading(
    "Train",
    "Tune a few important channels of a frozen vision transformer. Runs go on when this page closes.",
)
with st.container(border=True):
    planned, wish = launch_form.form()
    launch_form.summary(planned, shown)
    if hindrance := launch_form.hindrance(planned):
        st.warning(words.plain(hindrance), icon=":material/edit:")
    label = f"Start {words.runs(len(planned.runs))}" if planned.runs else "Start"
    if published.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        disabled=hindrance is not None,
    ):
        try:
            started = launch_form.start(wish)
        except IctError as error:
            st.error(words.plain(error), icon=":material/error:")
        else:
            if len(started) == 1:
                address.go("run", run=started[0], store=None)
            st.toast(f"{words.runs(len(started))} handed to the workers", icon=":material/check:")

st.subheader("Latest runs", anchor=False)
run_table.latest(shown)
