"""Figures: what was collected on the other pages, at its size on paper, in one zip."""

import streamlit as st
from ict_app.common import address, basket, chrome, plot, shell, words

from ict.errors import InputError
from ict.figures.export import FORMATS, NEED_CHROME, export_each
from ict.figures.styles import STYLES

shell.heading(
    "Figures", "Figures that you collected, at their true size on paper, exported all at once."
)
try:
    found = basket.entries()
except InputError as error:
    st.error(words.plain(error), icon=":material/error:")
    shell.stop()
if not found:
    shell.empty(
        "Nothing collected yet. Each figure of the other pages has *Export → Add to Figures*.",
        button="Go to the curves", page="curves",
    )  # fmt: skip
    shell.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    style = address.segmented(
        "Style", list(STYLES), default="iclr", key="style",
        help="Column width and letter size of the venue; a figure can have its own (*Edit*).",
    )  # fmt: skip
    download = st.container()
lacking = plot.no_chrome()
formats = [kind for kind in FORMATS if not lacking or kind not in NEED_CHROME]
if lacking:
    st.info(lacking, icon=":material/info:")
sheets, missing = basket.rows(found, style)
if sheets:
    chrome.figure_shown()
    download.download_button(
        f"Download {len(sheets)} as zip", lambda: export_each(sheets, formats, missing=missing),
        "figures.zip", "application/zip", on_click="ignore", type="primary",
        icon=":material/folder_zip:",
    )  # fmt: skip
