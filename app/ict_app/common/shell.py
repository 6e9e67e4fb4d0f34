"""The frame of every page: navigation, sidebar, heading, empty states, theme."""

import functools
from collections.abc import Callable
from typing import Literal, NoReturn, ParamSpec

import streamlit as st

from ict.documents.records import Odd
from ict.documents.shapes import shown as quotable
from ict.errors import IctError, InputError
from ict.store import Store
from ict_app.common import address, legible, links, notices, published, readers, visit, words
from ict_app.common.places import ROOT, SECTIONS, path
from ict_app.jobs import sidebar as jobs_line

ICON = str(ROOT / "assets" / "icon.png")  # a named icon would be fetched from the network
P = ParamSpec("P")
MOST_NAMED = 200  # things that cannot be read; more would be a page of them


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
        for section, entries in SECTIONS.items()
    }  # fmt: skip
    typed = st.Page(path("train"), title="Train", url_path="train", visibility="hidden")
    next(iter(by_slug.values())).append(typed)
    return by_slug


_STYLE = """
/* both stores in one line of the sidebar */
[data-testid="stSidebar"] [role="radiogroup"] { flex-wrap: nowrap; }
[data-testid="stSidebar"] [role="radiogroup"] > * { padding-inline: 0.25rem; }
/* buttons side by side are as high as the boxes beside them, so that their labels are level */
button[data-variant="segmented_control"] { min-height: 2.5rem; }
/* numbers that go into a second row stand close to the first */
[data-testid="stHorizontalBlock"]:has(> * > [data-testid="stMetric"]) { row-gap: 0.75rem; }
/* below 1000 px figures that stand side by side go below each other */
@media (max-width: 1000px) {
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .stPlotlyChart)
  > [data-testid="stColumn"] { min-width: 100%; }
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .stPlotlyChart) { flex-wrap: wrap; }
}
"""


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
    st.html(f"<style>{_STYLE}{legible.style(theme())}</style>")
    legible.name_sections()
    with st.sidebar:
        _switch()
        published.notice()
        visit.current().counts = st.container()
        st.session_state["notify_wanted"] = notices.switch()
        jobs_line.draw()
        st.caption(f"Your store: {words.plain(readers.own_store().root)}")


def _switch() -> None:
    """The switch between the example and the visitor's own store."""
    first = readers.default_store()
    if readers.EXAMPLE.is_dir():
        address.segmented("Store", readers.STORES, key="store", default=first, width="stretch")
    if readers.is_example(readers.store()):
        why = "Your store is empty: what you see is" if first == "example" else "What you see is"
        where = "" if published.refusal() else " Runs that you start go to your own store."
        st.info(f"{why} the **example study**.{where}")


def counts() -> None:
    """In the sidebar, once the page has done what was asked of it: how many runs there are."""
    shown = readers.store()
    alive = any(row.status in ("running", "queued") for row in readers.run_rows(shown))
    with visit.current().counts or st.sidebar:
        st.fragment(_counts, run_every=2 if alive else 10)(str(shown.root))


def _counts(root: str) -> None:
    """How many runs there are and are on their way; looks again while one is."""
    shown = Store(root)
    rows = readers.run_rows(shown)
    notices.tell(root, rows, wanted=st.session_state.get("notify_wanted", False))
    running = sum(row.status == "running" for row in rows)
    queued = sum(row.status == "queued" for row in rows)
    state = f"{running} running" + (f", {queued} queued" if queued else "")
    where = "In the example: " if readers.is_example(shown) else ""
    st.caption(f"{where}{words.runs(len(rows))}, {state}")


def heading(title: str, sentence: str) -> Store:
    """Title and one sentence on what the page is for; gives the store that is shown."""
    tab(title)
    st.title(title, anchor=False)
    st.caption(sentence)
    here = visit.current()
    here.notices = st.container()
    if here.refused:
        address.tell(links.sentence(here.refused))
        here.refused = {}
    shown = readers.store()
    if trouble := readers.unreadable(shown):
        _report(trouble)
    return shown


def tab(title: str, of: str | None = None) -> None:
    """What the browser's tab is called: the page, after what it shows."""
    st.set_page_config(page_title=" · ".join(filter(None, (of, title))) + " – ict")


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


def part(draw: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Draws a part of the page that its own controls draw anew; what it cannot draw is one sentence."""

    @functools.wraps(draw)  # streamlit tells parts apart by the names of their functions
    def told() -> None:
        try:
            draw(*args, **kwargs)
        except IctError as error:
            st.error(words.plain(error), icon=":material/error:")

    st.fragment(told)()


def finding(*sentences: str) -> None:
    """What the page finds, computed: the first thing on it."""
    for sentence in filter(None, sentences):
        st.markdown(f"**{words.plain(sentence)}**")


class EndOfPage(Exception):  # noqa: N818 -- nothing went wrong
    """A page has nothing more to draw."""


def stop() -> NoReturn:
    """Ends the page. Not `st.stop`, after which streamlit keeps the fragments of what stood there before:

    one that polls would draw over the next page, and the sidebar's counts would not be drawn.
    """
    raise EndOfPage


def empty(
    sentence: str, *, button: str, page: str, command: str | None = None, **query: str | list[str]
) -> None:
    """Says what is missing and offers the one step that mends it, with the command that does the same."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(sentence, text_alignment="center")
        if command is not None:
            st.code(command, language="bash", wrap_lines=True)
        if st.button(button, type="primary", icon=":material/arrow_forward:", key=f"empty_{page}"):
            address.go(page, **query)
