"""Overlap: do tasks choose the same channels, more than chance and less than noise would say?"""

import streamlit as st
from ict_app.channels import overlap_view
from ict_app.common import address, readers, shell, words
from ict_app.jobs import forms
from ict_app.tune import plan

from ict.analysis.families import of_tasks
from ict.catalogue import SITE
from ict.errors import IctError
from ict.figures import findings
from ict.figures.asked import Choice

shown = shell.heading(
    "Overlap", "Do tasks choose the same channels? More than chance, less than noise?"
)
families = of_tasks(readers.scores_of(shown))
if not families:
    shell.empty(
        "No two tasks are scored alike yet. Start a run on a second task with the same backbone.",
        button="Start runs on two tasks", page="train", tasks="sprites_loc",
    )  # fmt: skip
    forms.missing(
        "Or score a second task here:", forms.score, "score", overlap_view.second_task(shown)
    )
    shell.stop()
left, middle, right = st.columns([2, 1.4, 1])
by_slug = {address.slug(name): name for name in families}
family = by_slug[address.select("Scores", by_slug, key="family", place=left)]
files = {str(record.task): record for record in families[family]}
sites = families[family][0].sites or (SITE,)
share = address.select_slider(
    "K/D, share of the channels",
    plan.SHARES[:-1],
    key="kd",
    default="1/8",
    noun="K/D",
    place=middle,
)
site = address.select("Site", sites, key="at", place=right)
tasks = address.multiselect("Tasks", list(files), key="among", default=list(files), noun="task")
if len(tasks) < 2:
    st.info("Choose two tasks or more.", icon=":material/join_inner:")
    shell.stop()
chosen = [files[task] for task in tasks]
try:
    ratio = plan.share_of(share)
    if sentence := words.unlike_images({str(one.task): one.images for one in chosen}):
        st.caption(sentence)
    rows = overlap_view.table(shown, chosen, site=site, ratio=ratio)
    shell.finding(findings.of_overlap(rows))
    if alike := findings.shared_images(tasks):
        st.caption(words.plain(alike))
    overlap_view.matrix(rows, chosen, Choice(site=site, ratio=ratio))
    st.subheader("One pair", anchor=False)
    overlap_view.pair(shown, rows, chosen, site=site, ratio=ratio)
except IctError as error:
    st.error(words.plain(error), icon=":material/error:")
forms.folded(forms.SCORE, forms.score, "score", overlap_view.second_task(shown))
st.caption(
    "It shows which channels two choices share. It cannot show that a shared channel does the same "
    "thing for both, nor that tuning one task's channels would hurt the other."
)
