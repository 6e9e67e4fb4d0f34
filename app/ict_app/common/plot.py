"""A figure on a page: drawn in our look, with what takes it into a paper beside it."""

import contextlib
import functools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.basedatatypes import BaseFigure

from ict.errors import IctError
from ict.figures import browser_config
from ict.figures.asked import Request
from ict.figures.export import FORMATS, NEED_CHROME, FigureBundle, export, missing_formats
from ict.figures.from_store import request_bundle
from ict.figures.plain import plain
from ict.figures.theme import PlotlyJSON
from ict.store import Store
from ict_app.common import basket, chrome, published, readers, words

KINDS = {"tex": "LaTeX table", "txt": "Caption", "json": "Provenance"}  # others as they are


def draw(
    figure: go.Figure,
    name: str,
    alt: str,
    *,
    key: str | None = None,
    request: Request | None = None,
    on_page: go.Figure | None = None,
    height: int | None = None,
    **options: Any,
) -> None:
    """Draws `figure` with an *Export* menu when `request`, which draws it from the store, is given.

    An export is what `ict figure` makes of the request, so that its caption, table and provenance are
    the command's; a test holds the page's figure to it. `alt` is for those who do not see it; `on_page`
    is drawn in its place where the page needs more than the paper, such as cells to click. `height`
    stands in the place of the figure's own, in pixels.
    """
    key = key or name
    st.plotly_chart(
        _plain(on_page or figure, height), theme=None, key=key, config=browser_config(name), alt=alt, **options
    )  # fmt: skip
    if request is not None:
        shown = readers.store()
        _menu(key, _safe(name), request, shown)
        chrome.figure_shown()


@dataclass(frozen=True)
class _Asked:
    """A figure by what it is drawn of."""

    of: Hashable
    draw: Callable[[], go.Figure] = field(compare=False)


@functools.lru_cache(maxsize=200)
def _once(asked: _Asked) -> go.Figure:
    return kept(asked.draw())


def kept(figure: go.Figure) -> go.Figure:
    """`figure`, which nobody changes from now on: it is made plain once."""
    vars(figure)["_plain"] = _Plain(plain(figure))
    return figure


class _Plain(BaseFigure):
    """A figure as the browser gets it: made plain once, however often a page hands it over."""

    def __init__(self, spec: PlotlyJSON) -> None:
        self._spec = spec

    def to_dict(self) -> PlotlyJSON:
        return self._spec


def _plain(figure: go.Figure, height: int | None) -> BaseFigure:
    found = vars(figure).get("_plain")
    kept_one = found if isinstance(found, _Plain) else _Plain(plain(figure))
    if height is None:
        return kept_one
    spec = kept_one.to_dict()
    return _Plain({**spec, "layout": {**spec["layout"], "height": height}})


def level(*figures: go.Figure) -> int:
    """The height in pixels of figures that stand side by side, so that what is below them does too."""
    return max(int(figure.layout.height) for figure in figures)


def once(draw: Callable[..., go.Figure], *of: Any, seen: Hashable, **look: Hashable) -> go.Figure:
    """`draw(*of, **look)`, kept for whoever asks with the same look for what was `seen` of the rest.

    That is all that the figure depends on: values, or stamps of the files that they were read from.
    Drawing is what a page's time goes into: Plotly checks each property.
    """
    key = (draw, seen, tuple(sorted(look.items())))
    return _once(_Asked(key, functools.partial(draw, *of, **look)))


def clicked(key: str) -> list[Any] | None:
    """The customdata of the one point that was clicked in the figure `key`; None without one."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    data = points[0].get("customdata") if len(points) == 1 else None
    # arrays come back from the browser as {"0": …, "1": …}
    return list(data.values() if isinstance(data, dict) else data) if data else None


def _safe(name: str) -> str:
    """`name` as a file may be called."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def _menu(key: str, name: str, request: Request, shown: Store) -> None:
    def bundle() -> FigureBundle:
        return request_bundle(request, shown, name=name)

    place = st.container(horizontal=True, horizontal_alignment="right")
    menu = place.popover("Export", type="tertiary", icon=":material/download:", key=f"menu_{key}")
    with menu:
        if published.button("Add to Figures", icon=":material/add:", key=f"add_{key}"):
            with _said():
                new = basket.add(request, name, shown)
                said = "Added: see the page Figures" if new else "It is in Figures already"
                st.toast(said, icon=":material/check:")
        for kind in FORMATS:
            if kind not in NEED_CHROME or not _no_chrome():
                st.download_button(
                    KINDS.get(kind, kind.upper()), _Download(bundle, kind), f"{name}.{kind}",
                    key=f"{kind}_{key}", on_click="ignore", type="tertiary",
                )  # fmt: skip
        if sentence := _no_chrome():
            st.caption(sentence)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Says on the page why an export cannot be made, such as a file that is gone by now."""
    try:
        yield
    except IctError as error:
        st.error(words.plain(error), icon=":material/error:")


class _Download:
    """Makes the file only when it is asked for."""

    def __init__(self, bundle: Callable[[], FigureBundle], kind: str) -> None:
        self._bundle, self._kind = bundle, kind

    def __call__(self) -> bytes:
        try:
            return next(iter(export(self._bundle(), "iclr", (self._kind,)).values()))
        except IctError as error:
            return f"{error}\n".encode()


@st.cache_data(max_entries=1, ttl=300, show_spinner=False)
def _no_chrome() -> str | None:
    return missing_formats()


def no_chrome() -> str | None:
    """Why PDF, SVG and PNG cannot be made here; None if they can."""
    return _no_chrome()
