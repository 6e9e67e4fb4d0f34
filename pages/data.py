"""Data: what can be trained on here, and how to get the rest."""

import streamlit as st
from ict_app.common import address, readers, shell, words
from ict_app.jobs import data_forms

from ict.figures import findings

shell.heading("Data", "Tasks on this machine, and how to get the others.")
rows = readers.tasks()
available = [row for row in rows if row.available]
st.markdown(f"**{len(available)} of {len(rows)} tasks** are on this machine.")
st.caption(words.plain(findings.shared_images(row.name for row in rows)))
only = address.segmented("Show", ["all", "here", "missing"], key="show")
kept = [row for row in rows if only == "all" or row.available == (only == "here")]
text = st.column_config.TextColumn
table = [
    {**vars(row), "on this machine": "●" if row.available else "", "missing": ", ".join(row.missing)}
    for row in kept
]  # fmt: skip
picked = address.rows(
    table, [row.name for row in kept], key="task", noun="task", several=False,
    hide_index=True, placeholder="", height="content",
    column_order=("title", "name", "group", "on this machine", "classes", "train", "val", "test",
                  "missing", "path"),
    column_config={"title": text(width=190), "name": text(width=175),
                   "on this machine": text("here", width=50), "missing": text(width="large")},
)  # fmt: skip
if picked:
    row = next(row for row in kept if row.name == picked[0])
    with st.container(border=True):
        st.markdown(f"**{words.plain(row.title)}**")
        if row.available:
            address.link("train", "Train on it", icon="play_arrow", tasks=row.name)
        if row.how_to_get:
            st.text(row.how_to_get)
        if row.missing:
            st.text("Missing: " + ", ".join(row.missing))
        data_forms.of_task(row)
else:
    st.caption("Select a task to train on it, or to see how to get it.")
data_forms.more()
