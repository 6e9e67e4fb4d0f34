"""Names in a figure are text: Plotly reads `<b>`, `<a href>` and `<span style>` in them as markup.

Of markup a figure has its own line breaks and `<extra>` of hover boxes; every other `<` is written so
that Plotly shows it.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go

_NOT_OURS = re.compile(r"<(?!br>|extra>|/extra>)")
_OF_TRACES = ("name", "text", "hovertext", "hovertemplate", "texttemplate", "x", "y", "labels")
_OF_AXES = ("ticktext", "categoryarray")


def show_names_as_they_are(figure: go.Figure) -> go.Figure:
    """Escapes markup in all that `figure` shows, in place; what a click gives (customdata) stays."""
    for part, name in _texts(figure):
        value = part[name]
        shown = _plain(value)
        if shown is not value:
            part[name] = shown
    return figure


def _texts(figure: go.Figure) -> Iterator[tuple[Any, str]]:
    """(object, property) of each text, or array that may hold texts."""
    for trace in figure.data:
        yield from ((trace, name) for name in _OF_TRACES if name in trace)
    axes = [*figure.select_xaxes(), *figure.select_yaxes()]
    yield from ((axis, name) for axis in axes for name in _OF_AXES)
    yield from ((axis.title, "text") for axis in axes)
    yield from ((one, "text") for one in figure.layout.annotations)
    yield figure.layout.title, "text"
    yield figure.layout.legend.title, "text"
    yield figure.layout.coloraxis.colorbar.title, "text"


def _plain(value: Any) -> Any:
    """`value` with what is no markup of ours escaped: the same object where there is none."""
    if isinstance(value, str):
        return _NOT_OURS.sub("&lt;", value) if _NOT_OURS.search(value) else value
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        value = tuple(value.tolist())
    if isinstance(value, (list, tuple)):
        shown = [_plain(one) for one in value]
        return shown if any(a is not b for a, b in zip(shown, value, strict=True)) else value
    return value
