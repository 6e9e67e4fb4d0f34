"""Inspect: a page for every channel, with a link of its own."""

import streamlit as st
from ict_app.channels import inspect_view
from ict_app.common import address, shell, sources, words
from ict_app.jobs import forms

from ict.errors import IctError

shown = shell.heading(
    "Inspect", "One channel: for which tasks and classes it is strong, and who tunes it."
)
labels = sources.options(shown)
if not labels:
    shell.empty(
        "No scores yet. A run of method *ict* scores its task first.",
        button="Start a run",
        page="train",
    )
    forms.missing("Or score the channels of a task here:", forms.score, "score")
    shell.stop()
key = address.select("Run or scores", labels, key="of", noun="run or scores", moving=True)
try:
    source = sources.open_source(shown, key)
    shell.tab("Inspect", f"{source.task} · {source.criterion}")
    inspect_view.draw(shown, source)
except IctError as error:
    st.error(words.plain(error), icon=":material/error:")
