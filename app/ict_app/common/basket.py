"""The figures that were collected: kept in the user's store, so that a refresh or a restart loses none."""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict

import streamlit as st

from ict.errors import IctError
from ict.figures import collected
from ict.figures.asked import Request
from ict.figures.export import FigureBundle, Printed
from ict.figures.from_store import request_bundle
from ict.figures.styles import STYLES, restyle
from ict.store import Store
from ict.store import basket as kept
from ict.store.basket import Entry
from ict_app.common import published, readers, words

_WIDTHS = {"As drawn": None, "One column": "column", "The whole text": "text"}
_AS_PAGE = "as the page"


def add(request: Request, name: str, shown: Store) -> bool:
    """Collects a figure that a page shows, after it was drawn once; False if it is there already."""
    entry = collected.entry_of(request, name, example=readers.is_example(shown))
    _drawn(json.dumps(entry.request), str(shown.root), _moment(shown))
    return kept.add(readers.own_store(), entry) is not None


def entries() -> list[Entry]:
    """What was collected, in its order. Raises InputError where the file cannot be read."""
    return kept.entries(readers.own_store())


def draw(entry: Entry) -> FigureBundle:
    """The figure of an entry under its name and caption; raises IctError where a source is gone."""
    shown = readers.own_store() if entry.store == "own" else Store(readers.EXAMPLE)
    drawn = _drawn(json.dumps(entry.request), str(shown.root), _moment(shown))
    return collected.named(drawn, entry)


@st.cache_resource(max_entries=2 * kept.MOST, ttl=300, show_spinner=False)
def _drawn(form: str, root: str, moment: object) -> FigureBundle:
    """A figure as its store was at `moment`: 24 of them take a second at every click otherwise."""
    return request_bundle(collected.request_of(form), Store(root))


def _moment(shown: Store) -> object:
    return (
        readers.stamp(shown.index_path),
        readers.stamp(shown.runs_dir),
        readers.stamp(shown.scores_dir),
    )


def rows(found: Sequence[Entry], style: str) -> tuple[list[Printed], dict[str, str]]:
    """Draws each entry with its controls; gives what can be exported, and why the others cannot."""
    sheets, missing = [], {}
    for number, entry in enumerate(found):
        with st.container(border=True):
            try:
                sheet = collected.printed(draw(entry), entry, style)
            except IctError as error:
                missing[entry.name] = str(error)
                sheet = None
            _controls(entry, sheet, first=number == 0, last=number == len(found) - 1)
            if sheet is None:
                st.error(words.plain(missing[entry.name]), icon=":material/error:")
            else:
                sheets.append(sheet)
                _preview(entry, sheet)
    return sheets, missing


def _preview(entry: Entry, sheet: Printed) -> None:
    caption = sheet.bundle.caption_text
    st.plotly_chart(
        restyle(sheet.bundle.figure, STYLES[sheet.style], sheet.span), theme=None, width="content",
        key=f"preview_{entry.id}", config={"staticPlot": True}, alt=caption,
    )  # fmt: skip
    st.caption(words.plain(caption))


def _controls(entry: Entry, sheet: Printed | None, *, first: bool, last: bool) -> None:
    """The name of a figure, and what can be done with it."""
    store = readers.own_store()
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            st.markdown(f"**{words.plain(entry.name)}**")
        published.button(
            "Up", icon=":material/arrow_upward:", key=f"up_{entry.id}", disabled=first,
            type="tertiary", on_click=_try, args=(lambda: kept.move(store, entry.id, -1),),
        )  # fmt: skip
        published.button(
            "Down", icon=":material/arrow_downward:", key=f"down_{entry.id}", disabled=last,
            type="tertiary", on_click=_try, args=(lambda: kept.move(store, entry.id, 1),),
        )  # fmt: skip
        if sheet is not None:
            with st.popover(
                "LaTeX", icon=":material/content_copy:", type="tertiary", key=f"tex_{entry.id}"
            ):
                st.code(collected.latex(sheet), language="latex")
            with st.popover(
                "Edit", icon=":material/edit:", type="tertiary", key=f"edit_{entry.id}"
            ):
                _form(entry, sheet)
        published.button(
            "Remove", icon=":material/close:", key=f"remove_{entry.id}", type="tertiary",
            on_click=_try, args=(lambda: kept.remove(store, entry.id),),
        )  # fmt: skip


def _form(entry: Entry, sheet: Printed) -> None:
    """Name, caption, style and width; filled anew when another tab changed them."""
    state = zlib.crc32(json.dumps(asdict(entry)).encode())
    with st.form(f"form_{entry.id}_{state}", border=False):
        name = st.text_input("Name", entry.name, max_chars=80, help="Of its files, too.")
        caption = st.text_area(
            "Caption", sheet.bundle.caption_text, max_chars=kept.LONGEST_CAPTION, height=140,
            help="Empty: the figure's own.",
        )  # fmt: skip
        styles = [_AS_PAGE, *STYLES]
        chosen = entry.style if entry.style in STYLES else _AS_PAGE
        style = st.selectbox("Style", styles, styles.index(chosen))
        widths = list(_WIDTHS)
        width = st.selectbox("Width", widths, list(_WIDTHS.values()).index(entry.span))
        if not published.submit("Save"):
            return
    own_words = entry.caption is None and caption == sheet.bundle.caption_text
    changes = {
        "name": name.strip(),
        "caption": None if own_words or not caption.strip() else caption.strip(),
        "style": None if style == _AS_PAGE else style,
        "span": _WIDTHS[width],
    }
    try:
        kept.edit(readers.own_store(), entry.id, **changes)
    except IctError as error:
        st.error(words.plain(error), icon=":material/edit:")
    else:
        st.rerun()


def _try(change: Callable[[], None]) -> None:
    """Does what was clicked; a refusal of the disk is said, and nothing has changed."""
    try:
        change()
    except IctError as error:
        st.toast(words.plain(error), icon=":material/error:")
