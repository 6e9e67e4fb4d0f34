"""Figures: what was collected on the other pages, at its size on paper, in one zip."""

import streamlit as st
from ict_app.common import address, plot, shell, words

from ict.figures.export import FORMATS, NEED_CHROME, export_all
from ict.figures.styles import STYLES, restyle

shell.heading(
    "Figures", "Figures that you collected, at their true size on paper, exported all at once."
)
basket = plot.basket()
if not basket:
    shell.empty(
        "Nothing collected yet. Each figure of the other pages has *Export → Add to Figures*.",
        button="Go to the curves", page="curves",
    )  # fmt: skip
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    style = address.segmented(
        "Style", list(STYLES), default="iclr", key="style",
        help="Column width and letter size of the venue.",
    )  # fmt: skip
    lacking = plot.no_chrome()
    formats = [kind for kind in FORMATS if not lacking or kind not in NEED_CHROME]
    bundles = list(basket.values())
    st.download_button(
        f"Download {len(bundles)} as zip", lambda: export_all(bundles, style, formats), "figures.zip",
        "application/zip", on_click="ignore", type="primary", icon=":material/folder_zip:",
    )  # fmt: skip
if lacking:
    st.info(lacking, icon=":material/info:")
for name, bundle in list(basket.items()):
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(name)}**")
            if st.button("Remove", icon=":material/close:", key=f"remove_{name}", type="tertiary"):
                del basket[name]
                st.rerun()
        st.plotly_chart(
            restyle(bundle.figure, STYLES[style]), theme=None, width="content", key=f"preview_{name}",
            config={"staticPlot": True}, alt=bundle.caption_text,
        )  # fmt: skip
        st.caption(words.plain(bundle.caption_text))
