"""A figure on a page: drawn in our look, with what takes it into a paper beside it."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ict.errors import IctError
from ict.figures import browser_config
from ict.figures.export import FORMATS, NEED_CHROME, FigureBundle, export, missing_formats
from ict_app import readers

BASKET = "basket"
KINDS = {"tex": "LaTeX table", "txt": "Caption", "json": "Provenance"}  # others as they are
Rows = pd.DataFrame | Sequence[dict[str, Any]]


def draw(
    figure: go.Figure,
    name: str,
    alt: str,
    *,
    key: str | None = None,
    table: Callable[[], Rows] | None = None,
    origin: dict[str, Any] | None = None,
    on_page: go.Figure | None = None,
    **options: Any,
) -> None:
    """Draws `figure` with an *Export* menu when `table`, what it was drawn from, is given.

    `alt` is for those who do not see it; `origin` (run ids, score ids, command) goes into exports.
    `on_page` is drawn in its place where the page needs more than the paper, such as cells to click.
    """
    key = key or name
    st.plotly_chart(
        on_page or figure, theme=None, key=key, config=browser_config(name), alt=alt, **options
    )  # fmt: skip
    if table is not None:
        _menu(key, _safe(name), lambda: _bundle(figure, name, table, origin))


def clicked(key: str) -> list[Any] | None:
    """The customdata of the one point that was clicked in the figure `key`; None without one."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    data = points[0].get("customdata") if len(points) == 1 else None
    # arrays come back from the browser as {"0": …, "1": …}
    return list(data.values() if isinstance(data, dict) else data) if data else None


def _bundle(
    figure: go.Figure, name: str, table: Callable[[], Rows], origin: dict[str, Any] | None
) -> FigureBundle:
    store = {"store": str(readers.store().root)}
    return FigureBundle(
        _safe(name), figure, pd.DataFrame(table()), provenance={**store, **(origin or {})}
    )


def _safe(name: str) -> str:
    """`name` as a file may be called."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def _menu(key: str, name: str, bundle: Callable[[], FigureBundle]) -> None:
    place = st.container(horizontal=True, horizontal_alignment="right")
    menu = place.popover("Export", type="tertiary", icon=":material/download:", key=f"menu_{key}")
    with menu:
        if st.button("Add to Figures", icon=":material/add:", key=f"add_{key}"):
            add(bundle())
            st.toast("Added: see the page Figures", icon=":material/check:")
        for kind in FORMATS:
            if kind not in NEED_CHROME or not _no_chrome():
                st.download_button(
                    KINDS.get(kind, kind.upper()), _Download(bundle, kind), f"{name}.{kind}",
                    key=f"{kind}_{key}", on_click="ignore", type="tertiary",
                )  # fmt: skip
        if sentence := _no_chrome():
            st.caption(sentence)


class _Download:
    """Makes the file only when it is asked for."""

    def __init__(self, bundle: Callable[[], FigureBundle], kind: str) -> None:
        self._bundle, self._kind = bundle, kind

    def __call__(self) -> bytes:
        try:
            return next(iter(export(self._bundle(), "iclr", (self._kind,)).values()))
        except IctError as error:
            return f"{error}\n".encode()


@st.cache_data(ttl=300, show_spinner=False)
def _no_chrome() -> str | None:
    return missing_formats()


def add(bundle: FigureBundle) -> None:
    """Puts a figure into the basket of this browser session; a second one of its name beside it."""
    basket = st.session_state.setdefault(BASKET, {})
    name, number = bundle.name, 2
    while name in basket and basket[name].figure.to_json() != bundle.figure.to_json():
        name, number = f"{bundle.name}-{number}", number + 1
    basket[name] = bundle


def basket() -> dict[str, FigureBundle]:
    return st.session_state.setdefault(BASKET, {})  # type: ignore[no-any-return]


def no_chrome() -> str | None:
    """Why PDF, SVG and PNG cannot be made here; None if they can."""
    return _no_chrome()
