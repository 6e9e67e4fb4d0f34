"""The frame of every page: navigation, sidebar, heading, empty states, theme."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import streamlit as st

from ict.documents.records import Odd
from ict.documents.shapes import shown as quotable
from ict.errors import InputError
from ict.store import Store
from ict_app.common import links, readers, words
from ict_app.common.controls import arrive

_ROOT = Path(__file__).parents[3]
_PAGES = _ROOT / "pages"
ICON = str(_ROOT / "assets" / "icon.png")  # a named icon would be fetched from the network
MOST_NAMED = 200  # things that cannot be read; more would be a page of them
_SECTIONS: dict[str, Sequence[tuple[str, str, str]]] = {
    "Tune": (
        ("train", "Train", "play_arrow"),
        ("run", "Run", "monitoring"),
        ("curves", "Curves", "show_chart"),
    ),
    "Channels": (
        ("channels", "Channels", "grid_on"),
        ("criteria", "Criteria", "compare_arrows"),
        ("overlap", "Overlap", "join_inner"),
        ("transfer", "Transfer", "swap_horiz"),
        ("inspect", "Inspect", "frame_inspect"),
    ),
    "Studies": (
        ("ablation", "Ablation", "stacked_line_chart"),
        ("benchmark", "Benchmark", "leaderboard"),
    ),
    "Results": (("export", "Figures", "picture_as_pdf"), ("data", "Data", "database")),
}


def pages() -> dict[str, list[st.Page]]:
    """The navigation, by section; *Train* is the front page, and answers at `/train` too."""
    by_slug = {
        section: [
            st.Page(
                path(name), title=title, icon=f":material/{icon}:", default=name == "train",
                url_path="front" if name == "train" else name,
            )
            for name, title, icon in entries
        ]
        for section, entries in _SECTIONS.items()
    }  # fmt: skip
    typed = st.Page(path("train"), title="Train", url_path="train", visibility="hidden")
    next(iter(by_slug.values())).append(typed)
    return by_slug


_NARROW = """<style>
/* below 1000 px figures that stand side by side go below each other */
@media (max-width: 1000px) {
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .stPlotlyChart)
  > [data-testid="stColumn"] { min-width: 100%; }
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .stPlotlyChart) { flex-wrap: wrap; }
}
</style>"""


def path(name: str) -> str:
    """Absolute path of a page, for links and switches."""
    return str(_PAGES / f"{name}.py")


def theme() -> Literal["light", "dark"]:
    """The theme that the browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def require_store() -> None:
    """Says what is wrong with $ICT_STORE and draws nothing else, where it can name no folder."""
    try:
        readers.own_store()
    except InputError as error:
        st.error(str(error))
        st.stop()


def sidebar() -> None:
    """Which store is shown, and what is running in it."""
    shown = readers.store()
    st.html(_NARROW)
    with st.sidebar:
        if readers.is_example(shown):
            st.info("Your store is empty: what you see is the **example study**.")
        rows = readers.run_rows(shown)
        running = sum(row.status == "running" for row in rows)
        queued = sum(row.status == "queued" for row in rows)
        state = f"{running} running" + (f", {queued} queued" if queued else "")
        where = "In the example: " if readers.is_example(shown) else ""
        st.caption(f"{where}{words.runs(len(rows))}, {state}")
        st.caption(f"Your store: {words.plain(readers.own_store().root)}")


def heading(title: str, sentence: str) -> Store:
    """Title and one sentence on what the page is for; gives the store that is shown."""
    arrive(title)
    st.title(title, anchor=False)
    st.caption(sentence)
    links.say()
    shown = readers.store()
    if trouble := readers.unreadable(shown):
        _report(trouble)
    return shown


def _report(trouble: list[Odd]) -> None:
    """One notice on a page: what cannot be read, each thing once, with what to do."""
    one = len(trouble) == 1
    what = (
        "1 thing cannot be read and is" if one else f"{len(trouble)} things cannot be read and are"
    )
    with st.expander(f"{what} left out", icon=":material/folder_off:"):
        for place, reason in trouble[:MOST_NAMED]:
            st.text(f"{quotable(place.name)}: {reason}")
        if len(trouble) > MOST_NAMED:
            st.caption(f"and {len(trouble) - MOST_NAMED} more")


def finding(*sentences: str) -> None:
    """What the page finds, computed: the first thing on it."""
    for sentence in filter(None, sentences):
        st.markdown(f"**{words.plain(sentence)}**")


def empty(sentence: str, *, button: str, page: str, **query: str | list[str]) -> None:
    """Says what is missing and offers the one step that mends it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(sentence, text_alignment="center")
        if st.button(button, type="primary", icon=":material/arrow_forward:", key=f"empty_{page}"):
            st.switch_page(path(page), query_params=query or None)
