"""A figure that is drawn on a page by the command that exports it, so that both are one."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ict.figures import apply
from ict.figures.asked import Request
from ict.figures.export import FigureBundle
from ict.figures.from_store import request_bundle
from ict.store import Store
from ict_app.common import plot, readers, shell


@st.cache_resource(max_entries=200, show_spinner=False)
def _bundle(root: str, _request: Request, command: str, seen: Hashable) -> FigureBundle:
    return request_bundle(_request, Store(root))


def level(requests: Sequence[Request], *, seen: Hashable) -> int:
    """The height in pixels of figures that stand side by side."""
    shown = readers.store()
    bundles = [_bundle(str(shown.root), one, one.command(shown), seen) for one in requests]
    return plot.level(*(bundle.figure for bundle in bundles))


def draw(
    request: Request,
    alt: str,
    *,
    seen: Hashable,
    on_page: Callable[[go.Figure], go.Figure] | None = None,
    **options: Any,
) -> None:
    """What `ict figure` draws of the request, in the theme of the page; `seen` are stamps of its files.

    `on_page` adds what the page needs more than the paper. Raises InputError as the command does.
    """
    shown = readers.store()
    bundle = _bundle(str(shown.root), request, request.command(shown), seen)
    figure = apply(bundle.figure, shell.theme())
    plot.draw(
        figure, request.name, alt, request=request, on_page=on_page(figure) if on_page else None,
        **options,
    )  # fmt: skip
