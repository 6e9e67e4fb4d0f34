"""Channels: the scores of all channels, what would be chosen, and why."""

import streamlit as st
from ict_app.channels import channel_view
from ict_app.common import address, shell, sources, words
from ict_app.jobs import forms

from ict.errors import IctError

shown = shell.heading(
    "Channels",
    "Which channels matter for a task: scores of every block, and the K that are chosen.",
)
labels = sources.options(shown)
if not labels:
    shell.empty(
        "No scores yet. A run of method *ict* scores its task first; scores alone take seconds.",
        button="Start a run",
        page="train",
    )
    forms.missing("Or score the channels of a task here:", forms.score, "score")
    shell.stop()
left, right = st.columns([3, 2])
with left:
    key = address.select("Run or scores", labels, key="of", noun="run or scores", moving=True)
with right:
    other = address.select(
        "Compare with", {"nothing": "nothing", **labels}, key="with", noun="run or scores"
    )
try:
    source = sources.open_source(shown, key)
    shell.tab("Channels", f"{source.task} · {source.criterion}")
    if len(source.scores.sites) > 1:
        site = address.segmented("Site", source.scores.sites, default=source.site, key="at")
        source = sources.open_source(shown, key, site)
    st.fragment(channel_view.draw)(source, other, str(shown.root))
    channel_view.start_more(source)
except IctError as error:
    st.error(words.plain(error), icon=":material/error:")
