"""Transfer: what a task loses when it is tuned on the channels that another one chooses."""

import streamlit as st
from ict_app.channels import transfer_view
from ict_app.common import address, readers, shell, words

from ict.analysis.transfer import transfer_table, without_partner
from ict.figures import findings

shown = shell.heading(
    "Transfer", "Does a task lose when it is tuned on channels chosen for another, or by chance?"
)
everything = readers.run_rows(shown)
table = transfer_table(everything)
alone = without_partner(everything, table)
if not table:
    lacks = transfer_view.missing(everything)
    sentence = f"{words.runs(len(alone))} on foreign channels lack a partner. " if alone else ""
    shell.empty(
        sentence + lacks.sentence,
        button=lacks.button,
        page="train",
        command=lacks.command,
        **lacks.query,
    )
    shell.stop()
settings = transfer_view.settings(table)
by_slug = {address.slug(name): name for name in settings}
name = by_slug[address.select("Setting", by_slug, key="setting")]
shell.finding(findings.of_transfer(settings[name]))
if alike := findings.shared_images(task for row in table for task in (row.task, row.source)):
    st.caption(words.plain(alike))
transfer_view.matrix(settings[name])
if alone:
    st.info(
        f"{words.runs(len(alone))} on another task's channels left out: the task's own selection was "
        "not run with the same seed and settings.",
        icon=":material/link_off:",
    )
transfer_view.cells(settings[name])
